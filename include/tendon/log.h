// Logger with Polygraphy's severities.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace tendon {

/// Polygraphy's numeric levels. kStart and kFinish print as [I].
enum class Severity : int {
  kUltraVerbose = -20,
  kSuperVerbose = -10,
  kExtraVerbose = 0,
  kVerbose = 10,
  kInfo = 20,
  kStart = 22,
  kFinish = 28,
  kWarning = 30,
  kError = 40,
  kCritical = 50,
};

/// Process-wide logger; safe to use from several threads. Messages go to standard error and, when
/// set, to a file. Nothing is coloured unless standard error is a terminal and NO_COLOR is unset.
class Logger {
 public:
  static Logger& global();

  /// Messages below `severity` are dropped. Default kInfo.
  void set_severity(Severity severity);
  Severity severity() const;
  /// Also appends every message that passes to `path`. Throws Error{kUsage} if it cannot be opened.
  void set_log_file(const std::string& path);
  /// Replaces standard error, for tests and embedding; empty restores it.
  void set_sink(std::function<void(Severity, std::string_view line)> sink);

  bool enabled(Severity severity) const;
  void log(Severity severity, std::string_view message);
  /// Drops the message when the same text was logged before.
  void log_once(Severity severity, std::string_view message);

  /// While alive, messages are indented by four more blanks.
  class Indent {
   public:
    Indent();
    ~Indent();
    Indent(const Indent&) = delete;
    Indent& operator=(const Indent&) = delete;
  };
};

}  // namespace tendon
