// Writes files as torch.save does, well formed or not, and small ACT state dicts.
#pragma once

#include <tendon/tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/state_dict.h"

namespace tendon::testing {

/// Pieces of a protocol 2 pickle.
namespace pickle {
inline const std::string kStart = "\x80\x02";
std::string text(std::string_view value);
std::string integer(int64_t value);
std::string tuple(const std::vector<std::string>& items);
/// A call of the global "module\nname".
std::string call(std::string_view module, std::string_view name, const std::string& arguments);
std::string global(std::string_view module, std::string_view name);
/// An ordered dictionary of key and value pickles.
std::string dict(const std::vector<std::pair<std::string, std::string>>& items);
}  // namespace pickle

/// A tensor as the pickle describes it.
struct TorchTensor {
  std::string type = "FloatStorage";
  std::string key = "0";
  int64_t count = 0;
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};
std::string pickle_of(const TorchTensor& tensor);

/// Entries of the archive "policy/…" by name; data.pkl is one of them.
std::string torch_archive(const std::map<std::string, std::string>& entries);
/// What torch.save writes for a state dict of float32 tensors.
std::string torch_file(const std::vector<NamedTensor>& tensors);

/// A safetensors file: its length, the header and the data after it.
std::string safetensors_file(const std::string& header, const std::string& data);
std::string safetensors_file(const std::vector<NamedTensor>& tensors);

/// Sizes of a small policy.
struct SmallAct {
  bool lerobot = false;
  int64_t hidden = 8;
  int64_t feed_forward = 12;
  int64_t encoder_layers = 1;
  int64_t decoder_layers = 2;
  int64_t chunk = 3;
  int64_t joints = 4;
  int64_t actions = 5;
  int64_t latent = 2;
  int64_t backbones = 1;
  std::vector<int64_t> blocks = {1, 1, 1, 1};
  bool bottleneck = false;
  bool pre_norm = false;
};
/// Every tensor of such a policy, the dead ones included, with seeded values.
std::vector<NamedTensor> act_tensors(const SmallAct& sizes);
StateDict state_dict_of(const std::vector<NamedTensor>& tensors);

}  // namespace tendon::testing
