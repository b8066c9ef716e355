#include "base/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace tendon {
namespace {

TEST(Config, SwitchesInTheEnvironment) {
  struct Case {
    const char* value;
    bool on;
  };
  for (const auto& [value, on] :
       {Case{"0", false}, Case{"", false}, Case{"off", false}, Case{"No", false},
        Case{"FALSE", false}, Case{"1", true}, Case{"on", true}, Case{"yes", true}}) {
    setenv("TENDON_TEST_SWITCH", value, 1);
    EXPECT_EQ(switch_from_environment("TENDON_TEST_SWITCH", !on), on) << value;
  }
  unsetenv("TENDON_TEST_SWITCH");
  EXPECT_TRUE(switch_from_environment("TENDON_TEST_SWITCH", true));
  EXPECT_FALSE(switch_from_environment("TENDON_TEST_SWITCH", false));
}

}  // namespace
}  // namespace tendon
