// The pickle inside a file of torch.save: the few globals it names, and tensors as views of
// storages.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/pickle.h"
#include "base/zip.h"

namespace tendon {

/// Where the elements of tensors lie.
struct TorchStorages {
  /// The content of storage `key`. Throws Error{kBadInput} when there is none or it is damaged.
  std::function<OwnedBytes(const std::string& key)> read;
  /// Bytes that copies of tensors may take together; views cost nothing.
  size_t copy_budget = 0;
};

/// Ordered dictionaries, tensors (as Tensor) and parameters of the plain element types, and numpy's
/// globals. Booleans become uint8. Tensors must lie within their storage. `storages` must outlive
/// the rules.
PickleRules torch_pickle_rules(TorchStorages& storages);

}  // namespace tendon
