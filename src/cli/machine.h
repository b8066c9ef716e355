// What the machine offers: processor, instruction sets, memory, loaded libraries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tendon::cli {

struct Processor {
  std::string model;
  int cores = 0;             ///< logical cores that this process may use
  int64_t memory_bytes = 0;  ///< of the whole machine
  /// Those that matter to the kernels, such as "AVX2" or "AVX-512 VNNI"; weakest first.
  std::vector<std::string> instruction_sets;
};
Processor find_processor();

struct Library {
  std::string_view name;
  std::string version;
};
/// The libraries that say at run time which version was loaded.
std::vector<Library> find_libraries();

}  // namespace tendon::cli
