#include "compare/worst_frames.h"

#include <algorithm>
#include <cstdlib>

namespace tendon {

bool WorstFrames::are_close(const Entry& entry, const FrameId* frame) const {
  return frame != nullptr && entry.frame.episode == frame->episode &&
         std::abs(entry.frame.step - frame->step) < distance_;
}

bool WorstFrames::wants(double error, const FrameId* frame) const {
  bool is_close = false;
  bool is_worse = entries_.size() < capacity_;
  for (const Entry& entry : entries_) {
    if (are_close(entry, frame)) {
      is_close = true;
      if (entry.worst.error >= error) return false;
    }
    is_worse = is_worse || error > entry.worst.error;
  }
  return error > 0 && (is_close || is_worse);
}

void WorstFrames::put(WorstFrame worst, const FrameId* frame) {
  std::erase_if(entries_, [&](const Entry& entry) { return are_close(entry, frame); });
  entries_.push_back({std::move(worst), frame == nullptr ? FrameId{-1, 0} : *frame});
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.worst.error > b.worst.error; });
  if (entries_.size() > capacity_) entries_.pop_back();
}

std::vector<WorstFrame> WorstFrames::take() {
  std::vector<WorstFrame> worst;
  for (Entry& entry : entries_) worst.push_back(std::move(entry.worst));
  entries_.clear();
  return worst;
}

}  // namespace tendon
