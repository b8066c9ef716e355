#include "base/units.h"

#include <span>

#include "base/format.h"

namespace tendon {
namespace {

std::string with_unit(double value, double base, std::span<const char* const> units) {
  size_t unit = 0;
  while (value >= base && unit + 1 < units.size()) {
    value /= base;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}{}", value, units[unit])
                   : fmt::format("{:.1f}{}", value, units[unit]);
}

}  // namespace

std::string text_of_bytes(double bytes) {
  static constexpr const char* kUnits[] = {" B", " KiB", " MiB", " GiB"};
  return with_unit(bytes, 1024, kUnits);
}

std::string text_of_count(double count) {
  static constexpr const char* kUnits[] = {"", " k", " M", " G"};
  return with_unit(count, 1000, kUnits);
}

}  // namespace tendon
