// Progress of long work on standard error: a bar on a terminal, plain lines otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tendon::cli {

/// Silent when the logger drops kInfo messages. Not for use from several threads at once.
class Progress {
 public:
  /// `total` steps of `unit`, such as "frames".
  Progress(std::string label, int64_t total, std::string unit);
  /// Ends the bar's line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(int64_t steps = 1);

 private:
  using Clock = std::chrono::steady_clock;
  void show();

  std::string label_;
  std::string unit_;
  int64_t total_;
  int64_t done_ = 0;
  bool bar_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_ = start_;
};

}  // namespace tendon::cli
