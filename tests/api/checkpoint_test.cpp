// Engines built straight from checkpoints give what PyTorch computed for them.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::max_abs_difference;
using testing::read_text;
using testing::source_path;

constexpr double kLimit = 2e-5;

/// (…, height, width, 3) bytes as (…, 3, height, width) in 0 to 1.
Tensor planes(const Tensor& frames) {
  const Shape& from = frames.shape();
  const int rank = from.rank();
  Shape shape = from;
  shape[rank - 3] = 3;
  shape[rank - 2] = from[rank - 3];
  shape[rank - 1] = from[rank - 2];
  const auto points = static_cast<size_t>(from[rank - 3] * from[rank - 2]);
  Tensor result(DataType::kFloat32, shape);
  const auto pixels = frames.data<uint8_t>();
  const auto to = result.mutable_data<float>();
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t image = i / (3 * points), point = i / 3 % points, color = i % 3;
    to[(image * 3 + color) * points + point] = static_cast<float>(pixels[i]) / 255.0F;
  }
  return result;
}

/// One folder of tests/models/checkpoints with what its case.json asks for.
class Case {
 public:
  explicit Case(const std::string& name)
      : folder_(source_path("tests/models/checkpoints/" + name) + "/"),
        json_(Json::parse(read_text(folder_ + "case.json"))),
        arrays_(tensor_maps_from_path(folder_ + "reference.npz").front()) {}

  const Json& exports() const { return json_["exports"]; }
  std::string checkpoint() const { return folder_ + json_["checkpoint"].get<std::string>(); }
  CheckpointOptions options(const Json& spec) const;
  TensorMap inputs(const Json& spec) const {
    TensorMap inputs;
    for (const auto& [name, source] : spec["inputs"].items()) {
      const auto text = source.get<std::string>();
      const size_t frames = text.find(":planes");
      inputs[name] = frames == std::string::npos ? arrays_.at(text)
                                                 : planes(arrays_.at(text.substr(0, frames)));
    }
    return inputs;
  }
  const Tensor& expected(const Json& spec) const {
    return arrays_.at(spec["action"].get<std::string>());
  }

 private:
  std::string folder_;
  Json json_;
  TensorMap arrays_;
};

/// What the command line's options of an export mean.
CheckpointOptions Case::options(const Json& spec) const {
  CheckpointOptions options;
  const auto arguments = spec["args"].get<std::vector<std::string>>();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&] { return arguments.at(++i); };
    if (name == "--cameras") {
      std::stringstream list(value());
      for (std::string camera; std::getline(list, camera, ',');) options.cameras.push_back(camera);
    } else if (name == "--height") {
      options.height = std::stoll(value());
    } else if (name == "--width") {
      options.width = std::stoll(value());
    } else if (name == "--heads") {
      options.heads = std::stoll(value());
    } else if (name == "--stats") {
      options.stats = NormStats::load(folder_ + value());
    } else if (name == "--decoder-output") {
      options.decoder_output = decoder_output_from_name(value());
    } else if (name == "--opset") {
      value();
    } else {
      options.raw_units |= name == "--raw-units";
      options.raw_images |= name == "--raw-images";
    }
  }
  return options;
}

Tensor action_of(const Network& network, const TensorMap& inputs) {
  Profile profile;
  for (const auto& [name, tensor] : inputs) profile.add(name, tensor.shape());
  EngineRunner runner(
      engine_from_network(network, create_config({.profile = profile, .threads = 1})));
  const auto scope = runner.scope();
  const TensorMap outputs = runner.infer(inputs);
  EXPECT_EQ(outputs.size(), 1u);
  return outputs.at("action");
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(source_path("tests/models/checkpoints"))) {
    names.push_back(entry.path().filename());
  }
  return names;
}

class Checkpoints : public ::testing::TestWithParam<std::string> {};

TEST_P(Checkpoints, EnginesGiveWhatPyTorchGave) {
  const Case policy(GetParam());
  for (const Json& spec : policy.exports()) {
    SCOPED_TRACE(spec["args"].dump());
    const Network network = network_from_checkpoint(policy.checkpoint(), policy.options(spec));
    EXPECT_LE(max_abs_difference(action_of(network, policy.inputs(spec)), policy.expected(spec)),
              kLimit);
  }
}

TEST_P(Checkpoints, WhatIsWrittenReadsBack) {
  const Case policy(GetParam());
  const Json& spec = policy.exports().front();
  const Network network = network_from_checkpoint(policy.checkpoint(), policy.options(spec));
  for (const int opset : {13, 21}) {
    const Network read = network_from_onnx_bytes(onnx_from_network(network, {.opset = opset}));
    EXPECT_EQ(read.metadata(), network.metadata());
    EXPECT_LE(max_abs_difference(action_of(read, policy.inputs(spec)), policy.expected(spec)),
              kLimit)
        << "opset " << opset;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, Checkpoints, ::testing::ValuesIn(case_names()),
                         [](const auto& test) { return test.param; });

TEST(Checkpoint, FramesAndFloatImagesGiveTheSameBits) {
  for (const std::string name : {"original", "lerobot"}) {
    const Case policy(name);
    const Json& spec = policy.exports().front();
    CheckpointOptions options = policy.options(spec);
    const TensorMap floats = policy.inputs(spec);
    const Tensor expected =
        action_of(network_from_checkpoint(policy.checkpoint(), options), floats);
    options.raw_images = true;
    TensorMap frames = policy.inputs(policy.exports().back());
    for (const auto& [input, tensor] : floats) {
      if (tensor.rank() == 2) frames[input] = tensor;
    }
    EXPECT_EQ(action_of(network_from_checkpoint(policy.checkpoint(), options), frames), expected)
        << name;
  }
}

TEST(Checkpoint, LoadersAreLazyAndImmediate) {
  const Case policy("original");
  const CheckpointOptions options = policy.options(policy.exports().front());
  const auto later = EngineFromNetwork(NetworkFromCheckpoint(policy.checkpoint(), options));
  const Engine engine = later();
  EXPECT_EQ(engine.metadata().at("tendon.layout"), "original");
  EXPECT_EQ(engine.outputs()[0].name, "action");
  const auto never = NetworkFromCheckpoint("/nowhere.ckpt");
  testing::expect_bad_input({"/nowhere.ckpt"}, [&] { never(); });
}

}  // namespace
}  // namespace tendon
