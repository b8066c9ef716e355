// Undoing gzip (zlib streams) and shuffle (bytes of equal significance stored together).
#include "data/hdf5_filters.h"

#include <zlib.h>

#include "base/byte_reader.h"

namespace tendon {
namespace {

constexpr uint16_t kDeflate = 1;
constexpr uint16_t kShuffle = 2;
constexpr size_t kMaxFilters = 8;

void inflate_chunk(std::span<const std::byte> packed, std::span<std::byte> chunk,
                   std::string_view place) {
  auto size = static_cast<uLongf>(chunk.size());
  const int status = uncompress(reinterpret_cast<Bytef*>(chunk.data()), &size,
                                reinterpret_cast<const Bytef*>(packed.data()), packed.size());
  if (status != Z_OK || size != chunk.size()) {
    fail_input("{}: a compressed chunk does not inflate to its {} bytes; the file is damaged",
               place, chunk.size());
  }
}

void unshuffle(std::span<const std::byte> shuffled, size_t element_size,
               std::span<std::byte> chunk) {
  const size_t count = chunk.size() / element_size;
  for (size_t i = 0; i < count; ++i) {
    for (size_t byte = 0; byte < element_size; ++byte) {
      chunk[i * element_size + byte] = shuffled[byte * count + i];
    }
  }
}

}  // namespace

Hdf5Filters::Hdf5Filters(std::span<const std::byte> message, std::string_view place) {
  ByteReader reader(message, place);
  const auto version = reader.read<uint8_t>();
  const auto count = reader.read<uint8_t>();
  if ((version != 1 && version != 2) || count > kMaxFilters) {
    fail_input("{}: filter list of version {} with {} filters, expected 1 or 2 with at most {}",
               place, version, count, kMaxFilters);
  }
  if (version == 1) reader.take(6);
  for (int i = 0; i < count; ++i) {
    const auto id = reader.read<uint16_t>();
    if (id != kDeflate && id != kShuffle) {
      fail_input(
          "{}: stored with HDF5 filter {}; only gzip and shuffle are read: run h5repack -f "
          "GZIP=4 on the file",
          place, id);
    }
    const uint16_t name_size = version == 1 ? reader.read<uint16_t>() : uint16_t{0};
    reader.take(2);
    const auto values = reader.read<uint16_t>();
    reader.take(name_size + size_t{4} * values);
    if (version == 1 && values % 2 == 1) reader.take(4);
    filters_.push_back(id);
  }
}

std::span<const std::byte> Hdf5Filters::decode(std::span<const std::byte> stored, uint32_t skipped,
                                               size_t element_size, size_t size,
                                               std::string_view place) {
  std::span<const std::byte> bytes = stored;
  for (size_t i = filters_.size(); i-- > 0;) {
    if ((skipped >> i & 1) != 0) continue;
    const bool is_shuffle = filters_[i] == kShuffle;
    if (is_shuffle && (element_size == 1 || bytes.size() % element_size != 0)) continue;
    std::swap(decoded_, previous_);
    decoded_.resize(is_shuffle ? bytes.size() : size);
    if (is_shuffle) {
      unshuffle(bytes, element_size, decoded_);
    } else {
      inflate_chunk(bytes, decoded_, place);
    }
    bytes = decoded_;
  }
  return bytes;
}

}  // namespace tendon
