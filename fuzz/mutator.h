// Half of libFuzzer's mutations by a mutator that knows the format, the others libFuzzer's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace tendon::fuzzing {

/// What LLVMFuzzerCustomMutator returns. `Mutator(seed).mutate(text, max_size)` gives a text of at
/// most max_size bytes, or nothing for data of another format.
template <class Mutator>
size_t mutate(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  if (seed % 2 == 0) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto mutated = Mutator(seed).mutate(text, max_size)) {
      std::memcpy(data, mutated->data(), mutated->size());
      return mutated->size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

}  // namespace tendon::fuzzing
