// Bytes: the content of a file or of a memory block, shared and read-only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tendon {

/// Copies share the block. A file's bytes are mapped, not read.
class Bytes {
 public:
  Bytes() = default;
  Bytes(std::vector<std::byte> bytes) {
    const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    view_ = *owner;
    owner_ = owner;
  }
  /// `owner` keeps `view` alive; `name` stands in messages about the content.
  Bytes(std::span<const std::byte> view, std::shared_ptr<const void> owner, std::string name)
      : view_(view), owner_(std::move(owner)), name_(std::move(name)) {}

  const std::byte* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  std::span<const std::byte> view() const { return view_; }
  const std::shared_ptr<const void>& owner() const { return owner_; }
  /// The path it was read from, or "bytes".
  const std::string& name() const { return name_; }

 private:
  std::span<const std::byte> view_;
  std::shared_ptr<const void> owner_;
  std::string name_ = "bytes";
};

}  // namespace tendon
