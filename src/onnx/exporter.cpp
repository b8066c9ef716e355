// Lays out the file, then writes it front to back, so that weights are never held twice.
#include "onnx/exporter.h"

#include <filesystem>

#include "base/file.h"
#include "onnx/graph_writer.h"
#include "onnx/proto_writer.h"

namespace tendon {
namespace {

using Sink = std::function<void(std::span<const std::byte>)>;

constexpr uint64_t kMaxModelBytes = (uint64_t{1} << 31) - 1;
/// Smaller tensors always stay inside, where viewers and shape inference see them.
constexpr size_t kMinBesideBytes = 1024;
/// Pages, so that readers can map the weights.
constexpr uint64_t kBesideAlignment = 4096;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.raw()), tensor.byte_size()};
}

/// One initializer: what is written before its elements, and these, unless they are beside.
struct Initializer {
  std::string head;
  const Tensor* inside = nullptr;

  uint64_t size() const { return head.size() + (inside == nullptr ? 0 : inside->byte_size()); }
};

Initializer inside(const Weight& weight) {
  WireWriter tensor = tensor_head_message(weight.name, weight.tensor.type());
  const size_t size = weight.tensor.byte_size();
  tensor.head(9, size);
  WireWriter field;
  field.head(5, tensor.bytes().size() + size);
  return {field.bytes() + tensor.bytes(), &weight.tensor};
}

Initializer beside(const Weight& weight, const std::string& file, uint64_t offset) {
  WireWriter tensor = tensor_head_message(weight.name, weight.tensor.type());
  tensor.message(13, string_pair_message("location", file));
  tensor.message(13, string_pair_message("offset", std::to_string(offset)));
  tensor.message(13, string_pair_message("length", std::to_string(weight.tensor.byte_size())));
  tensor.integer(14, 1);
  WireWriter field;
  field.message(5, tensor);
  return {field.bytes(), nullptr};
}

/// A model ready to be written.
struct Layout {
  std::string before;
  std::string graph;
  std::vector<Initializer> initializers;

  uint64_t size() const {
    uint64_t total = before.size() + graph.size();
    for (const Initializer& initializer : initializers) total += initializer.size();
    return total;
  }
  void write(const Sink& sink) const {
    sink(bytes_of(before));
    sink(bytes_of(graph));
    for (const Initializer& initializer : initializers) {
      sink(bytes_of(initializer.head));
      if (initializer.inside != nullptr) sink(bytes_of(*initializer.inside));
    }
  }
};

Layout layout_of(const ModelParts& parts, std::vector<Initializer> initializers) {
  Layout layout{"", parts.graph.bytes(), std::move(initializers)};
  WireWriter head;
  head.head(7, layout.size());
  layout.before = parts.model.bytes() + head.bytes();
  return layout;
}

Layout layout_inside(const ModelParts& parts) {
  std::vector<Initializer> initializers;
  for (const Weight& weight : parts.weights) initializers.push_back(inside(weight));
  return layout_of(parts, std::move(initializers));
}

/// Writes the larger weights to `path` and lays out the model that refers to them.
Layout save_beside(const ModelParts& parts, const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  AtomicFileWriter file(path);
  std::vector<Initializer> initializers;
  for (const Weight& weight : parts.weights) {
    if (weight.tensor.byte_size() < kMinBesideBytes) {
      initializers.push_back(inside(weight));
      continue;
    }
    const uint64_t gap = (kBesideAlignment - file.size() % kBesideAlignment) % kBesideAlignment;
    file.write(std::string(gap, '\0'));
    initializers.push_back(beside(weight, name, file.size()));
    file.write(bytes_of(weight.tensor));
  }
  file.commit();
  return layout_of(parts, std::move(initializers));
}

std::string weights_path(const std::string& path, const std::string& name) {
  if (name.empty()) return path + ".data";
  if (name != std::filesystem::path(name).filename() || name == "." || name == "..") {
    fail(ErrorKind::kUsage, "weights file '{}' must be a plain name: it lies beside the model",
         name);
  }
  return (std::filesystem::path(path).parent_path() / name).string();
}

}  // namespace

void write_onnx_file(const Graph& graph, const std::string& path, const ExportOptions& options) {
  const ModelParts parts = model_parts_from_graph(graph, options.opset);
  using Weights = ExportOptions::Weights;
  Layout layout = layout_inside(parts);
  const bool fits = layout.size() <= kMaxModelBytes;
  if (options.weights == Weights::kInside && !fits) {
    fail(ErrorKind::kUsage,
         "the model would have {} bytes, more than ONNX files can hold; store "
         "the weights beside it",
         layout.size());
  }
  if (options.weights == Weights::kBeside || !fits) {
    layout = save_beside(parts, weights_path(path, options.weights_file));
  }
  AtomicFileWriter file(path);
  layout.write([&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.commit();
}

std::string onnx_bytes_from_graph(const Graph& graph, const ExportOptions& options) {
  const ModelParts parts = model_parts_from_graph(graph, options.opset);
  const Layout layout = layout_inside(parts);
  if (layout.size() > kMaxModelBytes) {
    fail(ErrorKind::kUsage,
         "the model would have {} bytes, more than fit in one piece; save it to a "
         "file",
         layout.size());
  }
  std::string text;
  text.reserve(layout.size());
  layout.write([&](std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  return text;
}

}  // namespace tendon
