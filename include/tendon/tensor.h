// Tensor, Shape and DataType: the values that enter and leave a network.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// Element types. float64 exists for constant folding and reference results only.
enum class DataType : uint8_t {
  kFloat32,
  kFloat16,
  kBFloat16,
  kFloat64,
  kInt8,
  kUInt8,
  kInt16,
  kInt32,
  kInt64,
  kBool,
};
inline constexpr int kDataTypeCount = 10;

/// IEEE 754 binary16. Conversion from float rounds to nearest even.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float value);
  operator float() const;
};

/// The upper half of a binary32. Conversion from float rounds to nearest even.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value);
  operator float() const;
};

/// Bytes of one element.
size_t size_of(DataType type);
/// numpy's spelling: "float32", "int8", "bool", …
std::string_view name_of(DataType type);
/// Inverse of name_of. Throws Error{kUsage} for an unknown name.
DataType data_type_from_name(std::string_view name);

template <class T>
struct DataTypeOf;
template <>
struct DataTypeOf<float> {
  static constexpr DataType value = DataType::kFloat32;
};
template <>
struct DataTypeOf<Float16> {
  static constexpr DataType value = DataType::kFloat16;
};
template <>
struct DataTypeOf<BFloat16> {
  static constexpr DataType value = DataType::kBFloat16;
};
template <>
struct DataTypeOf<double> {
  static constexpr DataType value = DataType::kFloat64;
};
template <>
struct DataTypeOf<int8_t> {
  static constexpr DataType value = DataType::kInt8;
};
template <>
struct DataTypeOf<uint8_t> {
  static constexpr DataType value = DataType::kUInt8;
};
template <>
struct DataTypeOf<int16_t> {
  static constexpr DataType value = DataType::kInt16;
};
template <>
struct DataTypeOf<int32_t> {
  static constexpr DataType value = DataType::kInt32;
};
template <>
struct DataTypeOf<int64_t> {
  static constexpr DataType value = DataType::kInt64;
};
template <>
struct DataTypeOf<bool> {
  static constexpr DataType value = DataType::kBool;
};
template <class T>
inline constexpr DataType kDataTypeOf = DataTypeOf<std::remove_cv_t<T>>::value;

/// At most kMaxRank dimensions, each >= 0; a scalar has rank 0. Held inline, so copies never
/// allocate.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  /// Throws Error{kBadInput} for more than kMaxRank dimensions or a negative one.
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  int64_t& operator[](int axis) { return dims_[static_cast<size_t>(axis)]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  std::span<const int64_t> dims() const { return {begin(), end()}; }
  int64_t back() const { return dims_[static_cast<size_t>(rank_ - 1)]; }

  /// Product of the dimensions (1 for a scalar). Throws Error{kBadInput} when it exceeds 2^62.
  int64_t element_count() const;
  /// Appends a dimension. Throws as the constructor does.
  void push_back(int64_t dim);

  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

/// "(1, 3, 480, 640)", as numpy and Polygraphy print shapes.
std::string to_string(const Shape& shape);

/// Element type and shape.
struct TensorType {
  DataType dtype = DataType::kFloat32;
  Shape shape;
  bool operator==(const TensorType&) const = default;
};
std::string to_string(const TensorType& type);

/// A dense row-major array. A value: copies share storage until one of them is written.
class Tensor {
 public:
  /// An undefined tensor; stands for an absent optional input.
  Tensor() = default;
  /// Zero-filled, aligned to 64 bytes. Throws Error{kBadInput} when it would not fit in memory.
  Tensor(DataType dtype, const Shape& shape);
  /// Read-only view of `bytes`, kept alive by `owner` (which may be null for static storage).
  static Tensor view(DataType dtype, const Shape& shape, const void* bytes,
                     std::shared_ptr<const void> owner);

  /// Copies `values`; their count must equal the shape's.
  template <class T>
  static Tensor from(const Shape& shape, std::span<const T> values) {
    return copy_of(kDataTypeOf<T>, shape, values.data(), values.size());
  }
  template <class T>
  static Tensor from(const Shape& shape, const std::vector<T>& values) {
    return copy_of(kDataTypeOf<T>, shape, values.data(), values.size());
  }
  template <class T>
  static Tensor from(const Shape& shape, std::initializer_list<T> values) {
    return copy_of(kDataTypeOf<T>, shape, values.begin(), values.size());
  }
  template <class T>
  static Tensor scalar(T value) {
    return copy_of(kDataTypeOf<T>, Shape{}, &value, 1);
  }

  bool defined() const { return defined_; }
  DataType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  const TensorType& type() const { return type_; }
  int rank() const { return type_.shape.rank(); }
  int64_t size() const { return type_.shape.element_count(); }
  size_t byte_size() const { return static_cast<size_t>(size()) * size_of(type_.dtype); }

  /// Elements. Throws Error{kInternal} when T is not the element type.
  template <class T>
  std::span<const T> data() const {
    require_type(kDataTypeOf<T>);
    return {static_cast<const T*>(raw()), static_cast<size_t>(size())};
  }
  /// Elements for writing; first takes a private copy when the storage is shared or read-only.
  template <class T>
  std::span<T> mutable_data() {
    require_type(kDataTypeOf<T>);
    return {static_cast<T*>(mutable_raw()), static_cast<size_t>(size())};
  }
  /// Whether the storage has other holders or is not the tensor's own.
  bool is_shared() const { return !writable_ || owner_.use_count() != 1; }
  const void* raw() const { return bytes_; }
  void* mutable_raw();

  /// The same elements under another shape of equal size.
  Tensor reshaped(const Shape& shape) const;

 private:
  static Tensor copy_of(DataType dtype, const Shape& shape, const void* values, size_t count);
  void require_type(DataType wanted) const;

  TensorType type_;
  bool defined_ = false;
  bool writable_ = false;
  const void* bytes_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// Equal types and equal bytes; two undefined tensors are equal.
bool operator==(const Tensor& a, const Tensor& b);

/// Converts element by element as ONNX Cast does (float to integer truncates toward zero).
Tensor cast(const Tensor& tensor, DataType dtype);
/// All elements as double; exact for every type but int64 beyond 2^53.
std::vector<double> to_doubles(const Tensor& tensor);
/// All elements of an integer or bool tensor. Throws Error{kBadInput} for floating types.
std::vector<int64_t> to_int64s(const Tensor& tensor);

/// Named tensors, such as the inputs or outputs of one inference.
using TensorMap = std::map<std::string, Tensor, std::less<>>;

}  // namespace tendon
