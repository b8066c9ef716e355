// The reference backend and the list of backends.
#include "backends/reference/reference.h"

#include <gmock/gmock.h>

#include "backends/registry.h"
#include "support/graphs.h"
#include "support/run_on_all_backends.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;

TEST(Registry, ReferenceIsTheLastAndServesItself) {
  EXPECT_EQ(all_backends().back(), &reference_backend());
  EXPECT_EQ(backends_for_device("reference"), std::vector<Backend*>{&reference_backend()});
  EXPECT_EQ(backends_for_device("cpu").back(), &reference_backend());
}

TEST(Registry, OtherDevicesAreRefused) {
  const struct {
    const char* device;
    ErrorKind kind;
    const char* says;
  } cases[] = {
      {"cuda:255", ErrorKind::kUnsupported, "device 'cuda:255' is not available: "},
      {"cuda:x", ErrorKind::kUsage, "no GPU number from 0 to 255"},
      {"cuda:", ErrorKind::kUsage, "no GPU number"},
      {"cuda2", ErrorKind::kUsage, "unknown device 'cuda2'"},
      {"tpu", ErrorKind::kUsage, "unknown device 'tpu'"},
      {"", ErrorKind::kUsage, "expected 'cpu'"},
  };
  for (const auto& test : cases) {
    try {
      backends_for_device(test.device);
      ADD_FAILURE() << test.device;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), test.kind);
      EXPECT_THAT(error.what(), HasSubstr(test.says));
    }
  }
}

TEST(Reference, RunsEveryOperatorWithOptionalInputsAndSeveralOutputs) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 5, 5});
  const ValueId y = b.node(Conv{}, {x, b.random_constant({4, 2, 3, 3}), kNone}, "conv");
  const auto parts = b.node(Split{.axis = 1}, {y, b.ints({1, 3})}, 2, "split");
  b.output(parts[1]);
  b.output(b.node(Unary{UnaryKind::kErf}, {parts[0]}, "erf"));
  EXPECT_TRUE(testing::runs_alike_on_all_backends(b.done()));
}

}  // namespace
}  // namespace tendon
