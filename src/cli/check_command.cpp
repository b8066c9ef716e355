#include "cli/check_command.h"

#include <tendon/error.h>

#include "base/format.h"
#include "base/process.h"

namespace tendon::cli {
namespace {

/// What a shell ends with when there is no such program.
constexpr int kNotFound = 127;

/// `text` within single quotes for a shell.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

int check_status(const std::string& command, const std::string& file) {
  std::string whole = command;
  const size_t place = whole.find("{}");
  if (place == std::string::npos) {
    whole += " " + quoted(file);
  } else {
    whole.replace(place, 2, quoted(file));
  }
  const int status =
      run_process({"/bin/sh", "-c", whole}, ProcessOutput::kStandardError).exit_status;
  if (status == kNotFound) {
    fail(ErrorKind::kUsage, "the check '{}' cannot run: the shell finds no such program", command);
  }
  return status;
}

}  // namespace tendon::cli
