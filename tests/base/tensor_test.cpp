#include <gtest/gtest.h>
#include <tendon/error.h>
#include <tendon/tensor.h>

#include <cmath>
#include <limits>

namespace tendon {
namespace {

TEST(Shape, PrintsAsNumpy) {
  EXPECT_EQ(to_string(Shape{}), "()");
  EXPECT_EQ(to_string(Shape{3}), "(3,)");
  EXPECT_EQ(to_string(Shape{1, 3, 480, 640}), "(1, 3, 480, 640)");
}

TEST(Shape, RefusesNegativeTooManyAndOverflow) {
  EXPECT_THROW((Shape{-1}), Error);
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
  EXPECT_THROW((Shape{int64_t{1} << 40, int64_t{1} << 40}.element_count()), Error);
  EXPECT_EQ((Shape{0, 5}.element_count()), 0);
}

TEST(Tensor, CopiesShareUntilWritten) {
  Tensor a = Tensor::from<float>({2}, {1.0f, 2.0f});
  Tensor b = a;
  EXPECT_EQ(a.raw(), b.raw());
  b.mutable_data<float>()[0] = 5.0f;
  EXPECT_EQ(a.data<float>()[0], 1.0f);
  EXPECT_EQ(b.data<float>()[0], 5.0f);
}

TEST(Tensor, ViewIsCopiedBeforeWriting) {
  static const float values[] = {1.0f, 2.0f};
  Tensor view = Tensor::view(DataType::kFloat32, {2}, values, nullptr);
  view.mutable_data<float>()[1] = 7.0f;
  EXPECT_EQ(values[1], 2.0f);
  EXPECT_EQ(view.data<float>()[1], 7.0f);
}

TEST(Tensor, WrongTypeAndSizeAreRefused) {
  Tensor a(DataType::kFloat32, {2});
  EXPECT_THROW(a.data<int8_t>(), Error);
  EXPECT_THROW(Tensor::from<float>({3}, {1.0f}), Error);
  EXPECT_THROW(a.reshaped({3}), Error);
}

TEST(Float16, AllValuesRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Float16 half;
    half.bits = static_cast<uint16_t>(bits);
    const float wide = half;
    if (std::isnan(wide)) continue;
    EXPECT_EQ(Float16(wide).bits, half.bits) << bits;
  }
}

TEST(Float16, RoundsToNearestEvenAndOverflowsToInfinity) {
  EXPECT_EQ(Float16(2049.0f), 2048.0f);
  EXPECT_EQ(Float16(2051.0f), 2052.0f);
  EXPECT_EQ(Float16(65519.0f), 65504.0f);
  EXPECT_TRUE(std::isinf(static_cast<float>(Float16(65520.0f))));
  EXPECT_EQ(Float16(0x1p-25f).bits, 0);
  EXPECT_EQ(Float16(0x1.8p-25f).bits, 1);
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(static_cast<float>(BFloat16(1.0f + 0x1p-8f)), 1.0f);
  EXPECT_EQ(static_cast<float>(BFloat16(1.0f + 0x1.8p-7f)), 1.0f + 0x1p-6f);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Cast, TruncatesTowardZero) {
  const Tensor a = Tensor::from<float>({3}, {1.9f, -1.9f, 0.0f});
  EXPECT_EQ(to_int64s(cast(a, DataType::kInt32)), (std::vector<int64_t>{1, -1, 0}));
  EXPECT_EQ(to_int64s(cast(a, DataType::kBool)), (std::vector<int64_t>{1, 1, 0}));
  EXPECT_THROW(to_int64s(a), Error);
}

TEST(Cast, GivesWhatInt64CannotHoldOneValue) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor a = Tensor::from<float>({4}, {1e30f, -1e30f, nan, 0x1p62f});
  EXPECT_EQ(to_int64s(cast(a, DataType::kInt64)),
            (std::vector<int64_t>{INT64_MIN, INT64_MIN, INT64_MIN, int64_t{1} << 62}));
}

}  // namespace
}  // namespace tendon
