#include "ops/conv.h"

#include <functional>

#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

struct ConvCase {
  Shape x;
  Shape w;
  int64_t group;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads;
  Shape expected;
};

/// The definition itself: one output element at a time, over all spatial ranks as volumes.
double element(const ConvCase& c, const std::vector<double>& x, const std::vector<double>& w,
               const Conv& conv, int64_t n, int64_t m, std::array<int64_t, 3> o) {
  const auto axes = as_volume(conv.axes(c.x, c.w));
  double sum = 0;
  for (int64_t k = 0; k < c.w[1]; ++k) {
    const int64_t channel = m / (c.w[0] / c.group) * c.w[1] + k;
    for (int64_t a = 0; a < axes[0].kernel; ++a) {
      for (int64_t b = 0; b < axes[1].kernel; ++b) {
        for (int64_t d = 0; d < axes[2].kernel; ++d) {
          const int64_t taps[] = {a, b, d};
          int64_t at = n * c.x[1] + channel;
          bool inside = true;
          for (size_t i = 0; i < 3; ++i) {
            const int64_t p =
                o[i] * axes[i].stride - axes[i].pad_begin + taps[i] * axes[i].dilation;
            inside = inside && p >= 0 && p < axes[i].input;
            at = at * axes[i].input + p;
          }
          const int64_t weight =
              (((m * c.w[1] + k) * axes[0].kernel + a) * axes[1].kernel + b) * axes[2].kernel + d;
          if (inside) sum += x[at] * w[weight];
        }
      }
    }
  }
  return sum;
}

TEST(Conv, IsItsDefinitionForAllRanks) {
  const ConvCase cases[] = {
      {{2, 3, 9}, {4, 3, 3}, 1, {2}, {2}, {1, 3}, {2, 4, 5}},
      {{2, 4, 7, 6}, {6, 2, 3, 2}, 2, {2, 1}, {1, 3}, {1, 0, 2, 3}, {2, 6, 4, 6}},
      {{1, 3, 5, 5}, {3, 1, 3, 3}, 3, {}, {}, {}, {1, 3, 3, 3}},
      {{1, 2, 4, 5, 3},
       {2, 2, 2, 3, 1},
       1,
       {1, 2, 2},
       {1, 1, 1},
       {1, 1, 0, 0, 1, 0},
       {1, 2, 4, 3, 2}},
      {{1, 1, 2, 2}, {1, 1, 3, 3}, 1, {1, 1}, {1, 1}, {4, 4, 4, 4}, {1, 1, 8, 8}},
  };
  for (const ConvCase& c : cases) {
    Conv conv;
    conv.group = c.group;
    conv.strides = c.strides;
    conv.dilations = c.dilations;
    conv.pads = c.pads;
    const Tensor x = random_tensor(c.x, 1);
    const Tensor w = random_tensor(c.w, 2);
    const Tensor bias = random_tensor(Shape{c.w[0]}, 3);
    const Tensor y = run_op(conv, {x, w, bias})[0];
    ASSERT_EQ(y.shape(), c.expected);
    const auto axes = as_volume(conv.axes(c.x, c.w));
    const auto xs = to_doubles(x);
    const auto ws = to_doubles(w);
    int64_t i = 0;
    for (int64_t n = 0; n < c.x[0]; ++n) {
      for (int64_t m = 0; m < c.w[0]; ++m) {
        for (int64_t a = 0; a < axes[0].output; ++a) {
          for (int64_t b = 0; b < axes[1].output; ++b) {
            for (int64_t d = 0; d < axes[2].output; ++d, ++i) {
              const double expected =
                  element(c, xs, ws, conv, n, m, {a, b, d}) + bias.data<float>()[m];
              ASSERT_NEAR(y.data<float>()[i], expected, 1e-5) << to_string(c.x) << " element " << i;
            }
          }
        }
      }
    }
  }
}

Conv with(const std::function<void(Conv&)>& change) {
  Conv conv;
  change(conv);
  return conv;
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const Tensor x = random_tensor({1, 4, 8, 8});
  const Tensor w = random_tensor({6, 4, 3, 3});
  const int64_t huge = int64_t{1} << 62;
  const Refusal refusals[] = {
      {Conv{}, {x}, {"input 1 ('W') is missing"}},
      {Conv{}, {x, random_tensor({6, 3, 3, 3})}, {"has 4 channels", "expects 3"}},
      {Conv{}, {x, random_tensor({6, 4, 3})}, {"(6, 4, 3)", "as many dimensions"}},
      {Conv{}, {random_tensor({4, 8}), w}, {"(4, 8)", "1 to 3 spatial dimensions"}},
      {Conv{}, {x, w, random_tensor({5})}, {"'B' has shape (5,), expected (6,)"}},
      {Conv{}, {x, cast(w, DataType::kFloat16)}, {"('W') is float16, expected float32"}},
      {Conv{}, {x, random_tensor({6, 4, 9, 3})}, {"window of 9", "size 8"}},
      {Conv{}, {x, random_tensor({6, 4, 0, 3})}, {"'kernel_shape' holds 0"}},
      {with([](Conv& c) { c.group = 4; }), {x, random_tensor({6, 1, 3, 3})}, {"'group' is 4"}},
      {with([](Conv& c) { c.group = 0; }), {x, w}, {"'group' is 0"}},
      {with([](Conv& c) { c.group = -1; }), {x, w}, {"'group' is -1"}},
      {with([&](Conv& c) { c.group = huge; }), {x, random_tensor({0, 4, 3, 3})}, {"too large"}},
      {with([](Conv& c) { c.dilations = {1}; }),
       {x, w},
       {"'dilations' has 1 elements, expected 2"}},
      {with([](Conv& c) {
         c.strides = {1, 1, 1};
       }),
       {x, w},
       {"'strides' has 3 elements"}},
      {with([](Conv& c) {
         c.strides = {0, 1};
       }),
       {x, w},
       {"'strides' holds 0, expected >= 1"}},
      {with([](Conv& c) {
         c.pads = {1, 1};
       }),
       {x, w},
       {"'pads' has 2 elements, expected 4"}},
      {with([](Conv& c) {
         c.pads = {1, 1, -1, 1};
       }),
       {x, w},
       {"'pads' holds -1"}},
      {with([&](Conv& c) {
         c.pads = {huge, 1, huge, 1};
       }),
       {x, w},
       {"too large"}},
      {with([&](Conv& c) {
         c.dilations = {huge, 1};
       }),
       {x, w},
       {"too large"}},
      {with([](Conv& c) {
         c.kernel_shape = {3, 2};
       }),
       {x, w},
       {"'kernel_shape' is [3, 2]"}},
      {with([](Conv& c) { c.auto_pad = "SAME"; }), {x, w}, {"'auto_pad' is 'SAME'", "SAME_UPPER"}},
      {with([](Conv& c) {
         c.auto_pad = "VALID";
         c.pads = {1, 1, 1, 1};
       }),
       {x, w},
       {"exclude each other"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
