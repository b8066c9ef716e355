// Graphs as bytes: a bounded binary form that rebuilds the graph through its public functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/file_contents.h"
#include "ir/graph.h"

namespace tendon::engine_file {

/// The weights section while it is written: each different content once, at multiples of 64 bytes.
class WeightsWriter {
 public:
  struct Place {
    DataType stored;
    uint64_t offset;
  };
  /// Where the tensor's elements stand in the section, and as what: large float32 tensors whose
  /// elements all are float16 take half the room.
  Place add(const Tensor& tensor);
  uint64_t size() const { return size_; }
  /// Contents in order of offset; the gaps up to the next multiple of 64 are zero.
  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  uint64_t offset_of(const Tensor& tensor);

  struct Placed {
    uint64_t offset;
    size_t index;
  };
  std::multimap<std::pair<uint32_t, size_t>, Placed> known_;
  std::vector<Tensor> tensors_;
  uint64_t size_ = 0;
};

/// Views of more bytes are left to be checked by those who read them.
inline constexpr size_t kMostChecked = 64 * 1024;

/// The weights section of a file, used in place.
class WeightsReader {
 public:
  /// `contents` of the section, and alive as long; null where it was checked as a whole.
  WeightsReader(std::span<const std::byte> section, std::shared_ptr<const void> owner,
                const Contents* contents = nullptr)
      : section_(section), owner_(std::move(owner)), contents_(contents) {}
  /// A view, or a wider copy of what is stored. Throws Error{kBadInput} for a place outside the
  /// section and for types that are not stored so. Views of more than kMostChecked bytes are not
  /// checked for damage.
  Tensor at(const TensorType& type, WeightsWriter::Place place) const;

 private:
  Tensor view(const TensorType& type, uint64_t offset) const;

  std::span<const std::byte> section_;
  std::shared_ptr<const void> owner_;
  const Contents* contents_;
};

/// Types of inner values are not written: they follow from the operators again.
std::string encode_graph(const Graph& graph, WeightsWriter& weights);

/// Reads what encode_graph of file format `version` wrote; inner values have no types yet. Every
/// count and index is checked: throws Error{kBadInput} naming `name` and the offset,
/// Error{kUnsupported} for an operator that this version does not have.
Graph decode_graph(std::span<const std::byte> bytes, std::string_view name,
                   const WeightsReader& weights, uint32_t version);

}  // namespace tendon::engine_file
