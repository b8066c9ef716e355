// The residual of products that may read it out of a wider tensor.
#pragma once

#include "ops/op.h"

namespace tendon {

/// A residual whose rows may be longer than those of a product's result: without the elements
/// behind the first `columns` of each row. Shorter rows stay, for the product's rule to refuse.
Argument residual_rows(const Argument& residual, int64_t columns);
Tensor residual_rows(const Tensor& residual, int64_t columns);

}  // namespace tendon
