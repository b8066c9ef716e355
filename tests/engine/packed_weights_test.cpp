// Packed weights in engine files: found where their key is right, packed again where it is not.
#include "engine/packed_weights.h"

#include <gmock/gmock.h>
#include <tendon/log.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "backends/reference/reference.h"
#include "base/byte_reader.h"
#include "engine/context.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"
#include "engine/manifest.h"
#include "engine/plan.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

namespace tendon {
namespace {

using engine_file::Header;
using engine_file::Section;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using File = std::vector<std::byte>;

int g_packed = 0;
std::string g_layout = "backwards";

/// x times a weight that it holds backwards.
class BackwardsProduct : public Kernel {
 public:
  BackwardsProduct(const KernelRequest& request)
      : rows_(request.input_shape(0)[0]),
        depth_(request.input_shape(1)[0]),
        columns_(request.input_shape(1)[1]) {
    const auto count = static_cast<size_t>(depth_ * columns_);
    weight_ = request.pack(1, g_layout, count * sizeof(float), [&](std::byte* to) {
      ++g_packed;
      const auto values = request.inputs[1].value->data<float>();
      std::reverse_copy(values.begin(), values.end(), reinterpret_cast<float*>(to));
    });
  }
  bool reads_constant(size_t input) const override { return input == 0; }
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const float*>(arguments.inputs[0]);
    const auto* w = reinterpret_cast<const float*>(weight_.get()) + depth_ * columns_ - 1;
    auto* y = static_cast<float*>(arguments.outputs[0]);
    for (int64_t row = 0; row < rows_; ++row) {
      for (int64_t column = 0; column < columns_; ++column) {
        float sum = 0;
        for (int64_t k = 0; k < depth_; ++k) sum += x[row * depth_ + k] * w[-k * columns_ - column];
        y[row * columns_ + column] = sum;
      }
    }
  }

 private:
  int64_t rows_, depth_, columns_;
  SharedBytes weight_;
};

Offer make_backwards(const KernelRequest& request) {
  if (!std::holds_alternative<FusedMatMul>(request.node.op)) return Declined{};
  return std::make_unique<BackwardsProduct>(request);
}

testing::ToyBackend g_packing_toy({{"toy:backwards", make_backwards}});

std::vector<Backend*> packing_backends(std::string_view) {
  return {&g_packing_toy, &reference_backend()};
}

/// Two products whose weights have the same shape; 64 KiB is the most that is checked at once.
Graph two_products() {
  GraphBuilder b;
  ValueId x = b.input("x", {3, 160});
  x = b.node(MatMul{}, {x, b.random_constant({160, 160}, "v")}, "first");
  b.output(b.node(MatMul{}, {x, b.random_constant({160, 160}, "w")}, "second"));
  return b.done();
}

File file_of(const BuildConfig& config = {}) {
  return bytes_from_compiled_engine(*build_engine(two_products(), config, packing_backends("")));
}
std::shared_ptr<const CompiledEngine> loaded(const File& file) {
  return compiled_engine_from_bytes(file, nullptr, "packed.engine", packing_backends);
}
Header header_of(const File& file) { return *engine_file::header_from(file); }
std::span<std::byte> bytes_of_section(File& file, Section id) {
  const auto entry = header_of(file).sections[static_cast<size_t>(id) - 1];
  return std::span(file).subspan(entry.offset, entry.size);
}
Tensor result_of(const std::shared_ptr<const CompiledEngine>& engine) {
  return ExecutionContext(engine).infer(testing::random_inputs(two_products())).at("second");
}

class PackedWeights : public ::testing::Test {
 protected:
  PackedWeights() {
    Logger::global().set_severity(Severity::kVerbose);
    Logger::global().set_sink([this](Severity, std::string_view line) { log_ += line; });
    g_packed = 0;
  }
  ~PackedWeights() override {
    Logger::global().set_sink({});
    Logger::global().set_severity(Severity::kInfo);
    g_packing_toy.features = "toy features";
    g_layout = "backwards";
  }
  std::string log_;
};

TEST_F(PackedWeights, AreUsedWhereTheyLie) {
  const auto built = build_engine(two_products(), {}, packing_backends(""));
  const File file = bytes_from_compiled_engine(*built);
  EXPECT_EQ(g_packed, 2);
  const auto engine = loaded(file);
  EXPECT_EQ(g_packed, 2) << "nothing is packed again";
  EXPECT_EQ(engine->packed().mapped, 2u);
  EXPECT_EQ(engine->packed().bytes, 2u * 160 * 160 * 4);
  EXPECT_THAT(log_, HasSubstr("'packed.engine': 2 of 2 packed weights are mapped"));
  EXPECT_EQ(result_of(engine), result_of(built));
  EXPECT_EQ(bytes_from_compiled_engine(*engine), file);
}

TEST_F(PackedWeights, AreLeftOutOnRequest) {
  const File with = file_of();
  const File without = file_of({.packed_weights = false});
  EXPECT_EQ(header_of(without).sections[5].size, 0u);
  EXPECT_LT(without.size() + 2 * 160 * 160 * 4, with.size() + 512);
  g_packed = 0;
  const auto engine = loaded(without);
  EXPECT_EQ(g_packed, 2);
  EXPECT_THAT(log_, HasSubstr("0 of 2 packed weights are mapped (0 B), 2 are packed here, because "
                              "the file was built without them"));
  EXPECT_EQ(result_of(engine), result_of(loaded(with)));
  EXPECT_EQ(bytes_from_compiled_engine(*engine), without);
}

TEST_F(PackedWeights, OfRoundedConstantsAreLeftOut) {
  const File file = file_of({.float16_weights = true});
  EXPECT_EQ(header_of(file).sections[5].size, 0u);
  EXPECT_NO_THROW(loaded(file));
}

TEST_F(PackedWeights, OfAnotherMachineArePackedAgain) {
  const File file = file_of();
  const Tensor expected = result_of(loaded(file));
  g_packing_toy.features = "other features";
  g_packed = 0;
  const auto engine = loaded(file);
  EXPECT_EQ(g_packed, 2);
  EXPECT_EQ(engine->packed().made, 2u);
  EXPECT_THAT(log_, HasSubstr("2 are packed here, because the file's are for Tendon"));
  EXPECT_THAT(log_, HasSubstr("toy: toy features"));
  EXPECT_EQ(result_of(engine), expected);
}

TEST_F(PackedWeights, OfAnotherLayoutArePackedAgain) {
  const File file = file_of();
  const Tensor expected = result_of(loaded(file));
  g_layout = "backwards, but differently";
  g_packed = 0;
  const auto engine = loaded(file);
  EXPECT_EQ(g_packed, 2);
  EXPECT_THAT(log_, HasSubstr("Layer 'first' (toy:backwards) packs its weights here: the file has "
                              "none for input 1, backwards, but differently"));
  EXPECT_EQ(result_of(engine), expected);
}

TEST_F(PackedWeights, DamageIsRefusedWithItsPlace) {
  File file = file_of();
  bytes_of_section(file, Section::kPacked)[160 * 160 * 4 + 5] ^= std::byte{1};
  testing::expect_bad_input({"'packed.engine', section packed: part 1 (102400 bytes at offset "
                             "102400) is damaged: its checksum is"},
                            [&] { loaded(file); });
  g_packing_toy.features = "other features";
  EXPECT_NO_THROW(loaded(file)) << "what nobody uses is not read";
}

TEST_F(PackedWeights, ConstantsThatTheyReplaceAreCheckedBeforeTheyAreRead) {
  File file = file_of();
  const Tensor expected = result_of(loaded(file));
  bytes_of_section(file, Section::kWeights)[9] ^= std::byte{1};
  const auto engine = loaded(file);
  EXPECT_EQ(result_of(engine), expected);
  const auto refused = {std::string_view("section weights: part 0"),
                        std::string_view("is damaged")};
  testing::expect_bad_input(refused, [&] { bytes_from_compiled_engine(*engine); });
  testing::expect_bad_input(refused, [&] { engine->check_constants(); });
  g_packing_toy.features = "other features";
  testing::expect_bad_input(refused, [&] { loaded(file); });
}

TEST_F(PackedWeights, PartsThatDoNotExistAreRefused) {
  using engine_file::ContentEntry;
  const File good = file_of();
  const auto listed = [&](auto edit) {
    File file = good;
    // The number of weights and an entry for each, then the same of packed ones.
    edit(bytes_of_section(file, Section::kContents));
    engine_file::reseal(file);
    return file;
  };
  const auto refuse = [&](const File& file, std::string_view text) {
    SCOPED_TRACE(text);
    testing::expect_bad_input({"packed.engine", text}, [&] { loaded(file); });
  };
  File copy = good;
  const auto weights = std::to_integer<size_t>(bytes_of_section(copy, Section::kContents)[0]);
  const size_t packed_list = 8 + weights * sizeof(ContentEntry);
  refuse(listed([&](auto list) { list[packed_list] = std::byte{9}; }), "9 parts are listed");
  refuse(listed([&](auto list) { list[packed_list + 8] ^= std::byte{64}; }), "section packed");
  refuse(listed([&](auto list) { list[packed_list + 15] = std::byte{0xff}; }), "does not lie in");
  refuse(listed([&](auto list) { list[packed_list] = std::byte{1}; }), "section packed");
  refuse(listed([&](auto list) { list[8] ^= std::byte{64}; }), "section weights");

  File file = good;
  const auto text = bytes_of_section(file, Section::kPlan);
  const std::string json(text_of(text));
  const size_t at = json.find("\"part\":1");
  ASSERT_NE(at, json.npos);
  text[at + 7] = std::byte{'7'};
  engine_file::reseal(file);
  refuse(file, "names part 7 of the packed section, which has 2");
}

TEST_F(PackedWeights, FlippedBitsUnderRightChecksumsNeverCrash) {
  const File good = file_of();
  std::mt19937 random(17);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    File file = good;
    const auto section = bytes_of_section(
        file, std::array{Section::kPlan, Section::kContents, Section::kPacked}[random() % 3]);
    section[random() % section.size()] ^= static_cast<std::byte>(1u << (random() % 8));
    engine_file::reseal(file);
    try {
      result_of(loaded(file));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    }
  }
}

TEST(Packing, TakesBytesOfOneKeyInTheirOrder) {
  Packing first;
  const auto fill = [&](Packing& packing, int value) {
    return packing.get(1, "same", 20'000, [&](std::byte* to) { std::memset(to, value, 20'000); });
  };
  fill(first, 1);
  fill(first, 2);
  first.get(1, "", 20'000, [](std::byte*) {});
  first.get(1, "small", 100, [](std::byte*) {});
  const std::vector<PackedWeight> known = first.take();
  ASSERT_EQ(known.size(), 2u);
  Packing second(&known);
  EXPECT_EQ(fill(second, 7).get()[19'999], std::byte{1});
  EXPECT_EQ(fill(second, 7).get()[0], std::byte{2});
  EXPECT_EQ(fill(second, 7).get()[0], std::byte{7});
}

}  // namespace
}  // namespace tendon
