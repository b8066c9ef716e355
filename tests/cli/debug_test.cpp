// `tendon debug reduce` as a user calls it.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "support/graphs.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// x through ten nodes of which one is Sinh, with a branch.
class Debug : public ::testing::Test {
 protected:
  void SetUp() override {
    GraphBuilder b;
    ValueId x = b.input("x", {2, 3});
    const ValueId side = b.node(Unary{UnaryKind::kAbs}, {x}, "side");
    for (int i = 0; i < 8; ++i) {
      const UnaryKind kind = i == 4 ? UnaryKind::kSinh : UnaryKind::kTanh;
      x = b.node(Unary{kind}, {x}, "step" + std::to_string(i));
    }
    b.output(b.node(Binary{}, {x, side}, "y"));
    write_onnx_file(b.done(), model_);
  }

  Outcome reduce(const std::string& options) const {
    return run_tendon("debug reduce " + model_ + " -o " + output_ + " " + options);
  }

  const TempDir folder_;
  const std::string model_ = folder_ / "model.onnx";
  const std::string output_ = folder_ / "small.onnx";
};

/// Fails where the file names the operator.
const std::string kHoldsSinh = "--check '! grep -q Sinh {}' ";

TEST_F(Debug, ReducesToTheNodeThatFails) {
  for (const std::string mode : {"bisect", "linear"}) {
    const Outcome made = reduce(kHoldsSinh + "--json --mode " + mode);
    ASSERT_EQ(made.status, 0) << made.err;
    const Json result = Json::parse(made.out);
    EXPECT_EQ(result["nodes"], Json({"[Sinh 'step4']"})) << mode;
    EXPECT_EQ(result["nodes_before"], 10);
    const Graph graph = graph_from_onnx_path(output_);
    ASSERT_EQ(graph.nodes().size(), 1u);
    EXPECT_EQ(graph.inputs()[0].dims, (std::vector<Dim>{{2, ""}, {3, ""}}));
  }
}

TEST_F(Debug, OnlyTheGivenStatusesCount) {
  const Outcome made = reduce("--check 'grep -q Sinh {} && exit 7; exit 8; #' --fail-code 7");
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("1 of 10 nodes still fail"));
}

TEST_F(Debug, ACommandThatSucceedsIsWrongUsage) {
  const Outcome outcome = reduce("--check true");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("'true' succeeds on the whole model"));
}

}  // namespace
}  // namespace tendon::testing
