// The gate before every comparison.
#include "compare/comparable.h"

#include <cmath>

#include "base/format.h"
#include "compare/statistics.h"

namespace tendon {
namespace {

OutputComparison failure(std::string reason, const char* figure, double value) {
  OutputComparison result;
  result.reason = std::move(reason);
  result.figures[figure] = value;
  return result;
}

/// The values with infinities that both sides share set to zero.
std::vector<double> without_equal_infinities(const std::vector<double>& values,
                                             const std::vector<double>& other) {
  std::vector<double> result = values;
  for (size_t i = 0; i < result.size(); ++i) {
    if (std::isinf(values[i]) && values[i] == other[i]) result[i] = 0;
  }
  return result;
}

}  // namespace

std::optional<OutputComparison> make_comparable(const Tensor& tested, const Tensor& reference,
                                                Comparable& pair, bool equal_infinities) {
  if (tested.shape() != reference.shape()) {
    return failure(fmt::format("Shapes differ: {}, expected {}", tested.shape(), reference.shape()),
                   "shape_mismatch", 1);
  }
  pair = {tested.shape(), to_doubles(tested), to_doubles(reference)};
  NonFinite in_tested, in_reference;
  if (equal_infinities) {
    in_tested = find_non_finite(without_equal_infinities(pair.tested, pair.reference), pair.shape);
    in_reference =
        find_non_finite(without_equal_infinities(pair.reference, pair.tested), pair.shape);
  } else {
    in_tested = find_non_finite(pair.tested, pair.shape);
    in_reference = find_non_finite(pair.reference, pair.shape);
  }
  if (!in_tested.any() && !in_reference.any()) return std::nullopt;
  std::string reason;
  if (in_tested.any()) reason = "The output holds " + to_string(in_tested);
  if (in_reference.any()) {
    reason += fmt::format("{}he reference holds {}", reason.empty() ? "T" : "; t",
                          to_string(in_reference));
  }
  const int64_t nans = in_tested.nan_count + in_reference.nan_count;
  const int64_t infs = in_tested.inf_count + in_reference.inf_count;
  OutputComparison result = failure(reason, "nan", static_cast<double>(nans));
  result.figures["inf"] = static_cast<double>(infs);
  return result;
}

}  // namespace tendon
