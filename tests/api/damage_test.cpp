// Single flipped bits of a whole engine and of whole models. TENDON_DAMAGE=all takes every bit of
// the first 64 KiB and 10,000 others of each file instead of a sample, which takes most of an hour.
#include <gtest/gtest.h>
#include <tendon/loaders.h>
#include <tendon/log.h>

#include <cstdlib>
#include <random>

#include "api/engine_impl.h"
#include "base/file.h"
#include "ir/infer.h"
#include "onnx/importer.h"

namespace tendon {
namespace {

const std::string kModels = TENDON_SOURCE_DIR "/tests/models/";

/// visit(bytes) with one bit after another flipped: `sample` of the first 64 KiB and as many of the
/// whole file.
template <class Visit>
void for_flipped_bits(const std::string& name, size_t sample, const Visit& visit) {
  const auto file = MappedFile::open(kModels + name);
  std::vector<std::byte> bytes(file->bytes().begin(), file->bytes().end());
  const size_t first = std::min<size_t>(bytes.size(), 65'536) * 8;
  const char* wanted = std::getenv("TENDON_DAMAGE");
  const bool all = wanted != nullptr && std::string_view(wanted) == "all";
  std::mt19937_64 random(17);
  std::vector<size_t> bits;
  for (size_t i = 0; i < (all ? first : sample); ++i) bits.push_back(all ? i : random() % first);
  for (size_t i = 0; i < (all ? 10'000 : sample); ++i)
    bits.push_back(random() % (bytes.size() * 8));
  for (const size_t bit : bits) {
    SCOPED_TRACE(name + ", bit " + std::to_string(bit));
    const auto mask = static_cast<std::byte>(1 << (bit % 8));
    bytes[bit / 8] ^= mask;
    visit(std::span<const std::byte>(bytes));
    bytes[bit / 8] ^= mask;
    if (::testing::Test::HasFailure()) return;
  }
}

class Damage : public ::testing::Test {
 protected:
  Damage() { Logger::global().set_severity(Severity::kError); }
  ~Damage() override { Logger::global().set_severity(Severity::kInfo); }
};

TEST_F(Damage, EveryFlippedBitOfAnEngineIsNoticed) {
  for_flipped_bits("act_opset17_format3.engine", 200, [](std::span<const std::byte> bytes) {
    try {
      // What nobody needs is checked only when somebody asks.
      engine_from_bytes(Bytes(bytes, nullptr, "damaged.engine")).impl().compiled->check_constants();
      ADD_FAILURE() << "was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    }
  });
}

/// ONNX files have no checksums: a flipped bit of a weight is another weight.
TEST_F(Damage, FlippedBitsOfModelsAreRefusedOrReadAsModels) {
  size_t refused = 0;
  const std::pair<const char*, size_t> models[] = {{"networks/gru_opset13.onnx", 60},
                                                   {"networks/mobilenet_exported.onnx", 60},
                                                   {"act_opset17.onnx", 4}};
  for (const auto& [name, sample] : models) {
    for_flipped_bits(name, sample, [&](std::span<const std::byte> bytes) {
      try {
        Graph graph = graph_from_onnx_bytes(bytes, "damaged.onnx");
        bind_inputs(graph, {});
      } catch (const Error& error) {
        ++refused;
        EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
      }
    });
  }
  EXPECT_GT(refused, 10u);
}

}  // namespace
}  // namespace tendon
