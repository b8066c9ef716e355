// Names of hostile files on a terminal.
#include "base/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace tendon {
namespace {

TEST(Printable, LeavesText) {
  const std::string text = "conv1/µs 로봇 [1x3]\n\tnext";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable_line(text), "conv1/µs 로봇 [1x3]\\n\\tnext");
}

TEST(Printable, EscapesWhatMovesACursor) {
  using namespace std::string_literals;
  EXPECT_EQ(printable("a\x1b[2Jb\r\x07\x7f"), "a\\x1b[2Jb\\x0d\\x07\\x7f");
  EXPECT_EQ(printable("nul\0!"s), "nul\\x00!");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m")
      << "a control sequence of one character";
  EXPECT_EQ(printable("\xc2"), "\xc2") << "cut in the middle of a character";
}

}  // namespace
}  // namespace tendon
