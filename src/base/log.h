// log_info("{} layers", n) and its siblings over the public Logger.
#pragma once

#include <tendon/log.h>

#include "base/format.h"

namespace tendon {

template <class... Args>
void log(Severity severity, fmt::format_string<Args...> text, Args&&... args) {
  Logger& logger = Logger::global();
  if (logger.enabled(severity)) {
    logger.log(severity, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log(Severity::kInfo, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_verbose(fmt::format_string<Args...> text, Args&&... args) {
  log(Severity::kVerbose, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
  log(Severity::kWarning, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
  log(Severity::kError, text, std::forward<Args>(args)...);
}

/// Why a command ends in failure: shown even when everything else is silent. Throws nothing.
template <class... Args>
void log_critical(fmt::format_string<Args...> text, Args&&... args) {
  log(Severity::kCritical, text, std::forward<Args>(args)...);
}

}  // namespace tendon
