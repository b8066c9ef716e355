// A row of a backend, asked for one layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/choose.h"

namespace tendon {

struct Candidate {
  Backend* backend = nullptr;
  const KernelRow* row = nullptr;

  /// "cpu/onednn:conv"
  std::string name() const;
  /// The row's kernel, or null and its reason among the declines.
  std::unique_ptr<Kernel> ask(KernelRequest request, std::vector<Decline>& declines) const;
  void take(std::unique_ptr<Kernel> kernel, ChosenKernel& chosen) const;
  /// False where the row declines.
  bool ask_and_take(const KernelRequest& request, ChosenKernel& chosen) const;
};

}  // namespace tendon
