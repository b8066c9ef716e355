// Checksums against published vectors.
#include "base/checksum.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/byte_reader.h"
#include "support/files.h"

namespace tendon {
namespace {

TEST(Crc32c, Vectors) {
  // RFC 3720, appendix B.4.
  std::vector<std::byte> bytes(32, std::byte{0});
  EXPECT_EQ(crc32c(bytes), 0x8a9136aau);
  std::ranges::fill(bytes, std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43u);
  for (size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eu);
  for (size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cu);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, ContinuesAtEverySplit) {
  std::vector<std::byte> bytes(200);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37);
  const uint32_t whole = crc32c(bytes);
  for (size_t split = 0; split <= bytes.size(); ++split) {
    const std::span<const std::byte> all(bytes);
    EXPECT_EQ(crc32c(all.subspan(split), crc32c(all.first(split))), whole);
  }
}

TEST(Sha256, Vectors) {
  // FIPS 180-4 examples and NIST's test of a million letters.
  const std::pair<std::string, const char*> cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlm"
       "nopqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(sha256_hex(bytes_of(text)), expected) << text.substr(0, 20);
  }
}

TEST(Sha256, PartsOfAnySizeGiveTheSame) {
  const std::string text(1000, 'x');
  for (size_t part = 1; part < 200; part += 7) {
    Sha256 hash;
    for (size_t i = 0; i < text.size(); i += part) {
      hash.update(bytes_of(std::string_view(text).substr(i, part)));
    }
    EXPECT_EQ(to_hex(hash.finish()), sha256_hex(bytes_of(text)));
  }
}

TEST(Sha256, OfAFile) {
  const testing::TempDir folder;
  const std::string text((size_t{1} << 20) + 5, 'y');
  testing::write_text(folder / "f", text);
  EXPECT_EQ(sha256_of_file(folder / "f"), sha256_hex(bytes_of(text)));
  testing::expect_bad_input({"cannot read", "nothing"},
                            [&] { sha256_of_file(folder / "nothing"); });
}

}  // namespace
}  // namespace tendon
