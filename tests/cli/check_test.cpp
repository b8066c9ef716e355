// `tendon check lint`, `tendon data` and the lists of `tendon inspect --show` as a user calls them.
#include <tendon/data_loader.h>
#include <tendon/run_results.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "onnx/exporter.h"
#include "support/graphs.h"
#include "support/onnx_builder.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class Check : public ::testing::Test {
 protected:
  Json lint(const std::string& text, int status) const {
    write_text(model_, text);
    const Outcome outcome = run_tendon("check lint --json " + model_);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    return Json::parse(outcome.out);
  }
  /// The entry of `level` whose message holds `part`.
  static Json entry(const Json& report, std::string_view level, const std::string& part) {
    for (const Json& entry : report["lint_entries"]) {
      const auto message = entry["message"].get<std::string>();
      if (entry["level"] == level && message.find(part) != std::string::npos) return entry;
    }
    ADD_FAILURE() << "no " << level << " with '" << part << "' in " << report.dump(1);
    return {};
  }

  const TempDir folder_;
  const std::string model_ = folder_ / "model.onnx";
};

TEST_F(Check, LintPassesACleanModel) {
  OnnxBuilder model;
  model.input("x", {"2", "3"});
  model.node("Relu", {"x"}, {"y"}, {}, "relu");
  model.output("y");
  const Json report = lint(model.text(), 0);
  EXPECT_EQ(report["lint_entries"], Json::array());
  EXPECT_EQ(report["summary"], (Json{{"passing", {"relu"}}, {"failing", Json::array()}}));
}

TEST_F(Check, LintNamesWhatIsOdd) {
  OnnxBuilder model;
  model.input("x", {"2", "2"});
  model.input("z", {"1"});
  Tensor weight = Tensor::from<float>({2, 2}, {1e5F, 1e-41F, 3, 4});
  model.initializer("w", weight);
  model.initializer("zeros", Tensor(DataType::kFloat32, Shape{2, 2}));
  model.initializer("lost", Tensor::scalar(1.0f));
  model.node("MatMul", {"x", "w"}, {"a"}, {}, "same");
  model.node("MatMul", {"a", "zeros"}, {"y"}, {}, "same");
  model.node("Neg", {"x"}, {"dead"}, {}, "nobody");
  model.output("y");
  const Json report = lint(model.text(), 0);
  EXPECT_EQ(entry(report, "warning", "2 nodes are called 'same'")["nodes"], Json({"same"}));
  EXPECT_EQ(entry(report, "warning", "no output needs 1 nodes")["nodes"], Json({"nobody"}));
  entry(report, "warning", "no output needs 1 weights: 'lost'");
  entry(report, "warning", "no output depends on input 'z'");
  EXPECT_EQ(entry(report, "warning", "'w': 1 of 4 elements are beyond float16")["nodes"],
            Json({"same"}));
  entry(report, "info", "'w': 1 of 4 elements are subnormal");
  entry(report, "warning", "'zeros': 4 of 4 elements are 0");
}

TEST_F(Check, LintFailsOnWhatIsNotTaken) {
  OnnxBuilder model;
  model.input("x", {"2", "3"});
  model.node("Frobnicate", {"x"}, {"a"}, {}, "first");
  model.node("Relu", {"a"}, {"y"}, {}, "second");
  model.output("y");
  Json report = lint(model.text(), 1);
  EXPECT_EQ(entry(report, "exception", "Frobnicate")["nodes"], Json({"first"}));
  EXPECT_EQ(report["summary"], (Json{{"passing", {"second"}}, {"failing", {"first"}}}));

  OnnxBuilder shapes;
  shapes.input("x", {"2", "3"});
  shapes.input("y", {"4"});
  shapes.node("Add", {"x", "y"}, {"z"}, {}, "sum");
  shapes.output("z");
  EXPECT_EQ(entry(lint(shapes.text(), 1), "exception", "(2, 3)")["nodes"], Json({"sum"}));

  OnnxBuilder weights;
  weights.input("x", {"2", "2"});
  weights.initializer(
      "w", Tensor::from<float>({2, 2}, {1, std::numeric_limits<float>::quiet_NaN(), 1, 1}));
  weights.node("MatMul", {"x", "w"}, {"y"}, {}, "product");
  weights.output("y");
  report = lint(weights.text(), 1);
  entry(report, "exception", "weight 'w'");
  entry(report, "warning", "'w': 1 of 4 elements are NaN");

  report = lint("no model at all", 1);
  EXPECT_EQ(report["lint_entries"][0]["source"], "reader");
  EXPECT_EQ(run_tendon("check lint " + (folder_ / "nowhere.onnx")).status, 3);
}

TEST_F(Check, DataGoesFromJsonToNpzAndBack) {
  const std::vector<TensorMap> inputs{{{"x", random_tensor(Shape{2, 3}, 1)}},
                                      {{"x", random_tensor(Shape{2, 3}, 2)}}};
  const std::string json = folder_ / "inputs.json", npz = folder_ / "inputs.npz";
  save_tensor_maps(inputs, json);
  const Outcome made = run_tendon("data to-npz " + json + " -o " + npz);
  EXPECT_THAT(made.out, HasSubstr("2 iterations of 1 arrays")) << made.err;
  EXPECT_EQ(tensor_maps_from_path(npz), inputs);
  const std::string again = folder_ / "again.json";
  ASSERT_EQ(run_tendon("data to-json " + npz + " -o " + again).status, 0);
  EXPECT_EQ(read_text(again), read_text(json));

  RunResults results;
  results.runners.push_back({"runner", {{inputs[0], 0.5}}});
  results.save(folder_ / "results.json");
  const Outcome taken = run_tendon("data from-json --json " + (folder_ / "results.json") + " -o " +
                                   (folder_ / "results.npz"));
  ASSERT_EQ(taken.status, 0) << taken.err;
  EXPECT_EQ(Json::parse(taken.out)["runners"],
            Json::array({Json{{"name", "runner"}, {"iterations", 1}}}));
  EXPECT_EQ(RunResults::load(folder_ / "results.npz")["runner"].outputs(),
            results["runner"].outputs());
  EXPECT_EQ(run_tendon("data from-json " + npz + " -o " + again).status, 2);
}

TEST_F(Check, ReadLimitsAreOptions) {
  save_tensor_maps(std::vector<TensorMap>{{{"x", random_tensor(Shape{64})}}},
                   folder_ / "inputs.json");
  const std::string convert =
      "data to-npz " + (folder_ / "inputs.json") + " -o " + (folder_ / "inputs.npz");
  const Outcome refused = run_tendon(convert + " --read-limit json-bytes=100");
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("limit of 100"));
  EXPECT_EQ(run_tendon(convert + " --read-limit json-bytes=10000 --read-limit nodes=5").status, 0);
  for (const char* wrong : {"json-bytes=0", "nodes", "nesting=100000", "json-bytes=1x", "size=3"}) {
    EXPECT_EQ(run_tendon(convert + " --read-limit " + wrong).status, 2) << wrong;
  }
}

TEST_F(Check, InspectShowsAttributesWeightsAndSubgraphs) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId w = b.constant(Tensor::from<float>({3, 2}, {-1, 0, 1, 2, 3, 4}), "w");
  b.output(b.node(Softmax{.axis = 0}, {b.node(MatMul{}, {x, w}, "product")}, "y"));
  write_onnx_file(b.done(), model_);
  const Outcome shown = run_tendon("inspect --json --show attrs,weights,subgraph " + model_);
  ASSERT_EQ(shown.status, 0) << shown.err;
  const Json found = Json::parse(shown.out);
  EXPECT_EQ(found["attributes"]["y"], (Json{{"axis", 0}}));
  EXPECT_EQ(found["attributes"]["product"], Json::object());
  EXPECT_EQ(found["weights"][0]["min"], -1);
  EXPECT_EQ(found["weights"][0]["mean"], 1.5);
  EXPECT_EQ(found["subgraphs"], Json::array());
}

}  // namespace
}  // namespace tendon::testing
