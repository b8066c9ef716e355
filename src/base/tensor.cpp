// Shape and Tensor: checked sizes, shared storage, copy on write, conversions.
#include <tendon/tensor.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/data_type.h"

namespace tendon {
namespace {

constexpr std::array<std::string_view, kDataTypeCount> kNames = {
    "float32", "float16", "bfloat16", "float64", "int8",
    "uint8",   "int16",   "int32",    "int64",   "bool"};
constexpr std::array<size_t, kDataTypeCount> kSizes = {4, 2, 2, 8, 1, 1, 2, 4, 8, 1};
constexpr size_t kAlignment = 64;

std::shared_ptr<void> allocate(size_t bytes) {
  const size_t rounded = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory == nullptr) {
    fail_input("cannot allocate {} bytes for a tensor; check the shapes of the model", bytes);
  }
  return {memory, std::free};
}

/// Toward zero; what int64 cannot hold, NaN included, becomes its smallest value, as on x86.
int64_t truncated(double value) {
  return value >= -0x1p63 && value < 0x1p63 ? static_cast<int64_t>(value)
                                            : std::numeric_limits<int64_t>::min();
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return static_cast<bool>(
        static_cast<
            std::conditional_t<std::is_integral_v<From>, From,
                               std::conditional_t<std::is_same_v<From, double>, double, float>>>(
            value) != 0);
  } else if constexpr (std::is_integral_v<From> || std::is_same_v<From, double>) {
    if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
      return static_cast<To>(truncated(value));
    } else if constexpr (std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>) {
      return To(static_cast<float>(value));
    } else {
      return static_cast<To>(value);
    }
  } else {
    const float number = value;
    if constexpr (std::is_integral_v<To>) {
      return static_cast<To>(truncated(number));
    } else {
      return To(number);
    }
  }
}

}  // namespace

size_t size_of(DataType type) { return kSizes[static_cast<size_t>(type)]; }

std::string_view name_of(DataType type) { return kNames[static_cast<size_t>(type)]; }

DataType data_type_from_name(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    fail(ErrorKind::kUsage, "unknown data type '{}', expected one of {}", name,
         fmt::join(kNames, ", "));
  }
  return static_cast<DataType>(found - kNames.begin());
}

Shape::Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const int64_t> dims) {
  for (const int64_t dim : dims) push_back(dim);
}

void Shape::push_back(int64_t dim) {
  if (rank_ == kMaxRank) fail_input("a shape has more than {} dimensions", kMaxRank);
  if (dim < 0) fail_input("a shape has the negative dimension {}", dim);
  dims_[static_cast<size_t>(rank_++)] = dim;
}

int64_t Shape::element_count() const {
  // Dimensions beside a 0 are bounded too, so that no product of some of them overflows.
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dim : *this) {
    empty = empty || dim == 0;
    if (dim == 0) continue;
    if (__builtin_mul_overflow(count, dim, &count) || count > (int64_t{1} << 62)) {
      fail_input("shape {} has too many elements", to_string(*this));
    }
  }
  return empty ? 0 : count;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  if (shape.rank() == 1) text += ",";
  return text + ")";
}

std::string to_string(const TensorType& type) {
  return std::string(name_of(type.dtype)) + to_string(type.shape);
}

Tensor::Tensor(DataType dtype, const Shape& shape)
    : type_{dtype, shape}, defined_(true), writable_(true) {
  const int64_t limit = std::numeric_limits<int64_t>::max() / 16;
  if (shape.element_count() > limit) fail_input("shape {} does not fit in memory", shape);
  auto memory = allocate(byte_size());
  std::memset(memory.get(), 0, byte_size());
  bytes_ = memory.get();
  owner_ = std::move(memory);
}

Tensor Tensor::view(DataType dtype, const Shape& shape, const void* bytes,
                    std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.type_ = {dtype, shape};
  tensor.defined_ = true;
  tensor.bytes_ = bytes;
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::copy_of(DataType dtype, const Shape& shape, const void* values, size_t count) {
  if (static_cast<uint64_t>(shape.element_count()) != count) {
    fail(ErrorKind::kUsage, "{} values do not fill shape {}", count, shape);
  }
  Tensor tensor(dtype, shape);
  if (count > 0) std::memcpy(tensor.mutable_raw(), values, tensor.byte_size());
  return tensor;
}

void* Tensor::mutable_raw() {
  TENDON_ASSERT(defined_);
  if (is_shared()) {
    auto memory = allocate(byte_size());
    if (byte_size() > 0) std::memcpy(memory.get(), bytes_, byte_size());
    bytes_ = memory.get();
    owner_ = std::move(memory);
    writable_ = true;
  }
  return const_cast<void*>(bytes_);
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.element_count() != size()) {
    fail_input("cannot reshape {} to {}: {} against {} elements", type_.shape, shape, size(),
               shape.element_count());
  }
  Tensor tensor = *this;
  tensor.type_.shape = shape;
  return tensor;
}

void Tensor::require_type(DataType wanted) const {
  if (!defined_) fail(ErrorKind::kInternal, "read of an undefined tensor as {}", wanted);
  if (type_.dtype != wanted) {
    fail(ErrorKind::kInternal, "tensor of type {} read as {}", type_.dtype, wanted);
  }
}

bool operator==(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined() || a.type() != b.type()) return false;
  return a.raw() == b.raw() || a.byte_size() == 0 ||
         std::memcmp(a.raw(), b.raw(), a.byte_size()) == 0;
}

Tensor cast(const Tensor& tensor, DataType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor result(dtype, tensor.shape());
  visit_type(tensor.dtype(), [&](auto from_tag) {
    using From = typename decltype(from_tag)::type;
    visit_type(dtype, [&](auto to_tag) {
      using To = typename decltype(to_tag)::type;
      std::ranges::transform(tensor.data<From>(), result.mutable_data<To>().begin(),
                             [](From value) { return convert<To, From>(value); });
    });
  });
  return result;
}

std::vector<double> to_doubles(const Tensor& tensor) {
  const Tensor converted = cast(tensor, DataType::kFloat64);
  const auto values = converted.data<double>();
  return {values.begin(), values.end()};
}

std::vector<int64_t> to_int64s(const Tensor& tensor) {
  if (is_floating(tensor.dtype())) {
    fail_input("expected integers, found a tensor of type {}", tensor.dtype());
  }
  const Tensor converted = cast(tensor, DataType::kInt64);
  const auto values = converted.data<int64_t>();
  return {values.begin(), values.end()};
}

Float16::Float16(float value) {
  const uint32_t word = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((word >> 16) & 0x8000u);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) {
    bits = static_cast<uint16_t>(sign | 0x7e00u);
  } else if (magnitude >= 65520.0f) {
    bits = static_cast<uint16_t>(sign | 0x7c00u);
  } else if (magnitude < 6.103515625e-05f) {
    // Subnormal: units of 2^-24, rounded to nearest even by the addition's own rounding.
    bits = static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f)));
  } else {
    const uint32_t mantissa = std::bit_cast<uint32_t>(magnitude);
    const uint32_t rounded = mantissa + 0xfffu + ((mantissa >> 13) & 1u);
    bits = static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
  }
}

Float16::operator float() const {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide =
      exponent == 31 ? 0x7f800000u | (mantissa << 13) : ((exponent + 112) << 23) | (mantissa << 13);
  return std::bit_cast<float>(wide | sign);
}

BFloat16::BFloat16(float value) {
  const uint32_t word = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) {
    bits = static_cast<uint16_t>((word >> 16) | 0x40u);
  } else {
    bits = static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
}

BFloat16::operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace tendon
