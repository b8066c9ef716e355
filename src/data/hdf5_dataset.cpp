// The values of a dataset: contiguous storage in place, chunks through their tree and filters.
#include <algorithm>
#include <array>
#include <unordered_set>

#include "data/hdf5_file.h"
#include "data/hdf5_filters.h"

namespace tendon {
namespace {

constexpr uint64_t kMaxTrackBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxSlabBytes = uint64_t{256} << 20;

size_t size_of(Hdf5Element element) {
  switch (element) {
    case Hdf5Element::kUInt8: return 1;
    case Hdf5Element::kFloat32: return 4;
    case Hdf5Element::kFloat64: return 8;
    case Hdf5Element::kOther: break;
  }
  fail(ErrorKind::kInternal, "size of an HDF5 type that is not read");
}

}  // namespace

/// Gives rows, the elements of the first axis.
class Hdf5Dataset::Storage {
 public:
  Storage(std::shared_ptr<const Hdf5Image> image, const Hdf5Dataset& dataset)
      : image_(std::move(image)),
        place_(dataset.place_),
        shape_(dataset.shape_),
        element_(size_of(dataset.element_)) {}

  void open(std::span<const Hdf5Message> messages) {
    std::span<const std::byte> layout;
    for (const Hdf5Message& message : messages) {
      if (message.type == Hdf5MessageType::kLayout) layout = message.body;
      if (message.type == Hdf5MessageType::kFilters) filters_ = Hdf5Filters(message.body, place_);
      if (message.type == Hdf5MessageType::kExternalFiles) refuse_other_files();
    }
    const uint64_t rows = shape_.rank() == 0 ? 1 : static_cast<uint64_t>(shape_[0]);
    const auto elements = static_cast<uint64_t>(shape_.element_count());
    if (__builtin_mul_overflow(elements, element_, &total_bytes_)) refuse_incomplete(0);
    row_bytes_ = rows == 0 ? 0 : total_bytes_ / rows;
    open_layout(layout);
  }

  std::span<const std::byte> row(int64_t index) {
    const auto row = static_cast<uint64_t>(index);
    if (!is_chunked_) {
      return contiguous_.subspan(static_cast<size_t>(row * row_bytes_),
                                 static_cast<size_t>(row_bytes_));
    }
    const uint64_t slab = row / chunk_[0];
    if (slab != slab_) load_slab(slab);
    return std::span(slab_bytes_)
        .subspan(static_cast<size_t>((row % chunk_[0]) * row_bytes_),
                 static_cast<size_t>(row_bytes_));
  }

 private:
  using Position = std::array<uint64_t, Shape::kMaxRank>;
  struct Chunk {
    uint64_t address = kHdf5Undefined;
    uint32_t size = 0;
    uint32_t skipped_filters = 0;
  };

  [[noreturn]] void refuse_other_files() const {
    fail_input("{}: its data lies in other files; expected data in the file itself", place_);
  }
  [[noreturn]] void refuse_incomplete(uint64_t stored) const {
    fail_input(
        "{}: shape {} of {}-byte elements, but only {} bytes are stored; was the recording "
        "cut off?",
        place_, shape_, element_, stored);
  }

  void open_layout(std::span<const std::byte> layout) {
    constexpr uint8_t kCompact = 0;
    constexpr uint8_t kContiguous = 1;
    constexpr uint8_t kChunked = 2;
    ByteReader reader(layout, place_);
    const auto version = reader.read<uint8_t>();
    if (version != 3 && version != 4) {
      fail_input("{}: layout version {}, expected 3 or 4", place_, version);
    }
    const auto kind = reader.read<uint8_t>();
    if (kind == kCompact) {
      use_contiguous(reader.take(reader.read<uint16_t>()));
    } else if (kind == kContiguous) {
      const auto address = reader.read<uint64_t>();
      const auto size = reader.read<uint64_t>();
      if (total_bytes_ == 0) return;
      if (address == kHdf5Undefined) refuse_incomplete(0);
      use_contiguous(image_->block(address, size, place_));
    } else if (kind == kChunked) {
      if (version == 4) refuse_new_format(place_, "a chunk index of the newest format");
      open_chunks(reader);
    } else {
      refuse_other_files();
    }
  }

  void use_contiguous(std::span<const std::byte> bytes) {
    if (!filters_.empty()) fail_input("{}: filters on data without chunks", place_);
    if (bytes.size() < total_bytes_) refuse_incomplete(bytes.size());
    contiguous_ = bytes;
  }

  void open_chunks(ByteReader& reader) {
    const int rank = reader.read<uint8_t>() - 1;
    const auto tree = reader.read<uint64_t>();
    if (rank != shape_.rank() || rank == 0) {
      fail_input("{}: chunks of {} dimensions for shape {}", place_, rank, shape_);
    }
    is_chunked_ = true;
    chunk_bytes_ = element_;
    uint64_t chunk_count = 1;
    for (int axis = 0; axis < rank; ++axis) {
      const auto a = static_cast<size_t>(axis);
      chunk_[a] = reader.read<uint32_t>();
      if (chunk_[a] == 0) fail_input("{}: chunks without elements", place_);
      grid_[a] = (static_cast<uint64_t>(shape_[axis]) + chunk_[a] - 1) / chunk_[a];
      chunk_bytes_ *= chunk_[a];
      // Each chunk has an entry of at least 24 bytes in the file.
      if (__builtin_mul_overflow(chunk_count, grid_[a], &chunk_count) ||
          chunk_count > image_->bytes().size() / 24) {
        refuse_incomplete(image_->bytes().size());
      }
      if (chunk_bytes_ > kMaxSlabBytes) break;
    }
    uint64_t slab_bytes = 0;
    const uint64_t slab_rows = std::min<uint64_t>(chunk_[0], static_cast<uint64_t>(shape_[0]));
    if (chunk_bytes_ > kMaxSlabBytes ||
        __builtin_mul_overflow(slab_rows, row_bytes_, &slab_bytes) || slab_bytes > kMaxSlabBytes) {
      fail_input("{}: chunks of more than {} bytes; run h5repack -l CHUNK=1x… on the file", place_,
                 kMaxSlabBytes);
    }
    if (const auto stored_element = reader.read<uint32_t>(); stored_element != element_) {
      fail_input("{}: chunks of {}-byte elements, expected {}", place_, stored_element, element_);
    }
    chunks_.resize(static_cast<size_t>(chunk_count));
    if (tree != kHdf5Undefined) {
      std::unordered_set<uint64_t> visited;
      read_node(tree, -1, visited);
    }
    const auto missing = std::ranges::find(chunks_, kHdf5Undefined, &Chunk::address);
    if (missing != chunks_.end()) {
      fail_input("{}: {} of {} chunks were never written; was the recording cut off?", place_,
                 std::ranges::count(chunks_, kHdf5Undefined, &Chunk::address), chunks_.size());
    }
  }

  /// `level` is what the parent expects; the root may have any.
  void read_node(uint64_t address, int level, std::unordered_set<uint64_t>& visited) {
    ByteReader reader = image_->at(address, place_);
    constexpr uint8_t kChunkTree = 1;
    const bool is_node = reader.take_text(4) == "TREE" && reader.read<uint8_t>() == kChunkTree;
    if (!is_node || !visited.insert(address).second) {
      fail_input("{}: a damaged chunk index at offset {}", place_, address);
    }
    const int found = reader.read<uint8_t>();
    const auto count = reader.read<uint16_t>();
    reader.take(8 + 8);
    if (level >= 0 && found != level) {
      fail_input("{}: a damaged chunk index at offset {}", place_, address);
    }
    for (int i = 0; i < count; ++i) {
      Chunk chunk;
      chunk.size = reader.read<uint32_t>();
      chunk.skipped_filters = reader.read<uint32_t>();
      const std::optional<uint64_t> number = read_number(reader);
      chunk.address = reader.read<uint64_t>();
      if (found > 0) {
        read_node(chunk.address, found - 1, visited);
      } else if (number) {
        image_->block(chunk.address, chunk.size, place_);
        chunks_[static_cast<size_t>(*number)] = chunk;
      }
    }
  }

  /// The number of the chunk at the position that `reader` gives; absent when it lies outside.
  std::optional<uint64_t> read_number(ByteReader& reader) const {
    uint64_t number = 0;
    bool is_inside = true;
    for (int axis = 0; axis < shape_.rank(); ++axis) {
      const auto a = static_cast<size_t>(axis);
      const auto position = reader.read<uint64_t>();
      is_inside = is_inside && position % chunk_[a] == 0 && position / chunk_[a] < grid_[a];
      number = number * grid_[a] + position / chunk_[a];
    }
    reader.take(8);
    return is_inside ? std::optional(number) : std::nullopt;
  }

  std::span<const std::byte> decoded(const Chunk& chunk) {
    const auto stored = image_->block(chunk.address, chunk.size, place_);
    const auto bytes = filters_.decode(stored, chunk.skipped_filters, element_,
                                       static_cast<size_t>(chunk_bytes_), place_);
    if (bytes.size() != chunk_bytes_) {
      fail_input("{}: a chunk of {} bytes, expected {}", place_, bytes.size(), chunk_bytes_);
    }
    return bytes;
  }

  /// Assembles all rows that the chunks of one step along the first axis hold.
  void load_slab(uint64_t slab) {
    slab_ = kHdf5Undefined;
    const uint64_t first_row = slab * chunk_[0];
    const uint64_t rows = std::min(chunk_[0], static_cast<uint64_t>(shape_[0]) - first_row);
    slab_bytes_.resize(static_cast<size_t>(rows * row_bytes_));
    const size_t per_slab = chunks_.size() / static_cast<size_t>(grid_[0]);
    for (size_t i = 0; i < per_slab; ++i) {
      place_chunk(decoded(chunks_[static_cast<size_t>(slab) * per_slab + i]), i, rows);
    }
    slab_ = slab;
  }

  /// Copies the part of a chunk that lies inside the shape, one line of the last axis at a time.
  void place_chunk(std::span<const std::byte> chunk, uint64_t number, uint64_t rows) {
    const auto rank = static_cast<size_t>(shape_.rank());
    Position origin{};
    Position extent{};
    for (size_t a = rank; a-- > 1;) {
      origin[a] = number % grid_[a] * chunk_[a];
      number /= grid_[a];
      extent[a] =
          std::min(chunk_[a], static_cast<uint64_t>(shape_[static_cast<int>(a)]) - origin[a]);
    }
    extent[0] = rows;
    const auto line = static_cast<size_t>(extent[rank - 1] * element_);
    Position at{};
    for (;;) {
      uint64_t from = 0;
      uint64_t to = 0;
      for (size_t a = 0; a < rank; ++a) {
        const auto dim = static_cast<uint64_t>(shape_[static_cast<int>(a)]);
        from = from * chunk_[a] + (a + 1 < rank ? at[a] : 0);
        to = to * (a == 0 ? rows : dim) + origin[a] + (a + 1 < rank ? at[a] : 0);
      }
      std::memcpy(slab_bytes_.data() + to * element_, chunk.data() + from * element_, line);
      size_t a = rank - 1;
      while (a-- > 0) {
        if (++at[a] < extent[a]) break;
        at[a] = 0;
      }
      if (a == ~size_t{0}) return;
    }
  }

  std::shared_ptr<const Hdf5Image> image_;
  std::string place_;
  Shape shape_;
  size_t element_;
  uint64_t total_bytes_ = 0;
  uint64_t row_bytes_ = 0;
  Hdf5Filters filters_;
  std::span<const std::byte> contiguous_;
  bool is_chunked_ = false;
  Position chunk_{};
  Position grid_{};
  uint64_t chunk_bytes_ = 0;
  std::vector<Chunk> chunks_;
  uint64_t slab_ = kHdf5Undefined;
  std::vector<std::byte> slab_bytes_;
};

Hdf5Dataset Hdf5File::dataset(const std::string& path) const {
  const auto object = find(path);
  if (!object) fail_input("{}: no dataset {}", name(), path);
  Hdf5Dataset dataset;
  dataset.place_ = name() + ": " + path;
  const auto messages = image_->messages(*object, dataset.place_);
  bool has_shape = false;
  bool has_type = false;
  for (const Hdf5Message& message : messages) {
    if (message.type == Hdf5MessageType::kDataspace) {
      dataset.shape_ = read_hdf5_shape(message.body, dataset.place_);
      has_shape = true;
    } else if (message.type == Hdf5MessageType::kDatatype) {
      dataset.element_ = read_hdf5_type(message.body, dataset.place_).element;
      has_type = true;
    }
  }
  if (!has_shape || !has_type) fail_input("{}: no dataset", dataset.place_);
  if (dataset.element_ != Hdf5Element::kOther) {
    dataset.storage_ = std::make_shared<Hdf5Dataset::Storage>(image_, dataset);
    dataset.storage_->open(messages);
  }
  return dataset;
}

Tensor Hdf5Dataset::read_float32() const {
  if (element_ != Hdf5Element::kFloat32 && element_ != Hdf5Element::kFloat64) {
    fail_input("{}: its elements are not floating-point numbers; expected float32 or float64",
               place_);
  }
  if (static_cast<uint64_t>(shape_.element_count()) > kMaxTrackBytes / sizeof(float)) {
    fail_input("{}: shape {} needs more than {} bytes", place_, shape_, kMaxTrackBytes);
  }
  TENDON_ASSERT(shape_.rank() > 0);
  Tensor tensor(DataType::kFloat32, shape_);
  // A file may claim any number of rows without elements.
  if (tensor.size() == 0) return tensor;
  float* target = tensor.mutable_data<float>().data();
  for (int64_t index = 0; index < shape_[0]; ++index) {
    const auto row = storage_->row(index);
    if (element_ == Hdf5Element::kFloat32) {
      if (!row.empty()) std::memcpy(target, row.data(), row.size());
      target += row.size() / sizeof(float);
      continue;
    }
    for (size_t at = 0; at < row.size(); at += sizeof(double)) {
      double value;
      std::memcpy(&value, row.data() + at, sizeof(double));
      *target++ = static_cast<float>(value);
    }
  }
  return tensor;
}

void Hdf5Dataset::read_row(int64_t index, std::span<uint8_t> target) const {
  TENDON_ASSERT(element_ == Hdf5Element::kUInt8 && shape_.rank() > 0);
  TENDON_ASSERT(index >= 0 && index < shape_[0]);
  const auto row = storage_->row(index);
  TENDON_ASSERT(row.size() == target.size());
  if (!row.empty()) std::memcpy(target.data(), row.data(), row.size());
}

}  // namespace tendon
