// Reads the part of HDF5 that episodes use: groups, numeric datasets, attributes of the root.
#pragma once

#include <tendon/tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/hdf5_format.h"

namespace tendon {

/// A dataset of a file: contiguous, compact or chunked, unfiltered or with gzip and shuffle.
/// Not for use by two threads at once.
class Hdf5Dataset {
 public:
  /// File and path, for messages.
  const std::string& place() const { return place_; }
  const Shape& shape() const { return shape_; }
  Hdf5Element element() const { return element_; }
  /// The whole float32 or float64 dataset as float32.
  Tensor read_float32() const;
  /// Element `row` of the first axis of a uint8 dataset into `target`, which must have its size.
  void read_row(int64_t row, std::span<uint8_t> target) const;

 private:
  friend class Hdf5File;
  class Storage;
  Hdf5Dataset() = default;
  std::string place_;
  Shape shape_;
  Hdf5Element element_ = Hdf5Element::kOther;
  std::shared_ptr<Storage> storage_;
};

/// Links to other places or files are refused, never followed.
class Hdf5File {
 public:
  /// Throws Error{kBadInput} naming the path and what is wrong.
  static Hdf5File open(const std::string& path);
  /// `owner` keeps `bytes` alive.
  static Hdf5File parse(std::span<const std::byte> bytes, const std::string& name,
                        std::shared_ptr<const void> owner);

  const std::string& name() const { return image_->name(); }
  bool has(const std::string& path) const;
  /// Names in a group, sorted.
  std::vector<std::string> list(const std::string& group) const;
  Hdf5Dataset dataset(const std::string& path) const;
  /// Attributes of the root; a boolean may be an enumeration or an integer.
  std::optional<bool> bool_attribute(std::string_view attribute) const;
  std::optional<std::string> text_attribute(std::string_view attribute) const;

 private:
  explicit Hdf5File(std::shared_ptr<const Hdf5Image> image) : image_(std::move(image)) {}
  struct Attribute;
  std::optional<uint64_t> find(const std::string& path) const;
  std::optional<Attribute> attribute(std::string_view name) const;
  std::shared_ptr<const Hdf5Image> image_;
};

}  // namespace tendon
