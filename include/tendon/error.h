// Error: the one exception type that Tendon throws, and the exit status it maps to.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tendon {

/// Why a call failed. The numeric value is the exit status of the `tendon` program.
enum class ErrorKind : int {
  kCheckFailed = 1,  ///< a comparison or check did not hold
  kUsage = 2,        ///< the caller asked for something that makes no sense
  kBadInput = 3,     ///< a file or data from outside is damaged, foreign or does not fit
  kUnsupported = 4,  ///< well formed, but this build or machine cannot do it
  kInternal = 5,     ///< a defect of Tendon
};

/// The message says where, what was found, what was expected and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const { return kind_; }
  int exit_status() const { return static_cast<int>(kind_); }

  /// The same error with `context` in front, for example a file or node name.
  Error within(std::string_view context) const {
    return Error(kind_, std::string(context) + ": " + what());
  }

 private:
  ErrorKind kind_;
};

}  // namespace tendon
