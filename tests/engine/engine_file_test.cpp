// Engine files: bit-equal round trips, damage of every kind, whole or not at all.
#include "engine/engine_file.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <tendon/log.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>

#include "backends/reference/reference.h"
#include "base/file.h"
#include "engine/context.h"
#include "engine/file_format.h"
#include "engine/graph_codec.h"
#include "engine/plan.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

namespace tendon {
namespace {

using engine_file::Header;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

testing::ToyBackend g_toy;

std::vector<Backend*> find_backends(std::string_view) { return {&g_toy, &reference_backend()}; }

/// Convolution with an absent input, attributes of several kinds, a view, two outputs.
Graph small_graph() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 6, 6});
  const ValueId w = b.random_constant({4, 2, 3, 3}, "w");
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  conv.strides = {2, 2};
  const ValueId y = b.node(conv, {x, w, kNone}, "conv");
  const ValueId t = b.node(Unary{UnaryKind::kTanh}, {y}, "tanh");
  const ValueId flat = b.node(Reshape{}, {t, b.ints({4, 9})}, "flat");
  b.output(b.node(Softmax{.axis = 0}, {flat}, "probabilities"));
  b.output(b.node(MatMul{}, {flat, b.random_constant({9, 2}, "v")}, "scores"));
  Graph graph = b.done();
  graph.name = "small";
  graph.metadata["author"] = "a test";
  return graph;
}

std::shared_ptr<const CompiledEngine> small_engine() {
  return build_engine(small_graph(), {.metadata = {{"model", "abc"}}}, find_backends(""));
}

std::shared_ptr<const CompiledEngine> load(const Bytes& bytes) {
  return compiled_engine_from_bytes(bytes, nullptr, "test.engine", find_backends);
}

int64_t count_toy_layers(const CompiledEngine& engine) {
  return std::ranges::count(engine.layers(), "toy", &LayerRecord::backend);
}

class EngineFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("tendon_engine_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    Logger::global().set_severity(Severity::kWarning);
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
    Logger::global().set_severity(Severity::kInfo);
    g_toy.features = "toy features";
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

/// Expects Error{kBadInput} whose message holds every part.
void expect_refused(const Bytes& bytes, const std::vector<std::string>& parts) {
  try {
    load(bytes);
    ADD_FAILURE() << "was accepted: " << ::testing::PrintToString(parts);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("test.engine"));
    for (const std::string& part : parts) EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST_F(EngineFile, KeepsRoundedWeightsInHalfTheRoom) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 64});
  b.output(b.node(MatMul{}, {x, b.random_constant({64, 512}, "w")}, "y"));
  const Graph graph = b.done();
  const auto exact = build_engine(graph, {}, find_backends(""));
  const auto rounded = build_engine(graph, {.float16_weights = true}, find_backends(""));
  const Bytes wide = bytes_from_compiled_engine(*exact);
  const Bytes narrow = bytes_from_compiled_engine(*rounded);
  EXPECT_LE(narrow.size(), wide.size() - 64 * 512 * 2 + 256);

  const auto loaded = load(narrow);
  EXPECT_TRUE(loaded->info().float16_weights);
  const TensorMap inputs = testing::random_inputs(graph);
  ExecutionContext before(rounded);
  ExecutionContext after(loaded);
  const Tensor expected = before.infer(inputs).at("y");
  EXPECT_EQ(testing::max_abs_difference(after.infer(inputs).at("y"), expected), 0);
  EXPECT_EQ(bytes_from_compiled_engine(*loaded), narrow);
}

TEST(Weights, AreRefusedWhereTheyAreStoredAsSomethingElse) {
  engine_file::WeightsWriter writer;
  const auto place = writer.add(testing::random_tensor({8}));
  const Tensor& stored = writer.tensors()[0];
  const std::span bytes(static_cast<const std::byte*>(stored.raw()), stored.byte_size());
  const engine_file::WeightsReader reader(bytes, nullptr);
  EXPECT_EQ(reader.at({DataType::kFloat32, {8}}, place).size(), 8);
  testing::expect_error(ErrorKind::kBadInput, {"int32", "is stored as float32"}, [&] {
    reader.at({DataType::kInt32, {8}}, place);
  });
}

TEST_F(EngineFile, RoundTripGivesTheSameBitsAndFacts) {
  const auto built = small_engine();
  write_engine_file(*built, path("small.engine"));
  const auto loaded = read_engine_file(path("small.engine"), find_backends);
  const TensorMap inputs = testing::random_inputs(built->graph());
  ExecutionContext a(built);
  ExecutionContext b(loaded);
  EXPECT_EQ(a.infer(inputs), b.infer(inputs));

  EXPECT_EQ(loaded->name(), "small");
  EXPECT_EQ(loaded->graph().metadata.at("author"), "a test");
  EXPECT_EQ(loaded->info().metadata.at("model"), "abc");
  EXPECT_EQ(loaded->info().build_seconds, built->info().build_seconds);
  EXPECT_EQ(loaded->inputs()[0].range, built->inputs()[0].range);
  EXPECT_EQ(loaded->outputs()[1].name, "scores");
  ASSERT_EQ(loaded->layers().size(), built->layers().size());
  for (size_t i = 0; i < loaded->layers().size(); ++i) {
    EXPECT_EQ(loaded->layers()[i].name, built->layers()[i].name);
    EXPECT_EQ(loaded->layers()[i].kernel, built->layers()[i].kernel);
  }
}

TEST_F(EngineFile, TheSameEngineGivesTheSameBytesAgain) {
  const Bytes bytes = bytes_from_compiled_engine(*small_engine());
  EXPECT_EQ(bytes_from_compiled_engine(*load(bytes)), bytes);
  EXPECT_EQ(bytes.size() % 64, 0u);
}

TEST_F(EngineFile, WeightsAreUsedInPlaceAndAligned) {
  const auto file = std::make_shared<Bytes>(bytes_from_compiled_engine(*small_engine()));
  write_file_atomically(path("e"), {reinterpret_cast<const char*>(file->data()), file->size()});
  const auto mapped = MappedFile::open(path("e"));
  const auto engine =
      compiled_engine_from_bytes(mapped->bytes(), mapped, "test.engine", find_backends);
  for (const Tensor& tensor : engine->plan()->constants) {
    const auto* at = static_cast<const std::byte*>(tensor.raw());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0u);
    EXPECT_GE(at, mapped->bytes().data());
    EXPECT_LT(at, mapped->bytes().data() + mapped->bytes().size());
  }
}

TEST_F(EngineFile, ARangeOfShapesSurvives) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{-1, "batch"}, {3, ""}});
  const ValueId w = graph.add_constant(testing::random_tensor({3, 4}), "w");
  const NodeId product = graph.add_node(MatMul{}, {x, w}, {"y"}, "product");
  graph.add_output(graph.node(product).outputs[0]);
  const auto built =
      build_engine(graph, {.profile = {{"x", {{1, 3}, {2, 3}, {4, 3}}}}}, find_backends(""));
  const auto loaded = load(bytes_from_compiled_engine(*built));
  EXPECT_EQ(loaded->inputs()[0].range, built->inputs()[0].range);
  ExecutionContext a(built);
  ExecutionContext b(loaded);
  for (const int64_t batch : {1, 2, 4}) {
    const TensorMap inputs = {{"x", testing::random_tensor({batch, 3})}};
    EXPECT_EQ(a.infer(inputs), b.infer(inputs));
  }
  EXPECT_THROW(b.infer({{"x", testing::random_tensor({5, 3})}}), Error);
}

TEST_F(EngineFile, AnotherMachineChoosesKernelsAgain) {
  const auto built = small_engine();
  EXPECT_EQ(count_toy_layers(*built), 1);
  const Bytes bytes = bytes_from_compiled_engine(*built);
  g_toy.features = "other features";
  std::string log;
  Logger::global().set_severity(Severity::kInfo);
  Logger::global().set_sink([&](Severity, std::string_view line) { log += line; });
  const auto loaded = load(bytes);
  Logger::global().set_sink({});
  EXPECT_THAT(log, HasSubstr("kernels are chosen again"));
  EXPECT_THAT(log, HasSubstr("toy features"));
  EXPECT_THAT(loaded->info().fingerprint, HasSubstr("other features"));
  EXPECT_EQ(count_toy_layers(*loaded), 1);
}

TEST_F(EngineFile, TheHintOfTheFileWinsOnTheSameMachine) {
  const auto slow = build_engine(small_graph(), {}, {{&reference_backend()}});
  Bytes bytes = bytes_from_compiled_engine(*slow);
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const std::string here = "toy: toy features; reference: portable";
  header.fingerprint = {};
  std::memcpy(header.fingerprint.data(), here.data(), here.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  engine_file::reseal(bytes);
  const auto loaded = load(bytes);
  for (const LayerRecord& layer : loaded->layers()) EXPECT_EQ(layer.backend, "reference");
}

TEST_F(EngineFile, EveryTruncationIsRefused) {
  const Bytes bytes = bytes_from_compiled_engine(*small_engine());
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::vector<size_t> cuts = {0, 1, 7, 8, 100, 575, 576, bytes.size() - 1};
  for (const auto& section : header.sections) {
    cuts.push_back(section.offset);
    cuts.push_back(section.offset + section.size);
    if (section.offset > 0) cuts.push_back(section.offset - 1);
  }
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) cuts.push_back(random() % bytes.size());
  for (const size_t cut : cuts) {
    if (cut == bytes.size()) continue;
    SCOPED_TRACE("cut at " + std::to_string(cut));
    Bytes damaged(bytes.begin(), bytes.begin() + static_cast<int64_t>(cut));
    expect_refused(damaged, {});
    engine_file::reseal(damaged);
    expect_refused(damaged, {});
  }
}

TEST_F(EngineFile, EveryFlippedBitIsNoticed) {
  const Bytes bytes = bytes_from_compiled_engine(*small_engine());
  std::mt19937 random(11);
  for (size_t i = 0; i < 6000; ++i) {
    const size_t at = i < sizeof(Header) ? i : random() % bytes.size();
    const int bit = static_cast<int>(random() % 8);
    SCOPED_TRACE("bit " + std::to_string(bit) + " of byte " + std::to_string(at));
    Bytes damaged = bytes;
    damaged[at] ^= static_cast<std::byte>(1 << bit);
    expect_refused(damaged, {});
  }
}

TEST_F(EngineFile, FlippedBitsUnderRightChecksumsNeverCrash) {
  const Bytes bytes = bytes_from_compiled_engine(*small_engine());
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::mt19937 random(13);
  size_t refused = 0;
  for (int i = 0; i < 1500; ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    Bytes damaged = bytes;
    for (auto flips = 1 + random() % 3; flips > 0; --flips) {
      const auto& section = header.sections[std::array{0, 1, 1, 1, 4, 4, 6}[random() % 7]];
      const size_t at = section.offset + random() % std::max<uint64_t>(1, section.size);
      damaged[at] ^= static_cast<std::byte>(1u << (random() % 8));
    }
    engine_file::reseal(damaged);
    try {
      const auto engine = load(damaged);
      ExecutionContext context(engine);
      TensorMap inputs;
      for (const EnginePort& port : engine->inputs()) {
        if (port.range.opt.element_count() < 10'000) {
          inputs[port.name] = Tensor(port.dtype, port.range.opt);
        }
      }
      if (inputs.size() == engine->inputs().size()) context.infer(inputs);
    } catch (const Error& error) {
      ++refused;
      EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
    }
  }
  EXPECT_GT(refused, 375u);
}

TEST_F(EngineFile, DamageIsDescribed) {
  const Bytes good = bytes_from_compiled_engine(*small_engine());
  const auto edited = [&](auto edit, bool sealed) {
    Bytes bytes = good;
    Header header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    edit(header, bytes);
    std::memcpy(bytes.data(), &header, sizeof(header));
    if (sealed) engine_file::reseal(bytes);
    return bytes;
  };
  expect_refused({}, {"not an engine file"});
  expect_refused(Bytes(600), {"not an engine file"});
  expect_refused(edited([](Header& h, Bytes&) { h.version = 4; }, true),
                 {"format version 4", "reads 1 to 3"});
  expect_refused(edited([](Header& h, Bytes&) { h.endian_mark = 0x04030201; }, true),
                 {"byte order"});
  expect_refused(edited([](Header& h, Bytes&) { h.section_count = 6; }, true),
                 {"6 sections, expected 7"});
  expect_refused(edited([](Header& h, Bytes&) { h.device[0] = 'x'; }, false),
                 {"header's checksum"});
  expect_refused(edited([](Header&, Bytes& b) { b[b.size() - 300] ^= std::byte{1}; }, false),
                 {"section", "is damaged"});
  expect_refused(edited([](Header&, Bytes& b) { b.resize(b.size() + 64); }, true),
                 {"header says", "added to"});
  expect_refused(edited(
                     [](Header& h, Bytes& b) {
                       b.resize(b.size() + 64);
                       h.file_size += 64;
                     },
                     true),
                 {"64 bytes after its last section"});
  expect_refused(edited([](Header& h, Bytes&) { std::swap(h.sections[1], h.sections[2]); }, true),
                 {"section graph", "has number 3, expected 2"});
  expect_refused(edited([](Header& h, Bytes&) { h.sections[2].size += 64; }, true),
                 {"section scales", "starts at"});
}

TEST_F(EngineFile, AKilledWriterLeavesTheOldFile) {
  const auto engine = small_engine();
  write_engine_file(*engine, path("e"));
  const auto before = read_text_file(path("e"), 1 << 20);
  const Bytes bytes = bytes_from_compiled_engine(*engine);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    AtomicFileWriter writer(path("e"));
    writer.write(std::span(bytes).first(bytes.size() / 2));
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_text_file(path("e"), 1 << 20), before);
  EXPECT_NO_THROW(read_engine_file(path("e"), find_backends));
}

TEST_F(EngineFile, AFolderThatCannotBeWrittenIsNamed) {
  try {
    write_engine_file(*small_engine(), path("no/such/folder.engine"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), HasSubstr("no/such/folder.engine"));
  }
}

}  // namespace
}  // namespace tendon
