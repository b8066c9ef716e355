// The bounds on everything that is read from outside, in one place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// Defaults are far above what a robot policy needs; each is enforced with a message of its own.
struct Limits {
  int64_t max_nodes = 100'000;
  int64_t max_initializers = 100'000;
  /// Functions and graphs inside one another.
  int max_nesting = 32;
  size_t max_string_bytes = size_t{1} << 20;
  size_t max_inline_model_bytes = size_t{1} << 31;
  int64_t max_folded_bytes = int64_t{1} << 30;
  int max_json_depth = 64;
  size_t max_json_bytes = size_t{64} << 20;
  size_t max_pickle_bytes = size_t{64} << 20;
  int64_t max_pickle_opcodes = 1'000'000;
  int64_t max_zip_entries = 1'000'000;
  int64_t max_zip_ratio = 1100;
  int64_t max_jpeg_pixels = 64'000'000;
};

/// The limits in force for this process; options of the command line write to it before any work.
Limits& limits();

/// Sets a limit by its name, such as "nodes" or "json-bytes". Throws Error{kUsage} for another
/// name, listing all, and for a number that the limit cannot hold.
void set_limit(std::string_view name, int64_t value);
/// "nodes 100000", …: every limit with its value in force.
std::vector<std::string> describe_limits();

}  // namespace tendon
