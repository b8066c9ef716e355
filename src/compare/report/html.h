// Text and numbers as they stand in an HTML page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tendon::report {

/// Safe between tags and inside a double-quoted attribute: markup is escaped; bytes that are no
/// UTF-8, control characters and those that turn the direction of writing become U+FFFD.
std::string escaped(std::string_view text);
/// The same, cut to kLabelLength characters.
std::string label(std::string_view text);
inline constexpr size_t kLabelLength = 120;

/// Three significant digits as HTML: "0.00240", "12.3", "3.10·10<sup>−7</sup>"; "–" for NaN, "∞"
/// for infinity.
std::string figure(double value);
/// "0.00241 rad", with a thin space that does not break.
std::string with_unit(double value, std::string_view unit);
/// A joint's unit in words: "of opening" for "open".
std::string_view unit_name(std::string_view unit);
/// "1 frame", "2 frames"
std::string count_of(int64_t count, std::string_view noun);
/// "12.3 ms"
std::string milliseconds(double seconds);
/// 0.123 as "12.3 %"
std::string percent(double share);

/// <h2 id="id">title</h2><p class="lead">lead</p>; `lead` is HTML.
std::string heading(std::string_view id, std::string_view title, std::string_view lead);
/// A table that scrolls in its own box; `head` and `rows` are HTML.
std::string table(std::string_view head, std::string_view rows);
/// CSS class of the colour of runner `position`.
std::string series(size_t position);

}  // namespace tendon::report
