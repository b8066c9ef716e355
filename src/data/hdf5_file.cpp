// libhdf5 behind a narrow gate: links, layouts, filters, types and sizes are checked first.
#include "data/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/file.h"
#include "base/format.h"
#include "base/limits.h"

namespace tendon {
namespace {

constexpr uint64_t kMaxWholeRead = uint64_t{1} << 30;
constexpr uint64_t kMaxChunk = uint64_t{256} << 20;
constexpr size_t kChunkCache = size_t{16} << 20;
constexpr size_t kChunkSlots = 521;
constexpr size_t kMaxName = 1024;
constexpr hsize_t kMaxLinks = 10'000;

/// The library prints its errors unless told otherwise; the setting belongs to the thread.
class QuietErrors {
 public:
  QuietErrors() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// The innermost reason that the library gives for its last failure.
std::string reason() {
  std::string text = "unknown reason";
  const auto keep_first = [](unsigned, const H5E_error2_t* error, void* target) -> herr_t {
    if (error->desc != nullptr) *static_cast<std::string*>(target) = error->desc;
    return 1;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text;
}

/// An id of the library that closes before its parent does.
class SharedHandle {
 public:
  SharedHandle(hid_t id, herr_t (*close)(hid_t), std::shared_ptr<void> parent)
      : parent_(std::move(parent)), id_(id), close_(close) {}
  ~SharedHandle() {
    const QuietErrors quiet;
    close_(id_);
  }
  SharedHandle(const SharedHandle&) = delete;
  SharedHandle& operator=(const SharedHandle&) = delete;

 private:
  std::shared_ptr<void> parent_;
  hid_t id_;
  herr_t (*close_)(hid_t);
};

Hdf5Dataset::Element element_of(hid_t type) {
  using Element = Hdf5Dataset::Element;
  const H5T_class_t kind = H5Tget_class(type);
  const size_t size = H5Tget_size(type);
  if (kind == H5T_INTEGER && size == 1 && H5Tget_sign(type) == H5T_SGN_NONE) return Element::kUInt8;
  if (kind == H5T_FLOAT && H5Tequal(type, H5T_IEEE_F32LE) > 0) return Element::kFloat32;
  if (kind == H5T_FLOAT && H5Tequal(type, H5T_IEEE_F64LE) > 0) return Element::kFloat64;
  return Element::kOther;
}

size_t size_of(Hdf5Dataset::Element element) {
  switch (element) {
    case Hdf5Dataset::Element::kFloat64: return 8;
    case Hdf5Dataset::Element::kFloat32: return 4;
    default: return 1;
  }
}

Shape read_shape(hid_t dataset, const std::string& place) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  if (space < 0 || H5Sget_simple_extent_type(space) == H5S_NULL) {
    fail_input("{}: no array", place);
  }
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > Shape::kMaxRank) {
    fail_input("{}: {} dimensions, expected at most {}", place, rank, Shape::kMaxRank);
  }
  std::array<hsize_t, Shape::kMaxRank> dims{};
  H5Sget_simple_extent_dims(space, dims.data(), nullptr);
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) {
    const hsize_t dim = dims[static_cast<size_t>(axis)];
    if (dim > static_cast<hsize_t>(INT64_MAX)) {
      fail_input("{}: dimension {} has length {}", place, axis, dim);
    }
    shape.push_back(static_cast<int64_t>(dim));
  }
  try {
    shape.element_count();
  } catch (const Error& error) {
    throw error.within(place);
  }
  return shape;
}

void check_filters(hid_t plist, const std::string& place, bool& deflated) {
  const int count = H5Pget_nfilters(plist);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    size_t value_count = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t filter =
        H5Pget_filter2(plist, static_cast<unsigned>(i), &flags, &value_count, nullptr, name.size(),
                       name.data(), &config);
    if (filter == H5Z_FILTER_DEFLATE) {
      deflated = true;
    } else if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
      name.back() = '\0';
      fail_input(
          "{}: stored with filter {} ({}); only gzip and shuffle are read: run h5repack -f "
          "GZIP=4 on the file",
          place, static_cast<int>(filter), name.data());
    }
  }
}

/// Refuses what could read other files, run other filters or ask for absurd memory.
void check_storage(hid_t dataset, const Shape& shape, size_t element, const std::string& place) {
  const Handle plist(H5Dget_create_plist(dataset), H5Pclose);
  if (plist < 0) fail_input("{}: {}", place, reason());
  const H5D_layout_t layout = H5Pget_layout(plist);
  if (layout == H5D_VIRTUAL || H5Pget_external_count(plist) != 0) {
    fail_input("{}: its data lies in other files; expected data in the file itself", place);
  }
  bool deflated = false;
  check_filters(plist, place, deflated);
  if (layout == H5D_CHUNKED) {
    std::array<hsize_t, Shape::kMaxRank> chunk{};
    const int rank = H5Pget_chunk(plist, Shape::kMaxRank, chunk.data());
    uint64_t bytes = element;
    for (int axis = 0; axis < rank; ++axis) {
      if (__builtin_mul_overflow(bytes, chunk[static_cast<size_t>(axis)], &bytes))
        bytes = kMaxChunk + 1;
      if (bytes > kMaxChunk) {
        fail_input("{}: chunks larger than {} bytes", place, kMaxChunk);
      }
    }
  }
  const auto wanted = static_cast<uint64_t>(shape.element_count());
  const uint64_t stored = H5Dget_storage_size(dataset);
  const auto ratio = static_cast<uint64_t>(deflated ? limits().max_zip_ratio : 1);
  if (wanted / ratio / element > stored / element) {
    fail_input(
        "{}: {} elements of {} bytes, but only {} bytes are stored; was the recording cut "
        "off?",
        place, wanted, element, stored);
  }
}

}  // namespace

Hdf5File Hdf5File::open(const std::string& path) {
  // Says "no such file" and "is a folder" better than the library, which also follows FIFOs.
  MappedFile::open(path);
  const QuietErrors quiet;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, false, true);
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
  if (id < 0) fail_input("'{}' is no readable HDF5 file: {}", path, reason());
  Hdf5File file;
  file.id_ = id;
  file.handle_ = std::make_shared<SharedHandle>(id, H5Fclose, nullptr);
  file.name_ = path;
  return file;
}

Hdf5File Hdf5File::parse(std::span<const std::byte> bytes, const std::string& name) {
  const QuietErrors quiet;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr size_t kGrowth = 1 << 16;
  H5Pset_fapl_core(access, kGrowth, false);
  if (bytes.empty() ||
      H5Pset_file_image(access, const_cast<std::byte*>(bytes.data()), bytes.size()) < 0) {
    fail_input("'{}' is empty, expected an HDF5 file", name);
  }
  const hid_t id = H5Fopen(name.c_str(), H5F_ACC_RDONLY, access);
  if (id < 0) fail_input("'{}' is no readable HDF5 file: {}", name, reason());
  Hdf5File file;
  file.id_ = id;
  file.handle_ = std::make_shared<SharedHandle>(id, H5Fclose, nullptr);
  file.name_ = name;
  return file;
}

bool Hdf5File::has(const std::string& path) const {
  const QuietErrors quiet;
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (H5Lexists(id_, part.c_str(), H5P_DEFAULT) <= 0) return false;
    H5L_info_t info;
    if (H5Lget_info(id_, part.c_str(), &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD) {
      fail_input("{}: {} is a link to another place or file; expected the data itself", name_,
                 part);
    }
  }
  return true;
}

std::vector<std::string> Hdf5File::list(const std::string& group) const {
  const QuietErrors quiet;
  if (!has(group)) fail_input("{}: no group {}", name_, group);
  const Handle id(H5Gopen2(id_, group.c_str(), H5P_DEFAULT), H5Gclose);
  H5G_info_t info;
  if (id < 0 || H5Gget_info(id, &info) < 0) fail_input("{}: {} is no group", name_, group);
  if (info.nlinks > kMaxLinks) fail_input("{}: {} has {} members", name_, group, info.nlinks);
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    std::array<char, kMaxName> text{};
    const ssize_t length = H5Lget_name_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, i, text.data(),
                                              text.size(), H5P_DEFAULT);
    if (length < 0) fail_input("{}: {}: {}", name_, group, reason());
    if (static_cast<size_t>(length) >= text.size()) {
      fail_input("{}: {}: a name of {} bytes", name_, group, length);
    }
    names.emplace_back(text.data());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Hdf5Dataset Hdf5File::dataset(const std::string& path) const {
  const QuietErrors quiet;
  const std::string place = name_ + ": " + path;
  if (!has(path)) fail_input("{}: no dataset {}", name_, path);
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access, kChunkSlots, kChunkCache, H5D_CHUNK_CACHE_W0_DEFAULT);
  const hid_t id = H5Dopen2(id_, path.c_str(), access);
  if (id < 0) fail_input("{}: no readable dataset: {}", place, reason());
  Hdf5Dataset dataset;
  dataset.id_ = id;
  dataset.handle_ = std::make_shared<SharedHandle>(id, H5Dclose, handle_);
  dataset.path_ = place;
  dataset.shape_ = read_shape(id, place);
  const Handle type(H5Dget_type(id), H5Tclose);
  dataset.element_ = element_of(type);
  if (dataset.element_ != Hdf5Dataset::Element::kOther) {
    check_storage(id, dataset.shape_, size_of(dataset.element_), place);
  }
  return dataset;
}

Tensor Hdf5Dataset::read_float32() const {
  const QuietErrors quiet;
  if (element_ != Element::kFloat32 && element_ != Element::kFloat64) {
    fail_input("{}: the elements are no floating-point numbers; expected float32 or float64",
               path_);
  }
  if (static_cast<uint64_t>(shape_.element_count()) > kMaxWholeRead / sizeof(float)) {
    fail_input("{}: shape {} needs more than {} bytes", path_, shape_, kMaxWholeRead);
  }
  Tensor tensor(DataType::kFloat32, shape_);
  if (H5Dread(id_, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.mutable_raw()) < 0) {
    fail_input("{}: cannot be read: {}; the file is damaged", path_, reason());
  }
  return tensor;
}

void Hdf5Dataset::read_row(int64_t row, std::span<uint8_t> target) const {
  const QuietErrors quiet;
  TENDON_ASSERT(element_ == Element::kUInt8 && shape_.rank() > 0 && row >= 0 && row < shape_[0]);
  TENDON_ASSERT(static_cast<int64_t>(target.size()) * shape_[0] == shape_.element_count());
  std::array<hsize_t, Shape::kMaxRank> start{};
  std::array<hsize_t, Shape::kMaxRank> count{};
  std::ranges::copy(shape_, count.begin());
  start[0] = static_cast<hsize_t>(row);
  count[0] = 1;
  const Handle file_space(H5Dget_space(id_), H5Sclose);
  H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
  const hsize_t size = target.size();
  const Handle memory_space(H5Screate_simple(1, &size, nullptr), H5Sclose);
  if (H5Dread(id_, H5T_NATIVE_UINT8, memory_space, file_space, H5P_DEFAULT, target.data()) < 0) {
    fail_input("{}: row {} cannot be read: {}; the file is damaged", path_, row, reason());
  }
}

std::optional<bool> Hdf5File::bool_attribute(const std::string& attribute) const {
  const QuietErrors quiet;
  if (H5Aexists(id_, attribute.c_str()) <= 0) return std::nullopt;
  const Handle id(H5Aopen(id_, attribute.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(id), H5Tclose);
  const Handle space(H5Aget_space(id), H5Sclose);
  const H5T_class_t kind = H5Tget_class(type);
  std::array<uint8_t, 8> bytes{};
  if ((kind != H5T_ENUM && kind != H5T_INTEGER) || H5Tget_size(type) > bytes.size() ||
      H5Sget_simple_extent_npoints(space) != 1) {
    fail_input("{}: attribute '{}' is no boolean; expected an enumeration or an integer", name_,
               attribute);
  }
  if (H5Aread(id, type, bytes.data()) < 0) {
    fail_input("{}: attribute '{}' cannot be read: {}", name_, attribute, reason());
  }
  return std::ranges::any_of(bytes, [](uint8_t byte) { return byte != 0; });
}

std::optional<std::string> Hdf5File::text_attribute(const std::string& attribute) const {
  const QuietErrors quiet;
  if (H5Aexists(id_, attribute.c_str()) <= 0) return std::nullopt;
  const Handle id(H5Aopen(id_, attribute.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(id), H5Tclose);
  const Handle space(H5Aget_space(id), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
    fail_input("{}: attribute '{}' is no text", name_, attribute);
  }
  std::array<char, kMaxName> text{};
  bool read = false;
  if (H5Tis_variable_str(type) > 0) {
    char* pointer = nullptr;
    read = H5Aread(id, type, &pointer) >= 0 && pointer != nullptr;
    if (read) std::strncpy(text.data(), pointer, text.size() - 1);
    if (pointer != nullptr) H5free_memory(pointer);
  } else {
    read = H5Tget_size(type) < text.size() && H5Aread(id, type, text.data()) >= 0;
  }
  if (!read) fail_input("{}: attribute '{}' cannot be read as text", name_, attribute);
  return std::string(text.data());
}

}  // namespace tendon
