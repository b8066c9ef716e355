// Any bytes as a pickle of numpy arrays.
#include "base/pickle.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tendon::PickleRules rules = tendon::numpy_pickle_rules();
  return tendon::fuzzing::check_reader(data, size, [](std::span<const std::byte> bytes) {
    tendon::parse_pickle(bytes, "fuzz", rules);
  });
}
