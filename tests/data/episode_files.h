// Writes small episodes, whole or damaged, with libhdf5 and libjpeg.
#pragma once

#include <hdf5.h>

#include <cstdio>
// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace tendon::testing {

/// Pixels (height, width, 3) to JPEG; the library's own RGB order.
inline std::vector<uint8_t> encode_jpeg(const std::vector<uint8_t>& pixels, int height, int width,
                                        int quality, J_COLOR_SPACE order = JCS_RGB,
                                        bool progressive = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.input_components = order == JCS_GRAYSCALE ? 1 : 3;
  info.in_color_space = order;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  const size_t stride = static_cast<size_t>(width) * static_cast<size_t>(info.input_components);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<uint8_t*>(pixels.data()) + info.next_scanline * stride;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::vector<uint8_t> result(memory, memory + size);
  std::free(memory);
  jpeg_destroy_compress(&info);
  return result;
}

/// A new HDF5 file; intermediate groups are created.
class Hdf5Writer {
 public:
  enum class Storage { kContiguous, kChunked, kGzip, kScaleOffset };
  using Shape = std::vector<hsize_t>;

  /// `oldest` and `newest` bound the versions of the format's parts.
  explicit Hdf5Writer(const std::string& path, H5F_libver_t oldest = H5F_LIBVER_EARLIEST,
                      H5F_libver_t newest = H5F_LIBVER_LATEST)
      : links_(H5Pcreate(H5P_LINK_CREATE)) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, oldest, newest);
    file_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (file_ < 0) throw std::runtime_error("cannot create " + path);
    H5Pset_create_intermediate_group(links_, 1);
  }
  ~Hdf5Writer() {
    H5Pclose(links_);
    H5Fclose(file_);
  }
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  hid_t file() const { return file_; }

  template <class T>
  static hid_t type_of() {
    if constexpr (std::is_same_v<T, uint8_t>) return H5T_STD_U8LE;
    if constexpr (std::is_same_v<T, float>) return H5T_IEEE_F32LE;
    if constexpr (std::is_same_v<T, double>) return H5T_IEEE_F64LE;
    if constexpr (std::is_same_v<T, int32_t>) return H5T_STD_I32LE;
  }

  /// Nothing is written when `values` is empty. Chunks hold one row unless said otherwise.
  template <class T>
  void dataset(const std::string& path, const Shape& shape, const std::vector<T>& values,
               Storage storage = Storage::kContiguous, Shape chunk = {}) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t options = H5Pcreate(H5P_DATASET_CREATE);
    if (storage != Storage::kContiguous) {
      if (chunk.empty()) {
        chunk = shape;
        chunk[0] = 1;
      }
      H5Pset_chunk(options, static_cast<int>(chunk.size()), chunk.data());
    }
    if (storage == Storage::kGzip) {
      H5Pset_shuffle(options);
      H5Pset_deflate(options, 4);
    }
    if (storage == Storage::kScaleOffset) H5Pset_scaleoffset(options, H5Z_SO_INT, 8);
    const hid_t id =
        H5Dcreate2(file_, path.c_str(), type_of<T>(), space, links_, options, H5P_DEFAULT);
    if (id < 0) throw std::runtime_error("cannot create dataset " + path);
    if (!values.empty()) {
      H5Dwrite(id, type_of<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
    H5Dclose(id);
    H5Pclose(options);
    H5Sclose(space);
  }

  /// As h5py writes a Python bool.
  void bool_attribute(const char* name, bool value) {
    const hid_t type = H5Tenum_create(H5T_STD_I8LE);
    for (const int8_t member : {int8_t{0}, int8_t{1}}) {
      H5Tenum_insert(type, member != 0 ? "TRUE" : "FALSE", &member);
    }
    const auto byte = static_cast<int8_t>(value);
    attribute(name, type, &byte);
    H5Tclose(type);
  }
  void int_attribute(const char* name, int32_t value) { attribute(name, H5T_STD_I32LE, &value); }
  void text_attribute(const char* name, const char* value, bool variable) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, variable ? H5T_VARIABLE : std::char_traits<char>::length(value) + 1);
    attribute(name, type, variable ? static_cast<const void*>(&value) : value);
    H5Tclose(type);
  }
  void remove(const std::string& path) { H5Ldelete(file_, path.c_str(), H5P_DEFAULT); }

 private:
  void attribute(const char* name, hid_t type, const void* value) {
    if (H5Aexists(file_, name) > 0) H5Adelete(file_, name);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t id = H5Acreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(id, type, value);
    H5Aclose(id);
    H5Sclose(space);
  }
  hid_t file_ = -1;
  hid_t links_;
};

struct EpisodeSpec {
  int64_t steps = 6;
  int64_t joints = 3;
  int height = 16;
  int width = 32;
  std::vector<std::string> cameras = {"left", "top"};
  bool is_jpeg = false;
  int quality = 90;
  std::optional<bool> sim = true;
  double offset = 0;
};

/// Smooth in x and y, so that JPEG keeps it; different for each camera, step and colour.
inline uint8_t pixel(size_t camera, int64_t step, int y, int x, int color) {
  return static_cast<uint8_t>(40 * color + 2 * x + 3 * y + 5 * step +
                              20 * static_cast<int64_t>(camera));
}

inline std::vector<uint8_t> pixels_of(const EpisodeSpec& spec, size_t camera, int64_t step) {
  std::vector<uint8_t> pixels;
  for (int y = 0; y < spec.height; ++y) {
    for (int x = 0; x < spec.width; ++x) {
      for (int color = 0; color < 3; ++color) pixels.push_back(pixel(camera, step, y, x, color));
    }
  }
  return pixels;
}

/// Joint position; the action is 100 higher.
inline double position(const EpisodeSpec& spec, int64_t step, int64_t joint) {
  return spec.offset + static_cast<double>(step) + 0.125 * static_cast<double>(joint);
}

template <class T = float>
std::vector<T> track_of(const EpisodeSpec& spec, double shift) {
  std::vector<T> values;
  for (int64_t step = 0; step < spec.steps; ++step) {
    for (int64_t joint = 0; joint < spec.joints; ++joint) {
      values.push_back(static_cast<T>(position(spec, step, joint) + shift));
    }
  }
  return values;
}

inline void write_camera(Hdf5Writer& file, const EpisodeSpec& spec, size_t camera) {
  const std::string path = "observations/images/" + spec.cameras[camera];
  const auto steps = static_cast<hsize_t>(spec.steps);
  std::vector<std::vector<uint8_t>> rows;
  size_t longest = 0;
  for (int64_t step = 0; step < spec.steps; ++step) {
    auto row = pixels_of(spec, camera, step);
    if (spec.is_jpeg) row = encode_jpeg(row, spec.height, spec.width, spec.quality);
    longest = std::max(longest, row.size());
    rows.push_back(std::move(row));
  }
  if (spec.is_jpeg) longest += 7;
  std::vector<uint8_t> all;
  for (auto& row : rows) {
    row.resize(longest);
    all.insert(all.end(), row.begin(), row.end());
  }
  const Hdf5Writer::Shape shape = spec.is_jpeg
                                      ? Hdf5Writer::Shape{steps, longest}
                                      : Hdf5Writer::Shape{steps, static_cast<hsize_t>(spec.height),
                                                          static_cast<hsize_t>(spec.width), 3};
  file.dataset(path, shape, all,
               spec.is_jpeg ? Hdf5Writer::Storage::kChunked : Hdf5Writer::Storage::kGzip);
}

inline void write_tracks(Hdf5Writer& file, const EpisodeSpec& spec) {
  const Hdf5Writer::Shape shape{static_cast<hsize_t>(spec.steps),
                                static_cast<hsize_t>(spec.joints)};
  file.dataset("observations/qpos", shape, track_of(spec, 0));
  file.dataset("action", shape, track_of(spec, 100));
}

inline void write_episode(Hdf5Writer& file, const EpisodeSpec& spec) {
  if (spec.sim) file.bool_attribute("sim", *spec.sim);
  if (spec.is_jpeg) file.bool_attribute("compress", true);
  write_tracks(file, spec);
  for (size_t camera = 0; camera < spec.cameras.size(); ++camera) write_camera(file, spec, camera);
}

inline void write_episode(const std::string& path, const EpisodeSpec& spec = {}) {
  Hdf5Writer file(path);
  write_episode(file, spec);
}

}  // namespace tendon::testing
