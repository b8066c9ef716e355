#include "ops/pool_windows.h"

namespace tendon {

std::vector<WindowAxis> pool_axes(const WindowAttributes& attributes, const ImageLayout& image,
                                  bool ceil_mode) {
  const auto axes = window_axes(attributes, image.spatial, attributes.kernel_shape, ceil_mode);
  for (const WindowAxis& axis : axes) {
    if (std::max(axis.pad_begin, axis.pad_end) >= axis.extent()) {
      fail_input("pads {} and {} are as large as the window of {}, expected less", axis.pad_begin,
                 axis.pad_end, axis.extent());
    }
  }
  return axes;
}

}  // namespace tendon
