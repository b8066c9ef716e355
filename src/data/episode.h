// What an open episode holds.
#pragma once

#include <tendon/data.h>

#include "data/hdf5_file.h"

namespace tendon {

struct EpisodeData {
  explicit EpisodeData(Hdf5File opened) : file(std::move(opened)) {}

  Hdf5File file;
  std::string name;
  bool is_sim = false;
  Tensor qpos;
  Tensor action;
  /// In the order of the dataset's cameras.
  std::vector<Hdf5Dataset> cameras;
  bool is_jpeg = false;
  bool swap_red_and_blue = false;
  /// Why the order of the colours was taken as it is; empty when the file or the caller said it.
  std::string color_assumption;
  int64_t height = 0;
  int64_t width = 0;
};

/// Cameras of a file by name, without depth images.
std::vector<std::string> list_cameras(const Hdf5File& file);

/// Checks everything but the pixels. Throws Error{kBadInput} naming file, place, found, expected.
EpisodeData open_episode(const Hdf5File& file, const EpisodicOptions& options);

/// (k, 3, H, W) float32 in 0..1 from uint8.
void scale_pixels(std::span<const uint8_t> pixels, std::span<float> target);

}  // namespace tendon
