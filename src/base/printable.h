// printable(): what a terminal may be given of names that come from files.
#pragma once

#include <string>
#include <string_view>

namespace tendon {

/// Control characters (below 0x20, 0x7f, and U+0080 to U+009f) become "\x1b" and the like, as they
/// could move the cursor, rename the window or hide lines. Line feeds and tabs stay.
std::string printable(std::string_view text);
/// The same for what belongs on one line: line feeds and tabs become "\n" and "\t".
std::string printable_line(std::string_view text);

}  // namespace tendon
