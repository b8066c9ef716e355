#include "base/finite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/error.h>

#include <cstdint>
#include <limits>

namespace tendon {
namespace {

using ::testing::HasSubstr;

TEST(RequireFinite, FindsTheFirstNonFiniteElement) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> values(10'000, 1.0f);
  values[5'000] = -kInfinity;
  values[9'000] = -kNan;
  for (const DataType type :
       {DataType::kFloat32, DataType::kFloat16, DataType::kBFloat16, DataType::kFloat64}) {
    const Tensor tensor = cast(Tensor::from<float>({10'000}, values), type);
    const auto message = [&](bool infinities) -> std::string {
      try {
        require_finite(tensor, infinities);
      } catch (const Error& error) {
        return error.what();
      }
      return "";
    };
    EXPECT_THAT(message(true), HasSubstr("has infinity at flat index 5000"));
    EXPECT_THAT(message(false), HasSubstr("has NaN at flat index 9000"));
  }
  EXPECT_NO_THROW(require_finite(Tensor::from<float>({1}, {3e38f}), true));
  EXPECT_NO_THROW(require_finite(Tensor::from<int64_t>({1}, {INT64_MAX}), true));
}

}  // namespace
}  // namespace tendon
