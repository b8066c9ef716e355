// A small backend for tests of the engine: elementwise float kernels that allocate nothing and work
// in place.
#pragma once

#include <string>
#include <vector>

#include "engine/kernel.h"

namespace tendon::testing {

class ToyBackend : public Backend {
 public:
  explicit ToyBackend(std::vector<KernelRow> rows, std::string name = "toy")
      : rows_(std::move(rows)), name_(std::move(name)) {}
  /// Rows toy:unary and toy:binary.
  ToyBackend();

  std::string_view name() const override { return name_; }
  std::optional<std::string> unavailable() const override { return missing; }
  std::span<const KernelRow> kernels() const override { return rows_; }
  std::string fingerprint() const override { return features; }

  /// Why the backend is absent, for tests of absence.
  std::optional<std::string> missing;
  std::string features = "toy features";

 private:
  std::vector<KernelRow> rows_;
  std::string name_;
};

/// Any float32 Unary; output 0 may take over input 0.
Offer make_toy_unary(const KernelRequest& request);
/// Binary on two float32 tensors of equal shape; output 0 may take over input 0.
Offer make_toy_binary(const KernelRequest& request);
/// Refuses every node with the reason "is never willing".
Offer refuse(const KernelRequest& request);

}  // namespace tendon::testing
