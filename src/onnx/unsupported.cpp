#include "onnx/unsupported.h"

#include "base/format.h"

namespace tendon {
namespace {

constexpr size_t kMaxReasons = 50;
constexpr size_t kMaxNames = 8;

std::string first_names(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMaxNames);
  std::string text = fmt::format("'{}'", fmt::join(names.begin(), names.begin() + shown, "', '"));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

void Unsupported::add(std::string what, std::string node_name) {
  nodes_by_reason_[std::move(what)].push_back(std::move(node_name));
}

void Unsupported::throw_if_any() const {
  if (nodes_by_reason_.empty()) return;
  size_t nodes = 0;
  for (const auto& [reason, names] : nodes_by_reason_) nodes += names.size();
  std::string message = fmt::format("{} nodes use what Tendon does not support:", nodes);
  size_t shown = 0;
  for (const auto& [reason, names] : nodes_by_reason_) {
    if (shown++ == kMaxReasons) {
      message += fmt::format("\n  and {} more kinds", nodes_by_reason_.size() - kMaxReasons);
      break;
    }
    message += fmt::format("\n  {}: {} nodes, {}", reason, names.size(), first_names(names));
  }
  fail(ErrorKind::kUnsupported, "{}", message);
}

std::string operator_name(std::string_view type, std::string_view domain, int opset) {
  if (!domain.empty()) return fmt::format("{} (domain {}, opset {})", type, domain, opset);
  return fmt::format("{} (domain ai.onnx, opset {})", type, opset);
}

}  // namespace tendon
