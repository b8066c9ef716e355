// What every reader promises: damage is an Error that blames the input, never an internal one.
#pragma once

#include <tendon/error.h>
#include <tendon/log.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace tendon::fuzzing {

/// Calls read(bytes) and ends the program where that throws anything else than such an Error.
template <class Read>
int check_reader(const uint8_t* data, size_t size, const Read& read) {
  Logger::global().set_severity(Severity::kCritical);
  try {
    read(std::as_bytes(std::span(data, size)));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInternal) return 0;
    Logger::global().log(Severity::kCritical, error.what());
    __builtin_trap();
  }
  return 0;
}

}  // namespace tendon::fuzzing
