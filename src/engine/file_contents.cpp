#include "engine/file_contents.h"

#include <algorithm>
#include <atomic>

#include "base/checksum.h"
#include "base/parallel.h"

namespace tendon::engine_file {

uint32_t checksum(std::span<const std::byte> bytes, const std::function<void()>& release) {
  uint32_t crc = 0;
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min(bytes.size(), kChecksumChunk));
    crc = crc32c(chunk, crc);
    bytes = bytes.subspan(chunk.size());
    if (release && chunk.size() == kChecksumChunk) release();
  }
  return crc;
}

Contents::Contents(std::string place, std::span<const std::byte> section, ByteReader& entries)
    : place_(std::move(place)), section_(section) {
  const auto count = entries.read<uint64_t>();
  if (count > entries.remaining() / sizeof(ContentEntry)) {
    fail_input("{}: {} parts are listed, but {} bytes of the list are left", place_, count,
               entries.remaining());
  }
  uint64_t offset = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const auto entry = entries.read<ContentEntry>();
    if (entry.reserved != 0 || entry.size > section.size() - offset ||
        aligned(entry.size) > section.size() - offset) {
      fail_input("{}: part {} of {} bytes at offset {} does not lie in the {} bytes of the section",
                 place_, i, entry.size, offset, section.size());
    }
    if (entry.size > 0) part_of_offset_[offset] = entries_.size();
    entries_.push_back(entry);
    offsets_.push_back(offset);
    offset += aligned(entry.size);
  }
  if (offset != section.size()) {
    fail_input("{}: has {} bytes, its parts have {}", place_, section.size(), offset);
  }
}

std::optional<size_t> Contents::part_at(const void* address) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const auto begin = reinterpret_cast<uintptr_t>(section_.data());
  if (at < begin || at - begin >= section_.size()) return std::nullopt;
  const auto found = part_of_offset_.find(at - begin);
  if (found == part_of_offset_.end()) return std::nullopt;
  return found->second;
}

std::span<const std::byte> Contents::padded(size_t i) const {
  return section_.subspan(offsets_[i], aligned(entries_[i].size));
}

void Contents::refuse(size_t i, uint32_t crc) const {
  fail_input(
      "{}: part {} ({} bytes at offset {}) is damaged: its checksum is {:08x}, expected {:08x}",
      place_, i, entries_[i].size, offsets_[i], crc, entries_[i].crc);
}

void Contents::check(size_t i) const {
  const uint32_t crc = crc32c(padded(i));
  if (crc != entries_[i].crc) refuse(i, crc);
}

void Contents::check_all() const {
  // Threads take the next part when they are through with one: sizes differ.
  std::atomic<size_t> next = 0;
  std::atomic<size_t> damaged = count();
  parallel_for(thread_count(), 1, [&](int64_t, int64_t) {
    for (size_t i = next++; i < count(); i = next++) {
      if (crc32c(padded(i)) != entries_[i].crc) damaged = i;
    }
  });
  if (damaged < count()) check(damaged);
}

void Contents::check_all(const std::vector<bool>& wanted,
                         const std::function<void()>& release) const {
  size_t since = 0;
  for (size_t i = 0; i < count(); ++i) {
    if (!wanted[i]) continue;
    const uint32_t crc = checksum(padded(i), release);
    if (crc != entries_[i].crc) refuse(i, crc);
    since += entries_[i].size;
    if (release && since >= kChecksumChunk) {
      release();
      since = 0;
    }
  }
}

}  // namespace tendon::engine_file
