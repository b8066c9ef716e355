// .npz reading and writing: .npy members of a ZIP archive.
#include "base/npz.h"

#include <array>

#include "base/byte_reader.h"
#include "base/npy.h"
#include "base/zip.h"

namespace tendon {
namespace {

constexpr std::string_view kSuffix = ".npy";

TensorMap read_members(const ZipReader& zip, const std::string& name) {
  TensorMap tensors;
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(kSuffix)) {
      fail_input("{}: member '{}' is no array; expected names ending in {}", name, entry.name,
                 kSuffix);
    }
    const std::string key = entry.name.substr(0, entry.name.size() - kSuffix.size());
    tensors.emplace(key, parse_npy(zip.read(entry).bytes, name + ": array '" + key + "'"));
  }
  return tensors;
}

}  // namespace

TensorMap load_npz(const std::string& path) { return read_members(ZipReader::open(path), path); }

TensorMap parse_npz(std::span<const std::byte> bytes, const std::string& name) {
  return read_members(ZipReader::parse(bytes, name, nullptr), name);
}

void save_npz(const std::string& path, const TensorMap& tensors) {
  ZipWriter zip(path);
  for (const auto& [name, tensor] : tensors) {
    const std::string header = npy_header(tensor.type());
    const std::span<const std::byte> data{static_cast<const std::byte*>(tensor.raw()),
                                          tensor.byte_size()};
    const std::array parts = {bytes_of(header), data};
    zip.add(name + std::string(kSuffix), parts);
  }
  zip.commit();
}

}  // namespace tendon
