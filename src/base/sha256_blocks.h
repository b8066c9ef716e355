// The compression function of SHA-256: plain, and by the instructions that some machines have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tendon {

using Sha256State = std::array<uint32_t, 8>;
/// Takes `count` blocks of 64 bytes into the state.
using Sha256Blocks = void (*)(Sha256State& state, const uint8_t* blocks, size_t count);

void sha256_blocks_plain(Sha256State& state, const uint8_t* blocks, size_t count);
/// Null where the machine lacks the instructions.
Sha256Blocks sha256_blocks_by_instruction();

/// By the fastest way that there is.
void sha256_blocks(Sha256State& state, const uint8_t* blocks, size_t count);

}  // namespace tendon
