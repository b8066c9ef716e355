// Kernels chosen by time, and choices that are saved and replayed.
#include <gmock/gmock.h>
#include <tendon/log.h>

#include <chrono>
#include <thread>

#include "backends/reference/reference.h"
#include "engine/choose_by_time.h"
#include "engine/context.h"
#include "engine/last_reads.h"
#include "engine/plan.h"
#include "engine/tactics_file.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/toy_backend.h"
#include "support/toy_device.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::TempDir;
using testing::ToyBackend;

int g_slow_runs = 0;

/// Takes the machine's attention for a while.
class Slow : public Kernel {
 public:
  explicit Slow(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
  void run(const KernelArguments& arguments) const override {
    ++g_slow_runs;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    kernel_->run(arguments);
  }

 private:
  std::unique_ptr<Kernel> kernel_;
};

Offer make_slow_unary(const KernelRequest& request) {
  Offer offer = testing::make_toy_unary(request);
  auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&offer);
  if (kernel == nullptr) return offer;
  return std::make_unique<Slow>(std::move(*kernel));
}

ToyBackend racing_backend() {
  return ToyBackend({{"slow", make_slow_unary},
                     {"never", testing::refuse},
                     {"fast", testing::make_toy_unary},
                     {"also", testing::make_toy_unary}});
}

/// x -> Exp -> Neg -> Exp: the first and last are alike but that the first reads the caller's x.
Graph chain() {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x}, "first");
  const ValueId c = b.node(Unary{UnaryKind::kNeg}, {a}, "second");
  const ValueId d = b.node(Unary{UnaryKind::kExp}, {c}, "third");
  b.output(b.node(Unary{UnaryKind::kExp}, {d}, "fourth"));
  return b.done();
}

class Tactics : public ::testing::Test {
 protected:
  void SetUp() override { g_slow_runs = 0; }

  std::vector<ChosenKernel> choose(const Graph& graph, TimingCache& cache) {
    Backend* const backends[] = {&toy_, &reference_backend()};
    Timing timing{cache};
    ChooseOptions options;
    options.timing = &timing;
    auto layers = choose_kernels(graph, backends, options);
    timed_ = timing.timed, known_ = timing.known;
    return layers;
  }

  ToyBackend toy_ = racing_backend();
  TimingCache cache_{"here"};
  size_t timed_ = 0, known_ = 0;
};

TEST_F(Tactics, TheFastestRowWinsAndAlikeLayersAreTimedOnce) {
  const auto layers = choose(chain(), cache_);
  ASSERT_EQ(layers.size(), 4u);
  for (const ChosenKernel& layer : layers) {
    EXPECT_NE(layer.record.kernel, "slow") << layer.record.name;
    ASSERT_EQ(layer.record.candidates.size(), 3u) << "the reference does not compete";
    EXPECT_EQ(layer.record.candidates[0].kernel, "toy/slow");
    EXPECT_GE(layer.record.candidates[0].nanoseconds, 2'000'000);
    EXPECT_EQ(layer.record.candidates[1].kernel, "toy/fast");
    EXPECT_EQ(layer.record.declines.size(), 1u);
  }
  EXPECT_EQ(timed_, 3u) << "third and fourth are alike";
  EXPECT_EQ(known_, 1u);
  EXPECT_LE(g_slow_runs, 3 * 3) << "three runs are enough to see that it is hopeless";
}

TEST_F(Tactics, KnownTimesAreBelieved) {
  choose(chain(), cache_);
  TimingCache rigged("here");
  const std::string text = cache_.to_text();
  rigged.merge(text, "cache");
  g_slow_runs = 0;
  choose(chain(), rigged);
  EXPECT_EQ(timed_, 0u);
  EXPECT_EQ(known_, 4u);
  EXPECT_EQ(g_slow_runs, 0);
}

Graph one_layer() {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  b.output(b.node(Unary{UnaryKind::kExp}, {x}, "exp"));
  return b.done();
}

std::string key_of_layer(const Graph& graph) {
  const Node& node = graph.node(0);
  const Argument inputs[] = {{graph.type(node.inputs[0]), nullptr, true}};
  const TensorType outputs[] = {graph.type(node.outputs[0])};
  return timing_key({node, inputs, outputs}, {});
}

/// The cache with other times for every layer.
TimingCache rigged(const TimingCache& cache, const std::vector<std::string>& keys,
                   const TimingCache::Times& times) {
  TimingCache changed = cache;
  for (const std::string& key : keys) changed.add(key, times);
  return changed;
}

TEST_F(Tactics, AnEarlierRowStaysUnlessALaterOneIsClearlyFaster) {
  const Graph graph = one_layer();
  const std::string key = key_of_layer(graph);
  const struct {
    TimingCache::Times times;
    const char* winner;
  } cases[] = {
      {{{"toy/slow", 102}, {"toy/fast", 100}, {"toy/also", 100}}, "slow"},
      {{{"toy/slow", 110}, {"toy/fast", 100}, {"toy/also", 99}}, "fast"},
      {{{"toy/slow", 110}, {"toy/fast", 100}, {"toy/also", 50}}, "also"},
      {{{"toy/slow", 110}, {"toy/fast", 100}, {"toy/also", 120}, {"toy/gone", 1}}, "fast"},
  };
  for (const auto& test : cases) {
    TimingCache cache = rigged(cache_, {key}, test.times);
    EXPECT_EQ(choose(graph, cache)[0].record.kernel, test.winner);
    EXPECT_EQ(timed_, 0u);
  }
  TimingCache partial = rigged(cache_, {key}, {{"toy/slow", 1}});
  EXPECT_NE(choose(graph, partial)[0].record.kernel, "slow") << "a row without a time: all again";
  EXPECT_EQ(timed_, 1u);
  EXPECT_EQ(partial.find(key)->size(), 3u);
}

TEST_F(Tactics, AKernelThatNowDeclinesIsPassedOver) {
  const Graph graph = one_layer();
  TimingCache cache("here");
  cache.add(key_of_layer(graph),
            {{"toy/never", 1}, {"toy/slow", 9}, {"toy/fast", 5}, {"toy/also", 9}});
  const auto layers = choose(graph, cache);
  EXPECT_EQ(layers[0].record.kernel, "fast");
  EXPECT_EQ(timed_, 0u);
}

TEST_F(Tactics, NothingIsTimedWhereOneRowOffersOrInputsAreIndices) {
  toy_ = ToyBackend();
  choose(chain(), cache_);
  EXPECT_EQ(timed_, 0u);
  EXPECT_EQ(cache_.size(), 0u);

  toy_ = racing_backend();
  GraphBuilder b;
  const ValueId x = b.input("x", {4}, DataType::kInt64);
  b.output(b.node(Unary{UnaryKind::kNeg}, {x}, "neg"));
  choose(b.done(), cache_);
  EXPECT_EQ(timed_, 0u);
}

TEST_F(Tactics, OnADeviceItsOwnClockDecides) {
  testing::ToyDeviceBackend device({"toy:unary", "toy:unary_again"});
  Backend* const backends[] = {&device, &reference_backend()};
  const Graph graph = chain();
  const auto engine = build_engine(graph, {.optimise = false, .time_kernels = true}, backends);
  for (const LayerRecord& layer : engine->layers()) {
    if (layer.type == kCopyLayer) continue;
    EXPECT_EQ(layer.kernel, "toy:unary") << "its clock calls both the same";
    EXPECT_EQ(layer.candidates.size(), 2u);
  }
  ExecutionContext context(engine);
  const TensorMap inputs = testing::random_inputs(graph, 1);
  EXPECT_LT(
      testing::max_abs_difference(context.infer(inputs), testing::run_reference(graph, inputs)),
      1e-6);
}

TEST(LastReads, ViewsAndCallersKeepValuesAlive) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x}, "a");
  const ValueId flat = b.node(Reshape{}, {a, b.ints({6})}, "flat");
  b.node(Unary{UnaryKind::kNeg}, {a}, "early");
  const ValueId late = b.node(Unary{UnaryKind::kNeg}, {flat}, "late");
  const ValueId kept = b.node(Unary{UnaryKind::kExp}, {late}, "kept");
  b.output(kept);
  b.output(b.node(Unary{UnaryKind::kNeg}, {kept}, "last"));
  const Graph graph = b.done();
  const LastReads reads(graph);
  const auto reusable = [&](std::string_view name) {
    for (const NodeId id : graph.topological_order()) {
      if (graph.node(id).name == name) return reads.reusable_inputs(id);
    }
    return std::vector<size_t>{99};
  };
  EXPECT_THAT(reusable("a"), ElementsAre()) << "the caller's";
  EXPECT_THAT(reusable("early"), ElementsAre()) << "the view is read later";
  EXPECT_THAT(reusable("late"), ElementsAre(0));
  EXPECT_THAT(reusable("kept"), ElementsAre(0));
  EXPECT_THAT(reusable("last"), ElementsAre()) << "an output";
}

class Replay : public ::testing::Test {
 protected:
  std::shared_ptr<const CompiledEngine> build(const Graph& graph, BuildConfig config) {
    config.optimise = false;
    Backend* const backends[] = {&toy_, &reference_backend()};
    return build_engine(graph, config, backends);
  }
  static std::vector<std::string> kernels(const CompiledEngine& engine) {
    std::vector<std::string> names;
    for (const LayerRecord& layer : engine.layers()) names.push_back(layer.kernel);
    return names;
  }

  TempDir folder_;
  std::string file_ = folder_ / "tactics.json";
  ToyBackend toy_ = racing_backend();
};

TEST_F(Replay, TheSameKernelsAgain) {
  const auto timed = build(chain(), {.time_kernels = true, .save_tactics = file_});
  EXPECT_EQ(kernels(*build(chain(), {.load_tactics = file_})), kernels(*timed));
  EXPECT_EQ(kernels(*build(chain(), {})), std::vector<std::string>(4, "slow"));
}

TEST_F(Replay, RefusesTacticsOfAnotherModel) {
  build(chain(), {.save_tactics = file_});
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  b.output(b.node(Unary{UnaryKind::kExp}, {x}, "only"));
  const Graph other = b.done();
  expect_error(ErrorKind::kUsage, {"4 layers", "has 1", "another model"},
               [&] { build(other, {.load_tactics = file_}); });
  testing::write_text(file_, text_from_tactics({{"sole", {"toy", "fast"}}}));
  expect_error(ErrorKind::kUsage, {"'sole'", "'only'"},
               [&] { build(other, {.load_tactics = file_}); });
  testing::write_text(file_, text_from_tactics({{"only", {"toy", "never"}}}));
  expect_error(ErrorKind::kUsage, {"toy/never", "is never willing"},
               [&] { build(other, {.load_tactics = file_}); });
}

TEST_F(Replay, RefusesDamagedFiles) {
  const char* const bad[] = {
      "",
      "{}",
      R"({"format": "tendon tactics", "version": 2, "layers": []})",
      R"({"format": "tendon tactics", "version": 1, "layers": {}})",
      R"({"format": "tendon tactics", "version": 1, "layers": [{"name": "x"}]})",
      R"({"format": "tendon tactics", "version": 1, "layers": [{"name": 1, "backend": "", "kernel": ""}]})",
  };
  for (const char* text : bad) {
    SCOPED_TRACE(text);
    testing::write_text(file_, text);
    expect_error(ErrorKind::kBadInput, {"tactics.json"},
                 [&] { build(chain(), {.load_tactics = file_}); });
  }
}

}  // namespace
}  // namespace tendon
