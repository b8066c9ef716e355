#include "base/sha256_blocks.h"

#include <gtest/gtest.h>

#include <vector>

namespace tendon {
namespace {

TEST(Sha256Blocks, TheInstructionsDoWhatPlainCodeDoes) {
  const Sha256Blocks fast = sha256_blocks_by_instruction();
  if (fast == nullptr) GTEST_SKIP() << "this machine has no instructions for SHA-256";
  std::vector<uint8_t> data(64 * 9 + 1);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * i * 31 + 7);
  for (size_t blocks = 0; blocks < 10; ++blocks) {
    Sha256State plain{1, 20, 300, 4000, 50000, 600000, 7000000, 80000000};
    Sha256State quick = plain;
    // One byte off: blocks need not be aligned.
    sha256_blocks_plain(plain, data.data() + 1, blocks);
    fast(quick, data.data() + 1, blocks);
    EXPECT_EQ(plain, quick) << blocks;
  }
}

}  // namespace
}  // namespace tendon
