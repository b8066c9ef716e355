// A bar redrawn ten times a second, or a log line every five seconds.
#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace tendon::cli {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kBarInterval{100};
constexpr milliseconds kLineInterval{5000};
constexpr int kBarWidth = 24;

bool terminal_can_redraw() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

Progress::Progress(std::string label, int64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(std::max<int64_t>(1, total)),
      bar_(terminal_can_redraw()) {}

Progress::~Progress() {
  if (bar_ && shown_ != start_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(int64_t steps) {
  done_ = std::min(done_ + steps, total_);
  const auto now = Clock::now();
  if (now - shown_ < (bar_ ? kBarInterval : kLineInterval)) return;
  if (!Logger::global().enabled(Severity::kInfo)) return;
  shown_ = now;
  show();
}

void Progress::show() {
  const double share = static_cast<double>(done_) / static_cast<double>(total_);
  const double elapsed = std::chrono::duration<double>(shown_ - start_).count();
  const double left = elapsed / share - elapsed;
  const std::string text = fmt::format("{}: {}/{} {}, {:.0f}% done, {:.0f} s left", label_, done_,
                                       total_, unit_, share * 100.0, left);
  if (!bar_) {
    log_info("{}", text);
    return;
  }
  const int filled = static_cast<int>(share * kBarWidth);
  fmt::print(stderr, "\r\033[K[{:#<{}}{:.<{}}] {}", "", filled, "", kBarWidth - filled, text);
  std::fflush(stderr);
}

}  // namespace tendon::cli
