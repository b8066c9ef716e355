// The process-wide logger: level filter, indentation, colours on a terminal only, optional file.
#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

#include "base/printable.h"

namespace tendon {
namespace {

thread_local int t_indent = 0;

struct State {
  std::mutex mutex;
  std::atomic<int> severity{static_cast<int>(Severity::kInfo)};
  std::function<void(Severity, std::string_view)> sink;
  std::FILE* file = nullptr;
  std::set<std::string, std::less<>> seen;
  bool colour = isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr &&
                std::string_view(std::getenv("TERM") ? std::getenv("TERM") : "dumb") != "dumb";
};

State& state() {
  static State instance;
  return instance;
}

char letter_of(Severity severity) {
  switch (severity) {
    case Severity::kUltraVerbose: return 'U';
    case Severity::kSuperVerbose: return 'S';
    case Severity::kExtraVerbose: return 'X';
    case Severity::kVerbose: return 'V';
    case Severity::kInfo:
    case Severity::kStart:
    case Severity::kFinish: return 'I';
    case Severity::kWarning: return 'W';
    case Severity::kError: return 'E';
    case Severity::kCritical: return '!';
  }
  return '?';
}

const char* colour_of(Severity severity) {
  switch (severity) {
    case Severity::kStart: return "\033[96m";
    case Severity::kFinish: return "\033[92m";
    case Severity::kWarning: return "\033[93m";
    case Severity::kError:
    case Severity::kCritical: return "\033[91m";
    case Severity::kInfo: return "";
    default: return "\033[90m";
  }
}

std::string indented(Severity severity, std::string_view message) {
  const std::string margin(static_cast<size_t>(t_indent) * 4, ' ');
  std::string line = fmt::format("[{}] {}", letter_of(severity), margin);
  for (const char c : printable(message)) {
    line += c;
    if (c == '\n') line += "    " + margin;
  }
  return line;
}

}  // namespace

Logger& Logger::global() {
  static Logger instance;
  return instance;
}

void Logger::set_severity(Severity severity) { state().severity = static_cast<int>(severity); }

Severity Logger::severity() const { return static_cast<Severity>(state().severity.load()); }

void Logger::set_log_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "a");
  if (file == nullptr) {
    fail(ErrorKind::kUsage, "cannot open the log file '{}': {}; name a file that can be written",
         path, std::string(std::strerror(errno)));
  }
  const std::lock_guard lock(state().mutex);
  if (state().file != nullptr) std::fclose(state().file);
  state().file = file;
}

void Logger::set_sink(std::function<void(Severity, std::string_view)> sink) {
  const std::lock_guard lock(state().mutex);
  state().sink = std::move(sink);
}

bool Logger::enabled(Severity severity) const {
  return static_cast<int>(severity) >= state().severity.load(std::memory_order_relaxed);
}

void Logger::log(Severity severity, std::string_view message) {
  if (!enabled(severity)) return;
  const std::string line = indented(severity, message);
  const std::lock_guard lock(state().mutex);
  if (state().file != nullptr) {
    std::fprintf(state().file, "%s\n", line.c_str());
    std::fflush(state().file);
  }
  if (state().sink) {
    state().sink(severity, line);
  } else if (state().colour && *colour_of(severity) != '\0') {
    std::fprintf(stderr, "%s%s\033[0m\n", colour_of(severity), line.c_str());
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

void Logger::log_once(Severity severity, std::string_view message) {
  if (!enabled(severity)) return;
  {
    const std::lock_guard lock(state().mutex);
    if (!state().seen.emplace(message).second) return;
  }
  log(severity, message);
}

Logger::Indent::Indent() { ++t_indent; }
Logger::Indent::~Indent() { --t_indent; }

}  // namespace tendon
