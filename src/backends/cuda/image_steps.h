// How the first layer's images lie in memory; read by host and device.
#pragma once

namespace tendon::cuda {

/// Elements from one image, row, pixel and channel to the next.
struct ImageSteps {
  long long image;
  int row, pixel, channel;
};

/// Of images of these sizes.
constexpr ImageSteps image_steps(long long channels, long long height, long long width,
                                 bool channels_last) {
  const long long row = channels_last ? width * channels : width;
  return {channels * height * width, static_cast<int>(row),
          static_cast<int>(channels_last ? channels : 1),
          static_cast<int>(channels_last ? 1 : height * width)};
}

}  // namespace tendon::cuda
