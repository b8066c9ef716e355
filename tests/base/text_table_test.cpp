#include "base/text_table.h"

#include <gtest/gtest.h>

namespace tendon {
namespace {

TEST(TextTable, AlignsColumnsByCodePoints) {
  TextTable table({{"Joint"}, {"Error", TextTable::Align::kRight}, {"Unit"}});
  table.add_row({"left waist", "0.1", "µrad"});
  table.add_row({"é", "12.25", "1"});
  EXPECT_EQ(table.to_string(),
            "Joint       Error  Unit\n"
            "----------  -----  ----\n"
            "left waist    0.1  µrad\n"
            "é           12.25  1\n");
}

}  // namespace
}  // namespace tendon
