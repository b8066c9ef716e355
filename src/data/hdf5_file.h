// The small part of HDF5 that episodes use, with every type, shape and size checked before a read.
#pragma once

#include <tendon/tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tendon {

/// An open dataset: contiguous, compact or chunked, unfiltered or with deflate and shuffle.
class Hdf5Dataset {
 public:
  enum class Element { kUInt8, kFloat32, kFloat64, kOther };

  const std::string& path() const { return path_; }
  const Shape& shape() const { return shape_; }
  Element element() const { return element_; }
  /// The whole float32 or float64 dataset as float32.
  Tensor read_float32() const;
  /// Element `row` of the first axis of a uint8 dataset into `target`, which must have its size.
  void read_row(int64_t row, std::span<uint8_t> target) const;

 private:
  friend class Hdf5File;
  Hdf5Dataset() = default;
  std::shared_ptr<void> handle_;
  int64_t id_ = -1;
  std::string path_;
  Shape shape_;
  Element element_ = Element::kOther;
};

/// A file opened for reading; soft and external links are not followed.
class Hdf5File {
 public:
  Hdf5File() = default;
  /// Throws Error{kBadInput} naming the path and the library's reason.
  static Hdf5File open(const std::string& path);
  /// The same over bytes in memory.
  static Hdf5File parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& name() const { return name_; }
  bool has(const std::string& path) const;
  /// Names in a group, sorted.
  std::vector<std::string> list(const std::string& group) const;
  Hdf5Dataset dataset(const std::string& path) const;
  /// Attributes of the root; a boolean may be an enumeration or an integer.
  std::optional<bool> bool_attribute(const std::string& attribute) const;
  std::optional<std::string> text_attribute(const std::string& attribute) const;

 private:
  std::shared_ptr<void> handle_;
  int64_t id_ = -1;
  std::string name_;
};

}  // namespace tendon
