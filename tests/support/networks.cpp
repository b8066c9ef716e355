// Small networks and engines as public handles.
#include "support/networks.h"

#include <tendon/loaders.h>
#include <tendon/log.h>

#include <mutex>

#include "api/network_impl.h"
#include "support/graphs.h"

namespace tendon::testing {
namespace {

std::mutex log_mutex;
std::string log_text;

}  // namespace

Network small_network() {
  Graph graph;
  graph.name = "small";
  graph.metadata["robot"] = "toy";
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{-1, "batch"}, {3, ""}});
  const ValueId t = graph.add_input("t", DataType::kFloat32, {{2, ""}});
  const ValueId two = graph.add_constant(Tensor::scalar(2.0f), "two");
  const NodeId mul = graph.add_node(Binary{BinaryKind::kMul}, {x, two}, {"hidden"}, "double");
  const NodeId softmax = graph.add_node(Softmax{}, {graph.node(mul).outputs[0]}, {"y"}, "softmax");
  const NodeId neg = graph.add_node(Unary{UnaryKind::kNeg}, {t}, {"u"}, "negate");
  graph.add_output(graph.node(softmax).outputs[0]);
  graph.add_output(graph.node(neg).outputs[0]);
  return network_from_graph(std::move(graph));
}

Engine small_engine(int64_t max_batch) {
  EngineConfig config;
  config.device = "reference";
  config.threads = 1;
  config.profile.add("x", {1, 3}, {1, 3}, {max_batch, 3});
  return engine_from_network(small_network(), config);
}

TensorMap small_inputs(uint64_t seed, int64_t batch) {
  return {{"x", random_tensor({batch, 3}, seed)}, {"t", random_tensor({2}, seed + 1)}};
}

LogCapture::LogCapture() {
  log_text.clear();
  Logger::global().set_sink([](Severity, std::string_view line) {
    const std::lock_guard lock(log_mutex);
    log_text += std::string(line) + "\n";
  });
}

LogCapture::~LogCapture() { Logger::global().set_sink({}); }

std::string LogCapture::text() const {
  const std::lock_guard lock(log_mutex);
  return log_text;
}

}  // namespace tendon::testing
