#include "quant/frame_key.h"

#include <gtest/gtest.h>

#include <set>

#include "support/graphs.h"

namespace tendon {
namespace {

TEST(FrameKey, EveryBitOfTheInputsCounts) {
  const TensorMap inputs = {{"qpos", testing::random_tensor({1, 14})},
                            {"image", testing::random_tensor({1, 3, 11, 13})}};
  std::set<FrameKey> keys{frame_key(inputs)};
  for (const char* name : {"qpos", "image"}) {
    const int64_t size = inputs.at(name).size();
    for (int64_t i = 0; i < size; ++i) {
      TensorMap changed = inputs;
      auto& bits = *reinterpret_cast<uint32_t*>(
          &changed[name].mutable_data<float>()[static_cast<size_t>(i)]);
      bits ^= uint32_t{1} << (i % 32);
      EXPECT_TRUE(keys.insert(frame_key(changed)).second) << name << " " << i;
    }
  }
  TensorMap renamed = inputs;
  renamed["qvel"] = renamed["qpos"];
  renamed.erase("qpos");
  EXPECT_TRUE(keys.insert(frame_key(renamed)).second);
  TensorMap reshaped = inputs;
  reshaped["qpos"] = reshaped["qpos"].reshaped({14, 1});
  EXPECT_TRUE(keys.insert(frame_key(reshaped)).second);
  EXPECT_FALSE(keys.insert(frame_key(inputs)).second);
}

TEST(FrameKey, TextRoundTrip) {
  const FrameKey key{0x123, 0xfedcba9876543210};
  EXPECT_EQ(to_text(key), "0000000000000123fedcba9876543210");
  EXPECT_EQ(frame_key_from_text(to_text(key)), key);
  for (const char* bad :
       {"", "12", "0000000000000123fedcba987654321g", "-000000000000123fedcba9876543210",
        "0000000000000123fedcba98765432100"}) {
    EXPECT_EQ(frame_key_from_text(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace tendon
