// Any bytes as a timing cache, and as a file of tactics.
#include "engine/tactics_file.h"
#include "engine/timing_cache.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tendon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzzing::check_reader(data, size, [&](std::span<const std::byte>) {
    TimingCache cache("m");
    if (cache.merge(text, "fuzz")) TimingCache("m").merge(cache.to_text(), "written");
  });
  return fuzzing::check_reader(
      data, size, [&](std::span<const std::byte>) { tactics_from_text(text, "fuzz"); });
}
