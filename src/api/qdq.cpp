#include "api/qdq.h"

#include <tendon/calibrator.h>

#include "api/network_impl.h"
#include "ir/infer.h"

namespace tendon {
ExplicitGraph explicit_graph_from(const Network& network, const Calibration& calibration,
                                  const QdqOptions& options) {
  const Dialect& dialect = dialect_from_name(options.target);
  require_same_model(calibration, network, options.force);
  QuantizationRequest request{.ranges = calibration.ranges(),
                              .overrides = options.layer_precisions};
  request.weight_limit = options.reduce_range ? kReducedRange : kFullRange;
  Graph graph = network.impl().graph;
  bind_inputs(graph, {});
  return make_precision_explicit(std::move(graph), std::move(request), dialect);
}

Network qdq_from_network(Loadable<Network> network, Loadable<Calibration> calibration,
                         QdqOptions options) {
  return network_from_graph(explicit_graph_from(network(), calibration(), options).graph);
}

}  // namespace tendon
