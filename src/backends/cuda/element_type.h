// Types of tensors that kernels read or write in the type that they have; read by host and device.
#pragma once

namespace tendon::cuda {

enum class ElementType : int { kFloat32, kFloat16, kInt8, kUInt8 };

}  // namespace tendon::cuda
