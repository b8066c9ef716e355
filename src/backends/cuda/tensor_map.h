// TensorMap: a CUtensorMap for device code; read by host and device.
#pragma once

namespace tendon::cuda {

/// A CUtensorMap, which says how the copy engine walks through a tensor.
struct alignas(128) TensorMap {
  unsigned char bytes[128];
};

}  // namespace tendon::cuda
