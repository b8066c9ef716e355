#include "base/printable.h"

#include "base/format.h"

namespace tendon {
namespace {

void append_escaped(std::string& result, unsigned char c) {
  if (c == '\n') {
    result += "\\n";
  } else if (c == '\t') {
    result += "\\t";
  } else {
    result += fmt::format("\\x{:02x}", c);
  }
}

std::string escaped(std::string_view text, std::string_view kept) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
      append_escaped(result, next);
      ++i;
    } else if ((c < 0x20 && kept.find(text[i]) == std::string_view::npos) || c == 0x7f) {
      append_escaped(result, c);
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, "\n\t"); }

std::string printable_line(std::string_view text) { return escaped(text, {}); }

}  // namespace tendon
