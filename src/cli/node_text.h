// A node as command lines describe it.
#pragma once

#include <string>
#include <vector>

#include "ops/op_set.h"

namespace tendon::cli {

/// The operator `type` with attributes written NAME=VALUE: a whole number, a number, a list such as
/// [0,2,1], or text. Attributes take the forms of the newest opset. Throws Error{kUsage} for an
/// unknown operator or an attribute that it lacks.
Op op_from_text(const std::string& type, const std::vector<std::string>& attributes);

}  // namespace tendon::cli
