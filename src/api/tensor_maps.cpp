// Inputs and outputs of several iterations in files.
#include "api/tensor_maps.h"

#include <tendon/data_loader.h>

#include <array>
#include <charconv>

#include "api/polygraphy_json.h"
#include "base/byte_reader.h"
#include "base/npy.h"
#include "base/npz.h"

namespace tendon {

bool is_npz_path(const std::string& path) {
  if (path.ends_with(".npz")) return true;
  if (path.ends_with(".json")) return false;
  fail(ErrorKind::kUsage, "'{}' ends neither in .npz nor in .json; name one of these forms", path);
}

NumberedName split_number(std::string_view text) {
  NumberedName result;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return result;
  int64_t number = 0;
  const char* const end = text.data() + slash;
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || stop != end || number < 0) return result;
  return {number, std::string(text.substr(slash + 1))};
}

std::vector<TensorMap> tensor_maps_from_members(const TensorMap& members, std::string_view name) {
  std::map<int64_t, TensorMap> numbered;
  for (const auto& [key, tensor] : members) {
    NumberedName split = split_number(key);
    if (split.number < 0) {
      fail_input("{}: array '{}' among numbered ones; expected '<iteration>/<name>'", name, key);
    }
    numbered[split.number].emplace(std::move(split.rest), tensor);
  }
  std::vector<TensorMap> maps;
  for (auto& [number, tensors] : numbered) {
    if (number != static_cast<int64_t>(maps.size())) {
      fail_input("{}: iteration {} is missing; found {}", name, maps.size(), number);
    }
    maps.push_back(std::move(tensors));
  }
  return maps;
}

void add_npz_member(ZipWriter& zip, const std::string& name, const Tensor& tensor) {
  const std::string header = npy_header(tensor.type());
  const std::span<const std::byte> data{static_cast<const std::byte*>(tensor.raw()),
                                        tensor.byte_size()};
  const std::array parts = {bytes_of(header), data};
  zip.add(name + ".npy", parts);
}

void add_npz_members(ZipWriter& zip, const std::string& prefix, const TensorMap& tensors) {
  for (const auto& [name, tensor] : tensors) add_npz_member(zip, prefix + name, tensor);
}

std::vector<TensorMap> tensor_maps_from_path(std::string path) {
  if (is_npz_path(path)) {
    TensorMap members = load_npz(path);
    const bool numbered = !members.empty() && split_number(members.begin()->first).number >= 0;
    if (numbered) return tensor_maps_from_members(members, path);
    return {std::move(members)};
  }
  const Json list = load_json(path);
  if (!list.is_array()) fail_input("{}: expected a list with one object for each iteration", path);
  std::vector<TensorMap> maps;
  for (const Json& item : list) {
    maps.push_back(tensor_map_from_json(item, fmt::format("{}, iteration {}", path, maps.size())));
  }
  return maps;
}

std::vector<TensorMap> save_tensor_maps(Loadable<std::vector<TensorMap>> maps, std::string path) {
  const bool npz = is_npz_path(path);
  const std::vector<TensorMap> content = maps();
  if (npz) {
    ZipWriter zip(path);
    for (size_t i = 0; i < content.size(); ++i) {
      add_npz_members(zip, std::to_string(i) + "/", content[i]);
    }
    zip.commit();
  } else {
    Json list = Json::array();
    for (const TensorMap& map : content) list.push_back(json_from_tensor_map(map));
    write_file_atomically(path, list.dump(4, ' ', false, Json::error_handler_t::replace));
  }
  return content;
}

std::vector<TensorMap> unstack(const TensorMap& stacked) {
  std::vector<TensorMap> rows;
  for (const auto& [name, tensor] : stacked) {
    if (tensor.rank() == 0) {
      fail(ErrorKind::kUsage, "unstack: '{}' is a scalar; expected a first axis to cut along",
           name);
    }
    const auto count = static_cast<size_t>(tensor.shape()[0]);
    if (rows.empty()) rows.resize(count);
    if (rows.size() != count) {
      fail(ErrorKind::kUsage,
           "unstack: '{}' has shape {}, but '{}' has {} entries on its first axis; expected equal "
           "first axes",
           name, tensor.shape(), stacked.begin()->first, rows.size());
    }
    Shape shape = tensor.shape();
    shape[0] = 1;
    const size_t bytes = static_cast<size_t>(shape.element_count()) * size_of(tensor.dtype());
    const auto owner = std::make_shared<const Tensor>(tensor);
    for (size_t i = 0; i < count; ++i) {
      rows[i][name] = Tensor::view(tensor.dtype(), shape,
                                   static_cast<const std::byte*>(tensor.raw()) + i * bytes, owner);
    }
  }
  return rows;
}

}  // namespace tendon
