// Small networks and engines as public handles.
#pragma once

#include <tendon/engine.h>
#include <tendon/network.h>

#include <functional>
#include <string>
#include <vector>

namespace tendon::testing {

/// y = softmax(x * 2) over inputs x ("batch", 3) and t (2,), with hidden = x * 2; u = -t.
Network small_network();
/// small_network() on the reference device, for batches of 1 to `max_batch`.
Engine small_engine(int64_t max_batch = 1);
/// Inputs of small_network().
TensorMap small_inputs(uint64_t seed = 1, int64_t batch = 1);

/// What the log holds while the object lives.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  std::string text() const;
};

}  // namespace tendon::testing
