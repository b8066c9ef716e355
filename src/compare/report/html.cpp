#include "compare/report/html.h"

#include <cmath>
#include <limits>

#include "base/format.h"

namespace tendon::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr size_t kSeries = 6;

/// Length of the well-formed UTF-8 sequence at the start of `text`, or 0. Its value goes to `code`.
size_t decode(std::string_view text, uint32_t& code) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    code = first;
    return 1;
  }
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || length > text.size()) return 0;
  code = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < kLeast[length] || surrogate || code > 0x10FFFF ? 0 : length;
}

bool is_harmful(uint32_t code) {
  const bool control =
      (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
  const bool direction = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return control || direction;
}

std::string escape_up_to(std::string_view text, size_t characters) {
  std::string result;
  for (; !text.empty(); --characters) {
    if (characters == 0) return result + "…";
    uint32_t code = 0;
    const size_t length = decode(text, code);
    if (length == 0 || is_harmful(code)) {
      result += kReplacement;
    } else if (code == '&') {
      result += "&amp;";
    } else if (code == '<') {
      result += "&lt;";
    } else if (code == '>') {
      result += "&gt;";
    } else if (code == '"') {
      result += "&quot;";
    } else if (code == '\'') {
      result += "&#39;";
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

}  // namespace

std::string escaped(std::string_view text) {
  return escape_up_to(text, std::numeric_limits<size_t>::max());
}

std::string label(std::string_view text) { return escape_up_to(text, kLabelLength); }

std::string figure(double value) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  if (value == 0) return "0";
  const double size = std::abs(value);
  const char* sign = value < 0 ? "−" : "";
  if (size >= 99.95 && size < 1e6) return fmt::format("{}{:.0f}", sign, size);
  const std::string text = fmt::format("{:#.3g}", size);
  const size_t exponent = text.find('e');
  if (exponent == std::string::npos) return sign + text;
  const int power = std::stoi(text.substr(exponent + 1));
  return fmt::format("{}{}·10<sup>{}{}</sup>", sign, text.substr(0, exponent), power < 0 ? "−" : "",
                     std::abs(power));
}

std::string with_unit(double value, std::string_view unit) {
  return figure(value) + "\u202F" + label(unit_name(unit));
}

std::string_view unit_name(std::string_view unit) { return unit == "open" ? "of opening" : unit; }

std::string count_of(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string milliseconds(double seconds) { return figure(seconds * 1e3) + "\u202Fms"; }

std::string percent(double share) { return figure(100 * share) + "\u202F%"; }

std::string heading(std::string_view id, std::string_view title, std::string_view lead) {
  return fmt::format("<h2 id=\"{}\">{}</h2>\n<p class=\"lead\">{}</p>\n", id, title, lead);
}

std::string table(std::string_view head, std::string_view rows) {
  return fmt::format(
      "<div class=\"box\" tabindex=\"0\"><table>\n<thead>{}</thead>\n<tbody>\n{}</tbody>\n"
      "</table></div>\n",
      head, rows);
}

std::string series(size_t position) {
  return position == 0 ? "s0" : fmt::format("s{}", (position - 1) % (kSeries - 1) + 1);
}

}  // namespace tendon::report
