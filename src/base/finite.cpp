#include "base/finite.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/format.h"

namespace tendon {
namespace {

/// Without the sign bit.
template <class Bits>
Bits magnitude(Bits bits) {
  return bits & static_cast<Bits>(std::numeric_limits<Bits>::max() >> 1);
}

/// Index of the first element whose bits without the sign exceed `largest`, or -1. Blocks keep the
/// usual case, where there is none, free of branches.
template <class Bits>
int64_t find_above(std::span<const Bits> elements, Bits largest) {
  constexpr size_t kBlock = 4096;
  const auto above = [=](Bits bits) { return magnitude(bits) > largest; };
  for (size_t begin = 0; begin < elements.size(); begin += kBlock) {
    const auto block = elements.subspan(begin, std::min(kBlock, elements.size() - begin));
    unsigned found = 0;
    for (const Bits bits : block) found |= static_cast<unsigned>(above(bits));
    if (found == 0) continue;
    return static_cast<int64_t>(begin) + (std::ranges::find_if(block, above) - block.begin());
  }
  return -1;
}

/// `infinity` is the bit pattern of positive infinity; NaNs lie above it.
template <class Bits>
void require_finite_bits(const Tensor& tensor, Bits infinity, bool infinities) {
  const std::span<const Bits> elements(static_cast<const Bits*>(tensor.raw()),
                                       static_cast<size_t>(tensor.size()));
  const int64_t index =
      find_above(elements, infinities ? static_cast<Bits>(infinity - 1) : infinity);
  if (index < 0) return;
  const bool is_nan = magnitude(elements[static_cast<size_t>(index)]) > infinity;
  fail_input("of shape {} has {} at flat index {}; the file is damaged or the training diverged",
             tensor.shape(), is_nan ? "NaN" : "infinity", index);
}

}  // namespace

void require_finite(const Tensor& tensor, bool infinities) {
  switch (tensor.dtype()) {
    case DataType::kFloat32: return require_finite_bits<uint32_t>(tensor, 0x7F800000u, infinities);
    case DataType::kFloat16: return require_finite_bits<uint16_t>(tensor, 0x7C00u, infinities);
    case DataType::kBFloat16: return require_finite_bits<uint16_t>(tensor, 0x7F80u, infinities);
    case DataType::kFloat64:
      return require_finite_bits<uint64_t>(tensor, 0x7FF0000000000000u, infinities);
    default: return;
  }
}

}  // namespace tendon
