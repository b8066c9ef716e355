// Types of tensors that kernels read or write in the type that they have; read by host and device.
// kHalf is the 16-bit floating type of the image: see half.cuh.
#pragma once

namespace tendon::cuda {

enum class ElementType : int { kFloat32, kHalf, kInt8, kUInt8 };

}  // namespace tendon::cuda
