// Reads /proc/cpuinfo and the libraries' own version functions.
#include "cli/machine.h"

#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <set>
#include <sstream>

#include "base/cpu_model.h"
#include "base/format.h"

namespace tendon::cli {
namespace {

struct InstructionSet {
  const char* flag;  ///< as Linux spells it
  const char* name;
};
constexpr std::array kInstructionSets = {
    InstructionSet{"sse4_2", "SSE4.2"},
    InstructionSet{"avx", "AVX"},
    InstructionSet{"f16c", "F16C"},
    InstructionSet{"fma", "FMA"},
    InstructionSet{"avx2", "AVX2"},
    InstructionSet{"avx_vnni", "AVX-VNNI"},
    InstructionSet{"avx512f", "AVX-512"},
    InstructionSet{"avx512_vnni", "AVX-512 VNNI"},
    InstructionSet{"avx512_bf16", "AVX-512 BF16"},
    InstructionSet{"avx512_fp16", "AVX-512 FP16"},
    InstructionSet{"amx_int8", "AMX INT8"},
    InstructionSet{"amx_bf16", "AMX BF16"},
    InstructionSet{"asimd", "NEON"},
    InstructionSet{"asimdhp", "NEON FP16"},
    InstructionSet{"asimddp", "NEON dot product"},
    InstructionSet{"i8mm", "NEON I8MM"},
    InstructionSet{"bf16", "NEON BF16"},
    InstructionSet{"sve", "SVE"},
};

template <class Function>
Function* loaded(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

/// The start of oneDNN's dnnl_version_t.
struct OnednnVersion {
  int major, minor, patch;
};

}  // namespace

Processor find_processor() {
  Processor processor;
  processor.model = cpu_model();
  cpu_set_t usable;
  processor.cores = sched_getaffinity(0, sizeof usable, &usable) == 0
                        ? CPU_COUNT(&usable)
                        : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  processor.memory_bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);

  std::istringstream words(cpuinfo("flags") + " " + cpuinfo("Features"));
  std::set<std::string> flags;
  for (std::string word; words >> word;) flags.insert(word);
  for (const auto& [flag, name] : kInstructionSets) {
    if (flags.contains(flag)) processor.instruction_sets.emplace_back(name);
  }
  return processor;
}

std::vector<Library> find_libraries() {
  std::vector<Library> libraries;
  if (auto* version = loaded<const OnednnVersion*()>("dnnl_version")) {
    const OnednnVersion& onednn = *version();
    libraries.push_back(
        {"oneDNN", fmt::format("{}.{}.{}", onednn.major, onednn.minor, onednn.patch)});
  }
  if (auto* version = loaded<const char*()>("zlibVersion")) {
    libraries.push_back({"zlib", version()});
  }
  return libraries;
}

}  // namespace tendon::cli
