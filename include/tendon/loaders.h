// Loaders: snake_case does the work at once, PascalCase returns a callable that does it later.
#pragma once

#include <tendon/bytes.h>
#include <tendon/checkpoint.h>
#include <tendon/engine.h>
#include <tendon/lazy.h>

#include <string>
#include <vector>

namespace tendon {

// Every function below exists twice:
//   engine_from_network(network, config)    builds now and returns the Engine
//   EngineFromNetwork(network, config)      returns a callable; nothing happens until it is called
// An argument of type Loadable<T> takes a T or any callable that returns one. Reading throws
// Error{kBadInput} naming the file and the place; building throws as the functions say.

/// Maps the file; nothing is copied.
Bytes bytes_from_path(std::string path);
inline constexpr auto BytesFromPath = kLazy<bytes_from_path>;

/// Writes the file whole or not at all and returns the bytes.
Bytes save_bytes(Loadable<Bytes> bytes, std::string path);
inline constexpr auto SaveBytes = kLazy<save_bytes>;

/// Weights stored beside the file ("external data") are read from its folder only. Throws
/// Error{kUnsupported} listing every operator that Tendon lacks.
Network network_from_onnx_path(std::string path);
inline constexpr auto NetworkFromOnnxPath = kLazy<network_from_onnx_path>;

/// As above; a model with external data is refused, for there is no folder to find it in.
Network network_from_onnx_bytes(Loadable<Bytes> bytes);
inline constexpr auto NetworkFromOnnxBytes = kLazy<network_from_onnx_bytes>;

/// A checkpoint that torch.save wrote for the original ACT or one of its forks, or the folder
/// `pretrained_model` of LeRobot's. Nothing in it is executed; weights are used where they lie in
/// the file. The network is the one for inference, without the parts that actions do not depend on,
/// and its metadata say where it comes from. Throws Error{kUsage} for options that are missing or
/// do not fit, Error{kBadInput} naming the tensors that are missing or odd, Error{kUnsupported} for
/// networks that are no ACT or more than one.
Network network_from_checkpoint(std::string path, CheckpointOptions options = {});
inline constexpr auto NetworkFromCheckpoint = kLazy<network_from_checkpoint, 1>;

/// In `outputs`: every value that a node computes, as long as its type can be an output.
inline constexpr const char* kMarkAll = "mark all";

/// The network with other outputs: `outputs` names them (empty: those it has), `exclude_outputs`
/// takes some away. Nodes that no output needs go when an engine is built. Throws Error{kUsage} for
/// unknown names, with the nearest known one, and when no output is left.
Network modify_network_outputs(Loadable<Network> network, std::vector<std::string> outputs,
                               std::vector<std::string> exclude_outputs = {});
inline constexpr auto ModifyNetworkOutputs = kLazy<modify_network_outputs, 1>;

/// How a network is given QuantizeLinear and DequantizeLinear.
struct QdqOptions {
  /// The runtime whose form it is: "trt", "ort" or "openvino". docs/quantization.md has the forms.
  std::string target = "trt";
  /// Types by node name or pattern with `*`: kInt8 forces a layer with weights to INT8, any other
  /// keeps it out.
  std::map<std::string, DataType> layer_precisions = {};
  /// Weights within [-63, 63] instead of [-127, 127], for CPUs without VNNI, whose kernels add two
  /// products in 16 bits and clip the sum.
  bool reduce_range = false;
  /// Uses a calibration of another model; a warning then.
  bool force = false;
};

/// The network after its exact rewrites, with the precisions that an INT8 engine would get made
/// explicit, so that the runtime needs no calibration. Open dimensions become 1. Throws
/// Error{kUsage} for an unknown target and layers that are not there, Error{kBadInput} for a
/// calibration of another model, Error{kUnsupported} for a network that is quantised already and
/// for one where no layer can be INT8.
Network qdq_from_network(Loadable<Network> network, Loadable<Calibration> calibration,
                         QdqOptions options = {});
inline constexpr auto QdqFromNetwork = kLazy<qdq_from_network, 1>;

/// How an ONNX file is written.
struct OnnxOptions {
  /// 13 to 21. What an operator set lacks is written out in operators that it has.
  int opset = 17;
};

/// The network as an ONNX file's content. Throws Error{kUsage} for an opset out of range,
/// Error{kUnsupported} naming every node that ONNX cannot express at this opset.
Bytes onnx_from_network(Loadable<Network> network, OnnxOptions options = {});
inline constexpr auto OnnxFromNetwork = kLazy<onnx_from_network, 1>;

/// Writes an ONNX file whole or not at all and returns the network. Throws as above.
Network save_onnx(Loadable<Network> network, std::string path, OnnxOptions options = {});
inline constexpr auto SaveOnnx = kLazy<save_onnx, 1>;

/// Checks what can be checked without a network and returns `config`. Throws Error{kUnsupported}
/// for a precision or device that is not available here, Error{kUsage} for nonsense.
EngineConfig create_config(EngineConfig config = {});
inline constexpr auto CreateConfig = kLazy<create_config, 1>;

/// Optimises the network for config.device. Throws Error{kUsage} when the profile contradicts the
/// model, Error{kUnsupported} naming the node and each kernel's reason when no kernel takes it.
Engine engine_from_network(Loadable<Network> network, Loadable<EngineConfig> config = {});
inline constexpr auto EngineFromNetwork = kLazy<engine_from_network, 1>;

/// The weights stay in `bytes`, which the engine keeps alive.
Engine engine_from_bytes(Loadable<Bytes> bytes);
inline constexpr auto EngineFromBytes = kLazy<engine_from_bytes>;

/// Maps the file and uses its weights in place.
Engine engine_from_path(std::string path);
inline constexpr auto EngineFromPath = kLazy<engine_from_path>;

/// The content of an engine file.
Bytes bytes_from_engine(Loadable<Engine> engine);
inline constexpr auto BytesFromEngine = kLazy<bytes_from_engine>;

/// Writes an engine file whole or not at all and returns the engine.
Engine save_engine(Loadable<Engine> engine, std::string path);
inline constexpr auto SaveEngine = kLazy<save_engine>;

}  // namespace tendon
