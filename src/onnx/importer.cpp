#include "onnx/importer.h"

#include <filesystem>

#include "base/log.h"
#include "onnx/graph_reader.h"

namespace tendon {
namespace {

/// What people hand over by mistake, told by its first bytes.
struct Signature {
  std::string_view start;
  std::string_view what;
};
constexpr Signature kSignatures[] = {
    {"version https://git-lfs", "a Git LFS pointer; fetch the file itself with 'git lfs pull'"},
    {"PK\x03\x04", "a ZIP archive, as PyTorch checkpoints are; export it to ONNX first"},
    {"\x80\x02", "a pickle; export the policy to ONNX first"},
    {"\x89TENDON", "an engine that Tendon built; pass it where an engine is expected"},
    {"\x89HDF", "an HDF5 file, such as an episode"},
    {"\x93NUMPY", "a numpy array"},
    {"{", "JSON text"},
    {"<", "markup text"},
};

void refuse_other_formats(std::span<const std::byte> bytes) {
  if (bytes.empty()) fail_input("is empty, expected an ONNX model");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Signature& signature : kSignatures) {
    if (text.starts_with(signature.start)) {
      fail_input("is no ONNX model but {}", signature.what);
    }
  }
}

ModelProto read_checked(std::span<const std::byte> bytes) {
  refuse_other_formats(bytes);
  try {
    return read_model(bytes);
  } catch (const Error& error) {
    throw error.within("not a valid ONNX model");
  }
}

Graph read(std::span<const std::byte> bytes, const std::string& name, const TensorSource& source,
           const ImportOptions& options) {
  try {
    return graph_from_model(read_checked(bytes), source, options);
  } catch (const Error& error) {
    throw error.within(fmt::format("'{}'", name));
  }
}

}  // namespace

Graph graph_from_onnx_path(const std::string& path, const ImportOptions& options) {
  const auto file = MappedFile::open(path);
  ExternalData external(std::filesystem::path(path).parent_path().string());
  return read(file->bytes(), path, {file, &external}, options);
}

Graph graph_from_onnx_bytes(std::span<const std::byte> bytes, const std::string& name,
                            const ImportOptions& options) {
  return read(bytes, name, {}, options);
}

}  // namespace tendon
