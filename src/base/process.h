// Runs another program and waits for it.
#pragma once

#include <string>
#include <vector>

namespace tendon {

struct ProcessResult {
  int exit_status = 0;  ///< 127 when there is no such program, 128 + number after a signal
  std::string output;   ///< what it wrote to standard output, at most 16 MiB; empty if not captured
};

enum class ProcessOutput {
  kCapture,        ///< standard output becomes ProcessResult::output
  kStandardError,  ///< standard output goes where standard error goes
};

/// Runs `command` (program and arguments; no shell, program looked up in PATH) with an empty
/// standard input. Throws Error{kInternal} when the operating system refuses to start any process.
ProcessResult run_process(const std::vector<std::string>& command, ProcessOutput output);

}  // namespace tendon
