// `tendon surgeon` as a user calls it.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "support/graphs.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// x -> Relu -> middle -> Mul (2 + 3) -> y, with a second output that reads z.
class Surgeon : public ::testing::Test {
 protected:
  void SetUp() override {
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 3});
    const ValueId z = b.input("z", {4});
    const ValueId middle = b.node(Unary{UnaryKind::kRelu}, {x}, "middle");
    const ValueId two = b.constant(Tensor::scalar(2.0f), "two");
    const ValueId three = b.constant(Tensor::scalar(3.0f), "three");
    const ValueId five = b.node(Binary{BinaryKind::kAdd}, {two, three}, "five");
    b.output(b.node(Binary{BinaryKind::kMul}, {middle, five}, "y"));
    b.output(b.node(Unary{UnaryKind::kNeg}, {z}, "w"));
    write_onnx_file(b.done(), model_);
  }

  Outcome operate(const std::string& action, const std::string& options) const {
    return run_tendon("surgeon " + action + " " + model_ + " -o " + output_ + " " + options);
  }
  Tensor run(const std::string& input, const std::string& output) const {
    Graph graph = graph_from_onnx_path(output_);
    bind_inputs(graph, {});
    TensorMap inputs = random_inputs(graph);
    inputs[input] = Tensor::from<float>({2, 3}, {-1, 2, -3, 4, -5, 6});
    return run_reference(graph, inputs).at(output);
  }

  const TempDir folder_;
  const std::string model_ = folder_ / "model.onnx";
  const std::string output_ = folder_ / "part.onnx";
};

TEST_F(Surgeon, ExtractsByOutputs) {
  const Outcome made = operate("extract", "--outputs y --json");
  ASSERT_EQ(made.status, 0) << made.err;
  const Json result = Json::parse(made.out);
  EXPECT_EQ(result["inputs"], Json({"x"}));
  EXPECT_EQ(result["outputs"], Json({"y"}));
  EXPECT_EQ(result["nodes_before"], 4);
  EXPECT_EQ(result["nodes"], 3);
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {0, 10, 0, 20, 0, 30}));
}

TEST_F(Surgeon, ExtractsFromAnInnerValue) {
  ASSERT_EQ(operate("extract", "--inputs middle:auto:auto --outputs y").status, 0);
  EXPECT_EQ(run("middle", "y"), Tensor::from<float>({2, 3}, {-5, 10, -15, 20, -25, 30}));
  ASSERT_EQ(operate("extract", "--inputs 'middle:[N,3]' --outputs y").status, 0);
  EXPECT_EQ(graph_from_onnx_path(output_).inputs()[0].dims, (std::vector<Dim>{{-1, "N"}, {3, ""}}));
}

TEST_F(Surgeon, SanitizeFoldsAndCleans) {
  const Outcome made = operate("sanitize", "--fold-constants --cleanup --outputs y");
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("2 of 4 nodes, inputs x, outputs y"));
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {0, 10, 0, 20, 0, 30}));
}

TEST_F(Surgeon, SanitizeChangesTypesOfInputs) {
  ASSERT_EQ(operate("sanitize", "--inputs 'x:[5,3]'").status, 0);
  const Graph graph = graph_from_onnx_path(output_);
  EXPECT_EQ(graph.inputs()[0].dims, (std::vector<Dim>{{5, ""}, {3, ""}}));
  EXPECT_EQ(graph.inputs().size(), 2u);
  // float16 does not fit the float32 constant.
  const Outcome wrong = operate("sanitize", "--inputs 'x:auto:float16'");
  EXPECT_EQ(wrong.status, 3);
  EXPECT_THAT(wrong.err, HasSubstr("[Mul 'y']"));
}

TEST_F(Surgeon, InsertsANode) {
  // In place: what read the value reads the node.
  ASSERT_EQ(operate("insert",
                    "--op LeakyRelu --attrs alpha=0.5 --inputs middle --outputs middle --name leak")
                .status,
            0);
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {0, 10, 0, 20, 0, 30}));
  EXPECT_EQ(count_type(graph_from_onnx_path(output_), "LeakyRelu"), 1u);
  // Instead of what made the value.
  ASSERT_EQ(operate("insert", "--op Neg --inputs x --outputs middle").status, 0);
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {5, -10, 15, -20, 25, -30}));
  // Behind an input, and under a new name, which becomes an output.
  ASSERT_EQ(operate("insert", "--op Neg --inputs x --outputs x --name flip").status, 0);
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {5, 0, 15, 0, 25, 0}));
  const Outcome made = operate(
      "insert", "--json --op Transpose --attrs 'perm=[1,0]' --inputs middle --outputs turned");
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(Json::parse(made.out)["outputs"], Json({"y", "w", "turned"}));
  EXPECT_EQ(run("x", "turned"), Tensor::from<float>({3, 2}, {0, 4, 2, 0, 0, 6}));
}

TEST_F(Surgeon, RemovesNodes) {
  ASSERT_EQ(operate("remove", "--nodes middle").status, 0);
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {-5, 10, -15, 20, -25, 30}));
  // The output keeps its name.
  ASSERT_EQ(operate("remove", "--nodes y").status, 0);
  EXPECT_EQ(run("x", "y"), Tensor::from<float>({2, 3}, {0, 2, 0, 4, 0, 6}));
}

TEST_F(Surgeon, SaysWhatIsMissing) {
  const std::pair<const char*, const char*> rows[] = {
      {"extract", "extract needs --inputs or --outputs"},
      {"sanitize", "sanitize needs --fold-constants"},
      {"extract --outputs nowhere", "the model has no value 'nowhere'"},
      {"extract --inputs two --outputs y", "'two' is a constant and cannot be an input"},
      {"extract --inputs z --outputs y", "need the model's input 'x' too"},
      {"sanitize --inputs middle", "'middle' is no input of the model"},
      {"insert --op Relu", "insert needs --op, --inputs and --outputs"},
      {"insert --op Rely --inputs x --outputs y", "there is no operator 'Rely'"},
      {"insert --op Relu --attrs alpha=1 --inputs x --outputs y", "Relu has no attribute 'alpha'"},
      {"insert --op Relu --attrs alpha --inputs x --outputs y", "write NAME=VALUE"},
      {"insert --op Relu --inputs v --outputs y", "the model has no value 'v'"},
      {"insert --op Relu --inputs x --outputs z", "'z' is an input of the model"},
      {"insert --op Relu --inputs x --outputs two", "'two' is a constant"},
      {"insert --op Relu --inputs y --outputs middle", "read what it makes itself"},
      {"remove", "remove needs --nodes"},
      {"remove --nodes other", "the model has no node 'other'"},
      {"remove --nodes five", "has no first input that is computed"},
      {"remove --nodes middle y", "'x', which has a name of its own"},
      {"repair", "repair"},
  };
  for (const auto& [call, part] : rows) {
    const std::string text = call;
    const size_t space = text.find(' ');
    const std::string options = space == std::string::npos ? "" : text.substr(space);
    const Outcome outcome = operate(text.substr(0, space), options);
    EXPECT_EQ(outcome.status, 2) << call;
    EXPECT_THAT(outcome.err, HasSubstr(part));
  }
}

}  // namespace
}  // namespace tendon::testing
