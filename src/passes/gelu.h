// GELU written out in arithmetic, as exporters leave it.
#pragma once

#include <optional>

#include "ir/graph.h"

namespace tendon {

struct WrittenGelu {
  ValueId x = kNone;
  /// kGelu or kGeluTanh.
  UnaryKind kind = UnaryKind::kGelu;
};

/// The GELU whose last operation makes `output`.
std::optional<WrittenGelu> gelu_at(const Graph& graph, ValueId output);

}  // namespace tendon
