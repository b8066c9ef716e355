// ACT's transformer as graph nodes.
#pragma once

#include "policy/act.h"
#include "policy/network_builder.h"

namespace tendon {

/// What the encoder and the decoder's keys read: tokens (batch, count, hidden) and the positions
/// (1, count, hidden) that queries and keys add to them.
struct Tokens {
  ValueId values = kNone;
  ValueId positions = kNone;
  int64_t count = 0;
};

/// Returns the tokens after all encoder layers, with the same positions.
Tokens add_encoder(NetworkBuilder& builder, const Act& act, const Tokens& tokens);

/// Returns the chosen decoder output after the decoder's norm, (batch, chunk, hidden). `batch` is a
/// list of one number, the size of the batch.
ValueId add_decoder(NetworkBuilder& builder, const Act& act, const Tokens& memory, ValueId batch);

/// (first, rest…) where x is (1, rest…).
ValueId expand_to_batch(NetworkBuilder& builder, ValueId x, ValueId batch,
                        const std::vector<int64_t>& rest, const std::string& name);

}  // namespace tendon
