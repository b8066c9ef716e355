// Comparator: streaming, timing, accuracy, and none of Polygraphy's known flaws.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/compare.h>
#include <tendon/loaders.h>

#include <limits>

#include "base/npz.h"
#include "support/files.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;
using testing::LogCapture;
using ::testing::Not;
using testing::small_engine;
using testing::TempDir;

Tensor numbers(std::initializer_list<float> values) {
  return Tensor::from<float>({static_cast<int64_t>(values.size())}, values);
}

RunnerResults recorded(const char* name, std::vector<TensorMap> outputs) {
  RunnerResults result{name, {}};
  for (TensorMap& map : outputs) result.iterations.push_back({std::move(map), 0.001});
  return result;
}

RunResults two_runners(TensorMap a, TensorMap b) {
  return {{recorded("a", {std::move(a)}), recorded("b", {std::move(b)})}};
}

TEST(Comparator, RunsEveryRunnerOnTheSameInputs) {
  EngineRunner a(small_engine(), "a");
  EngineRunner b(small_engine(), "b");
  const RunResults results =
      Comparator::run({&a, &b}, DataLoader({.iterations = 3}), {.warm_up = 2});
  ASSERT_EQ(results.runners.size(), 2u);
  for (const RunnerResults& runner : results.runners) {
    ASSERT_EQ(runner.iterations.size(), 3u);
    EXPECT_EQ(runner.iterations[0].outputs.at("y").shape(), Shape({1, 3}));
    EXPECT_FALSE(runner.iterations[0].outputs == runner.iterations[1].outputs)
        << "iterations have inputs of their own, and outputs are kept, not views";
  }
  EXPECT_FALSE(a.is_active());
  const AccuracyResult verdict =
      Comparator::compare_accuracy(results, CompareFunc::simple({.atol = 0, .rtol = 0}));
  EXPECT_TRUE(verdict);
  EXPECT_EQ(verdict.pairs.at(0).tested, "b");
  EXPECT_EQ(verdict.pairs.at(0).reference, "a");
  EXPECT_EQ(verdict.percentage(), 100.0);
  EXPECT_EQ(verdict.stats().total, 3u);
  EXPECT_EQ(verdict.pairs[0].worst("y", "max_absdiff"), 0.0);
}

TEST(Comparator, AnotherRunnerBeginsEachTime) {
  std::vector<std::string> order;
  class Noting : public Runner {
   public:
    Noting(std::string name, std::vector<std::string>& order)
        : Runner("noting", std::move(name)), order_(order) {}

   private:
    void activate_impl() override {}
    void deactivate_impl() override {}
    std::vector<TensorInfo> get_input_metadata_impl() const override { return {}; }
    const TensorMap& infer_impl(const TensorMap&) override {
      order_.push_back(name());
      return outputs_;
    }
    std::vector<std::string>& order_;
    TensorMap outputs_ = {{"y", numbers({1})}};
  };
  Noting a("a", order), b("b", order);
  Comparator::run({&a, &b}, std::vector<TensorMap>(3));
  EXPECT_THAT(order, ::testing::ElementsAre("a", "b", "b", "a", "a", "b"));
}

TEST(Comparator, WhatDoesNotDecideIsNoErrorInTheLog) {
  const LogCapture log;
  AccuracyAccumulator accumulator({"a", "b"}, CompareFunc::simple(),
                                  {.fail_fast = true, .decides = false});
  const std::vector<IterationResult> results = {{{{"y", numbers({0})}}, 0},
                                                {{{"y", numbers({1})}}, 0}};
  EXPECT_TRUE(accumulator.add(results));
  EXPECT_FALSE(accumulator.finish());
  EXPECT_THAT(log.text(), Not(HasSubstr("[E]")));
  EXPECT_THAT(log.text(), Not(HasSubstr("FAILED")));
}

TEST(Comparator, LeavesRunnersThatWereActiveActive) {
  EngineRunner a(small_engine());
  a.activate();
  Comparator::run({&a}, DataLoader());
  EXPECT_TRUE(a.is_active());
}

TEST(Comparator, TimingHasPercentiles) {
  const LogCapture log;
  EngineRunner a(small_engine(), "timed");
  const RunResults results = Comparator::run({&a}, DataLoader({.iterations = 5}));
  EXPECT_THAT(log.text(), HasSubstr("timed | Completed 5 iteration(s) in "));
  for (const char* part : {"p50", "p90", "p99", "max", "average"}) {
    EXPECT_THAT(log.text(), HasSubstr(part));
  }
  EXPECT_EQ(results["timed"].latency().count, 5u);
  const LatencyStatistics latency = compute_latency({0.004, 0.001, 0.002, 0.003, 0.010});
  EXPECT_DOUBLE_EQ(latency.p50, 0.003);
  EXPECT_DOUBLE_EQ(latency.p90, 0.0076);
  EXPECT_DOUBLE_EQ(latency.max, 0.010);
  EXPECT_DOUBLE_EQ(latency.min, 0.001);
  EXPECT_DOUBLE_EQ(latency.mean, 0.004);
}

TEST(Comparator, HoldsNothingWhileStreaming) {
  EngineRunner a(small_engine(), "a");
  EngineRunner b(small_engine(), "b");
  int produced = 0;
  std::weak_ptr<const int> last;
  const DataSource source([&](const std::vector<TensorInfo>&) -> DataSource::Next {
    return [&]() -> std::optional<TensorMap> {
      EXPECT_TRUE(last.expired()) << "the inputs of iteration " << produced << " are still held";
      if (produced == 4) return std::nullopt;
      const auto owner = std::make_shared<const int>(produced++);
      last = owner;
      static const float values[3] = {1, 2, 3};
      return TensorMap{{"x", Tensor::view(DataType::kFloat32, {1, 3}, values, owner)},
                       {"t", Tensor::view(DataType::kFloat32, {2}, values, owner)}};
    };
  });
  const AccuracyResult verdict = Comparator::compare_streaming({&a, &b}, source);
  EXPECT_TRUE(verdict);
  EXPECT_EQ(verdict.stats().total, 4u);
}

TEST(Comparator, ReplaysAReferenceAndGeneratesForTheOther) {
  EngineRunner engine(small_engine(), "engine");
  const DataLoader loader({.iterations = 2});
  const RunResults first = Comparator::run({&engine}, loader);
  ReplayRunner reference(first["engine"].outputs(), "recorded");
  EXPECT_TRUE(Comparator::compare_streaming({&reference, &engine}, loader, CompareFunc::simple(),
                                            {.warm_up = 3}))
      << "warm-up must not consume what was recorded";
}

TEST(Comparator, InputsThatARunnerDoesNotKnowAreLeftOutWithAWarning) {
  const LogCapture log;
  EngineRunner runner(small_engine(), "small runner");
  TensorMap inputs = testing::small_inputs();
  inputs["action"] = Tensor::scalar(1.0f);
  Comparator::run({&runner}, std::vector{inputs, inputs});
  EXPECT_THAT(log.text(), HasSubstr("small runner | Has no input 'action'"));
}

TEST(Comparator, RefusesWhatCannotBeRun) {
  EngineRunner runner(small_engine());
  expect_error(ErrorKind::kUsage, {"no runner"}, [] { Comparator::run({}, DataLoader()); });
  expect_error(ErrorKind::kUsage, {"runner 1 is given twice"}, [&] {
    Comparator::run({&runner, &runner}, DataLoader());
  });
  expect_error(ErrorKind::kUsage, {"runner 0 is null"},
               [&] { Comparator::run({nullptr}, DataLoader()); });
  expect_error(ErrorKind::kUsage, {"yielded no inputs", "0 iterations"},
               [&] { Comparator::run({&runner}, DataLoader({.iterations = 0})); });
  expect_error(ErrorKind::kUsage, {".warm_up is -1"},
               [&] { Comparator::run({&runner}, DataLoader(), {.warm_up = -1}); });
  expect_error(ErrorKind::kUsage, {"1 runner(s)", "at least 2"},
               [&] { Comparator::compare_streaming({&runner}, DataLoader()); });
}

TEST(CompareAccuracy, AMissingOutputIsAFailureOnEitherSide) {
  const TensorMap both = {{"action", numbers({1})}, {"is_pad", numbers({1})}};
  const TensorMap one = {{"action", numbers({1})}};
  const TensorMap renamed = {{"action", numbers({1})}, {"is_pad_hat", numbers({1})}};
  const struct {
    TensorMap a, b;
    const char* output;
    const char* says;
  } cases[] = {{both, one, "is_pad", "'b' has no output of this name"},
               {one, both, "is_pad", "'a' has no output of this name"},
               {both, renamed, "is_pad", "did you mean 'is_pad_hat'?"}};
  for (const auto& [a, b, output, says] : cases) {
    const AccuracyResult verdict = Comparator::compare_accuracy(two_runners(a, b));
    EXPECT_FALSE(verdict);
    const OutputComparison& missing = verdict.pairs[0].iterations[0].at(output);
    EXPECT_THAT(missing.reason, HasSubstr(says));
    EXPECT_EQ(missing.figure("missing"), 1);
    EXPECT_TRUE(verdict.pairs[0].iterations[0].at("action"));
  }
}

TEST(CompareAccuracy, NothingInCommonIsAnError) {
  expect_error(
      ErrorKind::kUsage,
      {"All outputs were skipped, no common outputs found!", "'b' has 'z'", "'a' has 'y'"}, [] {
        Comparator::compare_accuracy(two_runners({{"y", numbers({1})}}, {{"z", numbers({1})}}));
      });
}

TEST(CompareAccuracy, UnequalCountsAndEmptyResultsAreErrors) {
  const TensorMap y = {{"y", numbers({1})}};
  expect_error(ErrorKind::kUsage, {"'b' has 1 iteration(s) but 'a' has 2"}, [&] {
    Comparator::compare_accuracy({{recorded("a", {y, y}), recorded("b", {y})}});
  });
  expect_error(ErrorKind::kUsage, {"no iteration to compare"}, [] {
    Comparator::compare_accuracy({{recorded("a", {}), recorded("b", {})}});
  });
  expect_error(ErrorKind::kUsage, {"expected at least 2"},
               [] { Comparator::compare_accuracy(RunResults{}); });
}

TEST(CompareAccuracy, ATypingErrorInAToleranceIsAnError) {
  const TensorMap y = {{"action", numbers({1})}};
  expect_error(ErrorKind::kUsage, {"'acton'", "did you mean 'action'?"}, [&] {
    Comparator::compare_accuracy(two_runners(y, y),
                                 CompareFunc::simple({.atol = {{"acton", 1.0}}}));
  });
}

TEST(CompareAccuracy, CountsIterationsAndStopsWhenAsked) {
  const TensorMap zero = {{"y", numbers({0})}};
  const TensorMap one = {{"y", numbers({1})}};
  const RunResults results = {
      {recorded("a", {zero, zero, zero, zero}), recorded("b", {zero, one, zero, zero})}};
  const AccuracyResult all = Comparator::compare_accuracy(results);
  EXPECT_FALSE(all);
  EXPECT_EQ(all.percentage(), 75.0);
  EXPECT_EQ(all.stats().failed, 1u);
  EXPECT_EQ(all.pairs[0].worst("y", "max_absdiff"), 1.0);
  const AccuracyResult fast =
      Comparator::compare_accuracy(results, CompareFunc::simple(), {.fail_fast = true});
  EXPECT_EQ(fast.stats().total, 2u);
  expect_error(ErrorKind::kUsage, {"no pair 1", "1 pair(s)"}, [&] { all.percentage(1); });
  expect_error(ErrorKind::kUsage, {"figure 'l2'"}, [&] { all.pairs[0].worst("y", "l2"); });
}

TEST(CompareAccuracy, EveryRunnerMeetsTheFirstUnlessPairsAreGiven) {
  const TensorMap zero = {{"y", numbers({0})}};
  const TensorMap one = {{"y", numbers({1})}};
  const RunResults results = {{recorded("a", {zero}), recorded("b", {one}), recorded("c", {one})}};
  const AccuracyResult verdict = Comparator::compare_accuracy(results);
  ASSERT_EQ(verdict.pairs.size(), 2u);
  EXPECT_EQ(verdict.pairs[1].tested, "c");
  EXPECT_EQ(verdict.pairs[1].reference, "a");
  EXPECT_FALSE(verdict);
  EXPECT_TRUE(
      Comparator::compare_accuracy(results, CompareFunc::simple(), {.comparisons = {{1, 2}}}));
  for (const auto& pair : {std::pair<size_t, size_t>{1, 1}, {3, 0}}) {
    expect_error(ErrorKind::kUsage, {"cannot compare runner", "there are 3"}, [&] {
      Comparator::compare_accuracy(results, CompareFunc::simple(), {.comparisons = {pair}});
    });
  }
}

TEST(CompareAccuracy, TellsTheStoryInPolygraphysManner) {
  const LogCapture log;
  Comparator::compare_accuracy(two_runners({{"y", numbers({1, 2})}}, {{"y", numbers({1, 2.5})}}),
                               CompareFunc::simple({.atol = 0.1}));
  for (const char* part :
       {"Accuracy Comparison | b vs. a | Iteration: 0", "Comparing Output: 'y' (dtype=float32",
        "b: y | Stats: mean=1.75", "a: y | Stats: mean=1.5", "Error Metrics: y",
        "Minimum Required Tolerance: elemwise error | [abs=0.5] OR [rel=0.25]",
        "FAILED | Output: 'y' | Difference exceeds tolerance",
        "Accuracy Summary | b vs. a | Passed: 0/1 iterations | Pass Rate: 0.0%"}) {
    EXPECT_THAT(log.text(), HasSubstr(part));
  }
}

TEST(Validate, CallsNanNanAndInfInf) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const RunResults results = {
      {recorded("a", {{{"y", numbers({1, 2})}}, {{"y", numbers({1, nan})}}}),
       recorded("b", {{{"y", numbers({inf, -inf})}}, {{"y", numbers({0})}}})}};
  const ValidationResult both = Comparator::validate(results);
  EXPECT_FALSE(both);
  EXPECT_EQ(both.problems, std::vector<std::string>(
                               {"runner 'a', iteration 1, output 'y': 1 NaN, first at (1,)",
                                "runner 'b', iteration 0, output 'y': 2 Inf, first at (0,)"}));
  EXPECT_EQ(Comparator::validate(results, {.check_nan = false}).problems.size(), 1u);
  EXPECT_THAT(Comparator::validate(results, {.check_inf = false}).problems.at(0),
              Not(HasSubstr("Inf")));
  EXPECT_TRUE(Comparator::validate(two_runners({{"y", numbers({1})}}, {})));
}

TEST(RunResults, RoundTripInBothForms) {
  const TempDir dir;
  RunResults results = {{recorded("a b/ü", {{{"y", numbers({1, 2})}, {"/z", numbers({3})}}, {}}),
                         recorded("empty", {})}};
  results.runners[0].iterations[1].runtime = 0.125;
  for (const char* file : {"results.npz", "results.json"}) {
    results.save(dir / file);
    const RunResults loaded = RunResults::load(dir / file);
    ASSERT_EQ(loaded.runners.size(), 2u) << file;
    EXPECT_EQ(loaded.runners[0].runner, "a b/ü");
    ASSERT_EQ(loaded.runners[0].iterations.size(), 2u);
    EXPECT_EQ(loaded.runners[0].outputs(), results.runners[0].outputs());
    EXPECT_EQ(loaded.runners[0].iterations[1].runtime, 0.125);
    EXPECT_TRUE(loaded["empty"].iterations.empty());
  }
  expect_error(ErrorKind::kUsage, {"no runner 'empt'", "did you mean 'empty'?"},
               [&] { results["empt"]; });
}

TEST(RunResults, ReadsWhatPolygraphyWrites) {
  const TempDir dir;
  testing::write_text(
      dir / "polygraphy.json",
      R"({"lst": [["onnxrt-runner-N0", [{"outputs": {"y": {"values": {"array": ")"
      R"(k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwg)"
      R"(fSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/)"
      R"(AAAAwA==", "polygraphy_class": "ndarray"}, "polygraphy_class": "LazyArray"}},)"
      R"("runtime": null, "runner_name": "onnxrt-runner-N0", "polygraphy_class": "IterationResult"}]]],)"
      R"("polygraphy_class": "RunResults"})");
  const RunResults results = RunResults::load(dir / "polygraphy.json");
  EXPECT_EQ(results["onnxrt-runner-N0"].iterations.at(0).outputs.at("y"), numbers({1.5, -2}));
}

TEST(RunResults, BadFilesAreNamed) {
  const TempDir dir;
  const struct {
    const char* text;
    const char* says;
  } cases[] = {{"[]", "expected an object with 'lst'"},
               {R"({"lst": 3})", "'lst' is no list"},
               {R"({"lst": [["a"]]})", "runner 0: expected [runner name, list of iterations]"},
               {R"({"lst": [["a", [{}]]]})", "runner 0, iteration 0: key 'outputs' is missing"},
               {R"({"lst": [["a", [{"outputs": {}, "runtime": "x"}]]]})", "expected a number"}};
  for (const auto& [text, says] : cases) {
    testing::write_text(dir / "bad.json", text);
    testing::expect_bad_input({"bad.json", says}, [&] { RunResults::load(dir / "bad.json"); });
  }
  const Tensor name = Tensor::from<uint8_t>({1}, {'a'});
  const Tensor one_runtime = Tensor::from<double>({1}, {0.5});
  const struct {
    TensorMap members;
    const char* says;
  } archives[] = {
      {{{"y", name}}, "expected '<iteration>/<name>'"},
      {{{"1/name", name}}, "iteration 0 is missing"},
      {{{"0/name", name}}, "runner 0: array 'runtimes' is missing"},
      {{{"0/runtimes", one_runtime}, {"0/name", one_runtime}}, "array 'name' is float64(1,)"},
      {{{"0/runtimes", one_runtime}, {"0/name", name}, {"0/1/y", name}},
       "none of the 1 iterations"},
      {{{"0/runtimes", one_runtime}, {"0/name", name}, {"0/y", name}}, "array 'y' belongs to none"},
  };
  for (const auto& [members, says] : archives) {
    save_npz(dir / "bad.npz", members);
    testing::expect_bad_input({"bad.npz", says}, [&] { RunResults::load(dir / "bad.npz"); });
  }
}

TEST(Comparator, SavesInputsAndOutputsAsTheyCome) {
  const TempDir dir;
  EngineRunner runner(small_engine(), "saved");
  for (const std::string form : {".npz", ".json"}) {
    const RunOptions options{.save_inputs_path = dir / ("inputs" + form),
                             .save_outputs_path = dir / ("outputs" + form)};
    const RunResults results = Comparator::run({&runner}, DataLoader({.iterations = 2}), options);
    const RunResults loaded = RunResults::load(options.save_outputs_path);
    EXPECT_EQ(loaded["saved"].outputs(), results["saved"].outputs()) << form;
    const RunResults again =
        Comparator::run({&runner}, tensor_maps_from_path(options.save_inputs_path));
    EXPECT_EQ(again["saved"].outputs(), results["saved"].outputs()) << form;
  }
  expect_error(ErrorKind::kUsage, {"out.json", "as .npz only"}, [&] {
    EngineRunner other(small_engine());
    Comparator::compare_streaming({&runner, &other}, DataLoader(), CompareFunc::simple(),
                                  {.save_outputs_path = dir / "out.json"});
  });
}

}  // namespace
}  // namespace tendon
