// Multi-head attention as graph nodes.
#pragma once

#include "policy/act.h"
#include "policy/network_builder.h"

namespace tendon {

/// Each (batch, tokens, hidden); query and key hold their positions already.
struct AttentionInputs {
  ValueId query = kNone;
  int64_t queries = 0;
  ValueId key = kNone;
  ValueId value = kNone;
  int64_t keys = 0;
};

/// PyTorch's MultiheadAttention with the tensors below `prefix`; (batch, queries, hidden).
ValueId add_attention(NetworkBuilder& builder, const Act& act, const AttentionInputs& inputs,
                      const std::string& prefix);

}  // namespace tendon
