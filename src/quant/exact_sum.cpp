#include "quant/exact_sum.h"

#include <algorithm>

namespace tendon {

std::string ExactSum::to_text() const {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  using Magnitude = unsigned __int128;
  Magnitude left = units_ < 0 ? -static_cast<Magnitude>(units_) : static_cast<Magnitude>(units_);
  std::string text;
  do {
    text += kDigits[static_cast<size_t>(left % 16)];
    left /= 16;
  } while (left != 0);
  if (units_ < 0) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

std::optional<ExactSum> ExactSum::from_text(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  constexpr size_t kMostDigits = 31;
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  ExactSum sum;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    sum.units_ = sum.units_ * 16 + (digit ? c - '0' : c - 'a' + 10);
  }
  if (negative) sum.units_ = -sum.units_;
  return sum;
}

}  // namespace tendon
