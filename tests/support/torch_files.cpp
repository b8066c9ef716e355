#include "support/torch_files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/zip.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon::testing {
namespace {

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

std::string bytes_of_tensor(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.raw()), tensor.byte_size()};
}

/// Adds tensors with values that differ from tensor to tensor.
class Tensors {
 public:
  void add(const std::string& name, const Shape& shape) {
    Tensor tensor = random_tensor(shape, tensors.size() + 1);
    for (float& value : tensor.mutable_data<float>()) {
      value = name.ends_with("running_var") ? 1 + value * value : 0.2F * value;
    }
    tensors.push_back({name, tensor});
  }
  void linear(const std::string& prefix, int64_t outputs, int64_t inputs) {
    add(prefix + "weight", {outputs, inputs});
    add(prefix + "bias", Shape{outputs});
  }
  void norm(const std::string& prefix, int64_t width) {
    add(prefix + "weight", Shape{width});
    add(prefix + "bias", Shape{width});
  }
  void frozen_norm(const std::string& prefix, int64_t width) {
    norm(prefix, width);
    add(prefix + "running_mean", Shape{width});
    add(prefix + "running_var", Shape{width});
  }
  void convolution(const std::string& prefix, int number, int64_t outputs, int64_t inputs,
                   int64_t kernel) {
    add(fmt::format("{}conv{}.weight", prefix, number), {outputs, inputs, kernel, kernel});
    frozen_norm(fmt::format("{}bn{}.", prefix, number), outputs);
  }

  std::vector<NamedTensor> tensors;
};

void add_layer(Tensors& to, const std::string& prefix, const SmallAct& sizes, bool cross) {
  for (const char* attention : {"self_attn.", "multihead_attn."}) {
    if (attention[0] == 'm' && !cross) continue;
    to.add(prefix + attention + "in_proj_weight", {3 * sizes.hidden, sizes.hidden});
    to.add(prefix + attention + "in_proj_bias", Shape{3 * sizes.hidden});
    to.linear(prefix + attention + "out_proj.", sizes.hidden, sizes.hidden);
  }
  to.linear(prefix + "linear1.", sizes.feed_forward, sizes.hidden);
  to.linear(prefix + "linear2.", sizes.hidden, sizes.feed_forward);
  for (int i = 1; i <= (cross ? 3 : 2); ++i) {
    to.norm(fmt::format("{}norm{}.", prefix, i), sizes.hidden);
  }
}

void add_layers(Tensors& to, const std::string& prefix, int64_t count, const SmallAct& sizes,
                bool cross) {
  for (int64_t i = 0; i < count; ++i) {
    add_layer(to, fmt::format("{}layers.{}.", prefix, i), sizes, cross);
  }
  if (cross || sizes.pre_norm) to.norm(prefix + "norm.", sizes.hidden);
}

/// Returns the output channels.
int64_t add_resnet(Tensors& to, const std::string& prefix, const SmallAct& sizes) {
  int64_t channels = 2;
  to.convolution(prefix, 1, channels, 3, 7);
  for (size_t stage = 0; stage < 4; ++stage) {
    const int64_t width = stage < 2 ? 2 : 4;
    const int64_t outputs = sizes.bottleneck ? 4 * width : width;
    for (int64_t block = 0; block < sizes.blocks[stage]; ++block) {
      const std::string name = fmt::format("{}layer{}.{}.", prefix, stage + 1, block);
      to.convolution(name, 1, width, channels, sizes.bottleneck ? 1 : 3);
      to.convolution(name, 2, width, width, 3);
      if (sizes.bottleneck) to.convolution(name, 3, outputs, width, 1);
      if (channels != outputs || (stage > 0 && block == 0)) {
        to.add(name + "downsample.0.weight", {outputs, channels, 1, 1});
        to.frozen_norm(name + "downsample.1.", outputs);
      }
      channels = outputs;
    }
  }
  return channels;
}

void add_original(Tensors& to, const SmallAct& sizes) {
  const int64_t hidden = sizes.hidden;
  to.add("model.pos_table", {1, sizes.chunk + 2, hidden});
  add_layers(to, "model.transformer.encoder.", sizes.encoder_layers, sizes, false);
  add_layers(to, "model.transformer.decoder.", sizes.decoder_layers, sizes, true);
  add_layers(to, "model.encoder.", 1, sizes, false);
  to.linear("model.action_head.", sizes.actions, hidden);
  to.linear("model.is_pad_head.", 1, hidden);
  to.add("model.query_embed.weight", {sizes.chunk, hidden});
  int64_t channels = 0;
  for (int64_t i = 0; i < sizes.backbones; ++i) {
    channels = add_resnet(to, fmt::format("model.backbones.{}.0.body.", i), sizes);
  }
  to.add("model.input_proj.weight", {hidden, channels, 1, 1});
  to.add("model.input_proj.bias", Shape{hidden});
  to.linear("model.input_proj_robot_state.", hidden, sizes.joints);
  to.add("model.cls_embed.weight", {1, hidden});
  to.linear("model.encoder_action_proj.", hidden, sizes.actions);
  to.linear("model.encoder_joint_proj.", hidden, sizes.joints);
  to.linear("model.latent_proj.", 2 * sizes.latent, hidden);
  to.linear("model.latent_out_proj.", hidden, sizes.latent);
  to.add("model.additional_pos_embed.weight", {2, hidden});
}

void add_lerobot(Tensors& to, const SmallAct& sizes) {
  const int64_t hidden = sizes.hidden;
  add_layers(to, "model.vae_encoder.", 1, sizes, false);
  to.add("model.vae_encoder_pos_enc", {1, sizes.chunk + 2, hidden});
  if (sizes.backbones > 0) {
    const int64_t channels = add_resnet(to, "model.backbone.", sizes);
    to.add("model.encoder_img_feat_input_proj.weight", {hidden, channels, 1, 1});
    to.add("model.encoder_img_feat_input_proj.bias", Shape{hidden});
  }
  add_layers(to, "model.encoder.", sizes.encoder_layers, sizes, false);
  add_layers(to, "model.decoder.", sizes.decoder_layers, sizes, true);
  to.linear("model.encoder_robot_state_input_proj.", hidden, sizes.joints);
  to.linear("model.encoder_latent_input_proj.", hidden, sizes.latent);
  to.add("model.encoder_1d_feature_pos_embed.weight", {2, hidden});
  to.add("model.decoder_pos_embed.weight", {sizes.chunk, hidden});
  to.linear("model.action_head.", sizes.actions, hidden);
}

std::string integers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  items.reserve(values.size());
  for (const int64_t value : values) items.push_back(pickle::integer(value));
  return pickle::tuple(items);
}

}  // namespace

namespace pickle {

std::string text(std::string_view value) {
  return "X" + raw(static_cast<uint32_t>(value.size())) + std::string(value);
}
std::string integer(int64_t value) { return "\x8a\x08" + raw(value); }
std::string tuple(const std::vector<std::string>& items) {
  return fmt::format("({}t", fmt::join(items, ""));
}
std::string global(std::string_view module, std::string_view name) {
  return fmt::format("c{}\n{}\n", module, name);
}
std::string call(std::string_view module, std::string_view name, const std::string& arguments) {
  return global(module, name) + arguments + "R";
}
std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string result = call("collections", "OrderedDict", ")") + "(";
  for (const auto& [key, value] : items) result += text(key) + value;
  return result + "u";
}

}  // namespace pickle

std::string pickle_of(const TorchTensor& tensor) {
  using namespace pickle;
  const std::string storage = tuple({text("storage"), global("torch", tensor.type),
                                     text(tensor.key), text("cuda:0"), integer(tensor.count)}) +
                              "Q";
  return call("torch._utils", "_rebuild_tensor_v2",
              tuple({storage, integer(tensor.offset), integers(tensor.shape),
                     integers(tensor.strides), "\x89", call("collections", "OrderedDict", ")")}));
}

std::string torch_archive(const std::map<std::string, std::string>& entries) {
  const TempDir folder;
  const std::string path = folder / "policy.ckpt";
  ZipWriter zip(path);
  for (const auto& [name, content] : entries) {
    const std::span<const std::byte> bytes = std::as_bytes(std::span(content));
    zip.add("policy/" + name, {&bytes, 1});
  }
  zip.commit();
  return read_text(path);
}

std::string torch_file(const std::vector<NamedTensor>& tensors) {
  std::map<std::string, std::string> entries{{"version", "3\n"}, {"byteorder", "little"}};
  std::vector<std::pair<std::string, std::string>> items;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i].tensor;
    TorchTensor described{"FloatStorage", std::to_string(i), tensor.size(), 0, {}, {}};
    int64_t stride = tensor.size();
    for (const int64_t dim : tensor.shape()) {
      stride = dim == 0 ? 1 : stride / dim;
      described.shape.push_back(dim);
      described.strides.push_back(stride);
    }
    items.emplace_back(tensors[i].name, pickle_of(described));
    entries["data/" + std::to_string(i)] = bytes_of_tensor(tensor);
  }
  entries["data.pkl"] = pickle::kStart + pickle::dict(items) + ".";
  return torch_archive(entries);
}

std::string safetensors_file(const std::string& header, const std::string& data) {
  return raw(static_cast<uint64_t>(header.size())) + header + data;
}

std::string safetensors_file(const std::vector<NamedTensor>& tensors) {
  nlohmann::json header{{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data += bytes_of_tensor(tensor);
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape().dims()}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return safetensors_file(text, data);
}

std::vector<NamedTensor> act_tensors(const SmallAct& sizes) {
  Tensors tensors;
  sizes.lerobot ? add_lerobot(tensors, sizes) : add_original(tensors, sizes);
  return std::move(tensors.tensors);
}

StateDict state_dict_of(const std::vector<NamedTensor>& tensors) {
  StateDict weights("policy.ckpt");
  for (const NamedTensor& named : tensors) weights.add(named.name, named.tensor);
  return weights;
}

}  // namespace tendon::testing
