// The filters of a chunked HDF5 dataset: gzip and shuffle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tendon {

class Hdf5Filters {
 public:
  Hdf5Filters() = default;
  /// Throws Error{kBadInput} naming `place` for any other filter.
  Hdf5Filters(std::span<const std::byte> message, std::string_view place);

  bool empty() const { return filters_.empty(); }
  /// Undoes the filters but those whose bit is set in `skipped`. The result has `size` bytes if the
  /// chunk is whole; it lies in `stored` or lives until the next call.
  std::span<const std::byte> decode(std::span<const std::byte> stored, uint32_t skipped,
                                    size_t element_size, size_t size, std::string_view place);

 private:
  std::vector<uint16_t> filters_;
  std::vector<std::byte> decoded_;
  std::vector<std::byte> previous_;
};

}  // namespace tendon
