// Loaders: files round-trip, twins agree, and lazy ones touch nothing before they are called.
#include <gtest/gtest.h>
#include <tendon/loaders.h>
#include <tendon/runner.h>

#include <filesystem>

#include "support/files.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using testing::small_engine;
using testing::small_inputs;
using testing::small_network;
using testing::TempDir;

TensorMap outputs_of(const Engine& engine) {
  EngineRunner runner(engine);
  runner.activate();
  return runner.infer(small_inputs());
}

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Loaders, BytesRoundTrip) {
  const TempDir dir;
  const std::string text = "seven b";
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  const Bytes bytes(std::vector<std::byte>(begin, begin + text.size()));
  EXPECT_EQ(text_of(save_bytes(bytes, dir / "file")), text);
  EXPECT_EQ(text_of(bytes_from_path(dir / "file")), text);
  EXPECT_EQ(text_of(SaveBytes(BytesFromPath(dir / "file"), dir / "copy")()), text);
  EXPECT_EQ(testing::read_text(dir / "copy"), text);
  EXPECT_EQ(bytes_from_path(dir / "file").name(), dir / "file");
}

TEST(Loaders, NetworksRoundTripThroughOnnx) {
  const TempDir dir;
  const std::string path = dir / "small.onnx";
  save_onnx(small_network(), path);
  for (const Network& network :
       {network_from_onnx_path(path), network_from_onnx_bytes(bytes_from_path(path)),
        network_from_onnx_bytes(onnx_from_network(small_network()))}) {
    EXPECT_EQ(network.inputs(), small_network().inputs());
    EXPECT_EQ(network.outputs(), small_network().outputs());
    EXPECT_EQ(network.metadata(), small_network().metadata());
  }
}

TEST(Loaders, EnginesRoundTripThroughFilesAndBytes) {
  const TempDir dir;
  const std::string path = dir / "small.engine";
  const Engine engine = save_engine(small_engine(), path);
  const TensorMap expected = outputs_of(engine);
  EXPECT_EQ(outputs_of(engine_from_path(path)), expected);
  EXPECT_EQ(outputs_of(engine_from_bytes(bytes_from_path(path))), expected);
  EXPECT_EQ(outputs_of(engine_from_bytes(bytes_from_engine(engine))), expected);
  EXPECT_EQ(engine_from_path(path).metadata().at("robot"), "toy");
  std::filesystem::remove(path);
  EXPECT_EQ(outputs_of(engine), expected);
}

TEST(Loaders, AnEngineKeepsItsBytesAlive) {
  Engine engine = engine_from_bytes(BytesFromEngine(small_engine()));
  EXPECT_EQ(outputs_of(engine), outputs_of(small_engine()));
}

TEST(Loaders, LazyTwinsReadNothingUntilTheyAreCalled) {
  const TempDir dir;
  const std::string onnx = dir / "late.onnx";
  const std::string path = dir / "late.engine";
  const auto save = SaveEngine(EngineFromNetwork(NetworkFromOnnxPath(onnx)), path);
  EngineRunner runner(EngineFromPath(path));
  EXPECT_FALSE(std::filesystem::exists(path));
  save_onnx(small_network(), onnx);
  const Engine engine = save();
  runner.activate();
  EXPECT_EQ(runner.infer(small_inputs()), outputs_of(engine));
}

TEST(Loaders, TwinsAgree) {
  const TempDir dir;
  const Network network = small_network();
  EXPECT_EQ(text_of(OnnxFromNetwork(network)()), text_of(onnx_from_network(network)));
  SaveOnnx(small_network, dir / "a.onnx")();
  EXPECT_EQ(testing::read_text(dir / "a.onnx"), text_of(onnx_from_network(network)));
  EXPECT_EQ(NetworkFromOnnxBytes(OnnxFromNetwork(network))().outputs(), network.outputs());
  const auto config = CreateConfig({.device = "reference", .threads = 1});
  EXPECT_EQ(outputs_of(EngineFromNetwork(network, config)()),
            outputs_of(engine_from_network(network, config())));
  const auto bytes = BytesFromEngine(EngineFromNetwork(network, config));
  EXPECT_EQ(outputs_of(EngineFromBytes(bytes)()), outputs_of(engine_from_bytes(bytes())));
}

TEST(Loaders, BadFilesAreNamed) {
  const TempDir dir;
  const std::string path = dir / "bad.file";
  testing::write_text(path, "this is neither");
  expect_bad_input({"bad.file"}, [&] { network_from_onnx_path(path); });
  expect_bad_input({"bad.file"}, [&] { engine_from_path(path); });
  expect_bad_input({"bad.file"}, [&] { engine_from_bytes(bytes_from_path(path)); });
  expect_bad_input({"missing.file"}, [&] { bytes_from_path(dir / "missing.file"); });
  expect_bad_input({"no_folder"}, [&] { save_engine(small_engine(), dir / "no_folder/engine"); });
}

TEST(Loaders, ABuildThatCannotBeSaysWhy) {
  Profile unknown;
  unknown.add("z", {1});
  expect_error(ErrorKind::kUsage, {"'z'"},
               [&] { engine_from_network(small_network(), EngineConfig{.profile = unknown}); });
  expect_error(ErrorKind::kUsage, {"memory limit of 1"}, [] {
    engine_from_network(small_network(), EngineConfig{.device = "reference", .memory_limit = 1});
  });
}

}  // namespace
}  // namespace tendon
