// Any bytes as an episode's HDF5 file: every group, dataset and attribute is read.
#include <algorithm>
#include <vector>

#include "data/hdf5_file.h"
#include "fuzz.h"

namespace {

using namespace tendon;

void read_rows(const Hdf5Dataset& dataset) {
  if (dataset.element() == Hdf5Element::kOther || dataset.shape().rank() == 0) return;
  if (dataset.element() != Hdf5Element::kUInt8) {
    dataset.read_float32();
    return;
  }
  std::vector<uint8_t> row(1);
  for (int axis = 1; axis < dataset.shape().rank(); ++axis) {
    row.resize(row.size() * static_cast<size_t>(dataset.shape()[axis]));
  }
  for (int64_t i = 0; i < std::min<int64_t>(dataset.shape()[0], 8); ++i) dataset.read_row(i, row);
}

void read_group(const Hdf5File& file, const std::string& group, int depth) {
  for (const std::string& name : file.list(group)) {
    const std::string path = group + "/" + name;
    try {
      read_rows(file.dataset(path));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInternal) throw;
      if (depth < 4) read_group(file, path, depth + 1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzzing::check_reader(data, size, [](std::span<const std::byte> bytes) {
    const Hdf5File file = Hdf5File::parse(bytes, "fuzz", nullptr);
    for (const char* name : {"sim", "compress", "color_order"}) {
      try {
        file.bool_attribute(name);
        file.text_attribute(name);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::kInternal) throw;
      }
    }
    read_group(file, "", 0);
  });
}
