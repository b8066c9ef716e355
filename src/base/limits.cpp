#include "base/limits.h"

#include <limits>
#include <variant>

#include "base/format.h"

namespace tendon {
namespace {

struct Row {
  std::string_view name;
  std::variant<int Limits::*, int64_t Limits::*, size_t Limits::*> member;
};
constexpr Row kRows[] = {
    {"nodes", &Limits::max_nodes},
    {"initializers", &Limits::max_initializers},
    {"nesting", &Limits::max_nesting},
    {"string-bytes", &Limits::max_string_bytes},
    {"model-bytes", &Limits::max_inline_model_bytes},
    {"folded-bytes", &Limits::max_folded_bytes},
    {"json-depth", &Limits::max_json_depth},
    {"json-bytes", &Limits::max_json_bytes},
    {"pickle-bytes", &Limits::max_pickle_bytes},
    {"pickle-opcodes", &Limits::max_pickle_opcodes},
    {"zip-entries", &Limits::max_zip_entries},
    {"zip-ratio", &Limits::max_zip_ratio},
    {"jpeg-pixels", &Limits::max_jpeg_pixels},
};
/// Nesting is followed by recursion, which the stack bounds.
constexpr int64_t kDeepest = 1000;

}  // namespace

Limits& limits() {
  static Limits instance;
  return instance;
}

void set_limit(std::string_view name, int64_t value) {
  for (const Row& row : kRows) {
    if (row.name != name) continue;
    const bool depth = std::holds_alternative<int Limits::*>(row.member);
    if (value < 1 || (depth && value > kDeepest)) {
      fail(ErrorKind::kUsage, "limit '{}' is {}, expected 1 to {}", name, value,
           depth ? kDeepest : std::numeric_limits<int64_t>::max());
    }
    std::visit(
        [&](auto member) {
          limits().*member = static_cast<std::decay_t<decltype(limits().*member)>>(value);
        },
        row.member);
    return;
  }
  fail(ErrorKind::kUsage, "there is no limit '{}'; limits in force: {}", name,
       fmt::join(describe_limits(), ", "));
}

std::vector<std::string> describe_limits() {
  std::vector<std::string> texts;
  for (const Row& row : kRows) {
    std::visit(
        [&](auto member) { texts.push_back(fmt::format("{} {}", row.name, limits().*member)); },
        row.member);
  }
  return texts;
}

}  // namespace tendon
