// Engine: a network compiled for one device, ready to be run by any number of runners.
#pragma once

#include <tendon/calibration.h>
#include <tendon/network.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tendon {

/// The shapes an engine must accept, by input name. Inputs left out keep the model's shape.
class Profile {
 public:
  struct Range {
    Shape min, opt, max;
    bool operator==(const Range&) const = default;
  };

  /// On every axis min <= opt <= max; the engine is planned for opt. Chainable. Throws
  /// Error{kUsage} when the order does not hold or the input was added before.
  Profile& add(const std::string& name, const Shape& min, const Shape& opt, const Shape& max);
  /// One shape only.
  Profile& add(const std::string& name, const Shape& shape) {
    return add(name, shape, shape, shape);
  }
  /// Adds every input of `network` that is not here yet; an axis the model leaves open becomes
  /// `default_size`, with one warning. Chainable.
  Profile& fill_defaults(const Network& network, int64_t default_size = 1);

  const std::map<std::string, Range>& ranges() const { return ranges_; }
  bool operator==(const Profile&) const = default;

 private:
  std::map<std::string, Range> ranges_;
};
/// "{image [min=(1, 3, 8, 8), opt=(1, 3, 8, 8), max=(4, 3, 8, 8)]}"
std::string to_string(const Profile& profile);

class Calibrator;

/// How an engine is built.
struct EngineConfig {
  /// "cpu", "cuda" or "cuda:N" for an NVIDIA GPU, or "reference" for the plain loops that
  /// everything is held to.
  std::string device = "cpu";
  /// Permissions: allow 8-bit, 16-bit or TF32 arithmetic where it is faster and safe. What a device
  /// has no arithmetic for runs in float32, which is logged as a warning; with fp16 the weights of
  /// such layers are still rounded to float16, which halves them in the engine file.
  bool int8 = false;
  bool fp16 = false;
  bool bf16 = false;
  bool tf32 = false;
  /// Float32 convolutions of 3x3 windows may be computed by Winograd's algorithm where that is
  /// faster; its rounding is about 7 times a direct sum's.
  bool winograd = true;
  /// The engine file also holds weights as this machine's kernels pack them, so that loading it
  /// maps them; nearly twice the size. On another machine they are packed when it is loaded.
  bool packed_weights = true;
  /// Where INT8's ranges come from, and on a GPU what shows which layers FP16 would harm (a
  /// calibrator's data also by measured errors): a calibrator, which runs when the engine is built
  /// (it must live until then), or a calibration that was saved. Of a model that carries
  /// QuantizeLinear and DequantizeLinear already neither is used.
  Calibrator* calibrator = nullptr;
  std::optional<Calibration> calibration = std::nullopt;
  /// Uses a calibration of another model; a warning then.
  bool force = false;
  /// INT8 weights within [-63, 63] instead of [-127, 127]: twice the error of rounding them, but
  /// CPUs without VNNI multiply them faster.
  bool reduce_range = false;
  /// The only layers to be INT8, by node name, such as search_precisions() found; left open: by
  /// the recipe of docs/quantization.md.
  std::optional<std::set<std::string>> int8_layers = std::nullopt;
  /// Types by node name or pattern with `*`: kInt8 forces a layer with weights to INT8, any other
  /// keeps it out, and kFloat32 keeps it out of `bf16` and a GPU's `fp16` as well. Throws
  /// Error{kUsage} where nothing matches.
  std::map<std::string, DataType> layer_precisions = {};
  Profile profile = {};
  /// Threads a run uses; 0: all cores.
  int threads = 0;
  /// Refuses to build an engine whose activations need more bytes; 0: no limit.
  size_t memory_limit = 0;
  /// Passes to leave out, by name.
  std::vector<std::string> disabled_passes = {};
  /// Logs for every layer why faster kernels declined it, and how long those that did not took.
  bool explain = false;
  /// Times the kernels that accept a layer on this machine and takes the fastest; else the first in
  /// a fixed order, which is the same in every build.
  bool tactics = false;
  /// File with the times of former builds: read if it exists, written with what was timed anew. Of
  /// another machine or version it is not used, which a warning says. Needs `tactics`.
  std::string timing_cache = {};
  /// Files with the kernel of every layer: to build the same engine again, timing nothing, and to
  /// be written. A file of another model or configuration throws Error{kUsage}.
  std::string load_tactics = {};
  std::string save_tactics = {};
  /// Stored in the engine beside the model's own metadata.
  std::map<std::string, std::string> metadata = {};
};

/// One step of an engine's run.
struct LayerInfo {
  std::string name;
  std::string type;    ///< operator, such as "FusedConv"
  std::string kernel;  ///< such as "onednn:conv"
  DataType precision = DataType::kFloat32;
  std::vector<TensorType> outputs;
  int64_t multiply_adds = 0;
  int64_t weight_bytes = 0;
  /// Inputs, weights and outputs, each once: what the layer moves at least.
  int64_t bytes_moved = 0;
  /// Kernels that were asked before and why they declined: (kernel, reason).
  std::vector<std::pair<std::string, std::string>> declines;
  /// Kernels among which it was chosen by time, and their milliseconds; empty where none was timed.
  std::vector<std::pair<std::string, double>> candidates = {};
};

/// A layer with weights that is not INT8 in an INT8 engine, and why.
struct KeptLayer {
  std::string name;
  std::string reason;
};

/// What one pass of the build removed.
struct PassInfo {
  std::string name;
  double seconds = 0;
  int64_t nodes_removed = 0;
  int64_t parameters_removed = 0;
  std::string note;
};

/// Memory of an engine for a GPU, in bytes, for the opt shapes. The driver's own and the kernels'
/// code come on top, once for each process.
struct GpuMemory {
  size_t weights = 0;      ///< once for an engine and all its runners
  size_t activations = 0;  ///< for each runner
  size_t pinned = 0;       ///< page-locked memory of the host for each runner
  /// What no engine of this graph could do without: its constants, and the most activations that
  /// are alive at one layer.
  size_t needed = 0;
};

/// An immutable handle; copies share weights and plans and may be used from several threads.
class Engine {
 public:
  const std::string& name() const;
  const std::string& device() const;
  /// In the model's order; an axis may take the sizes of the profile.
  std::vector<TensorInfo> inputs() const;
  std::vector<TensorInfo> outputs() const;
  /// The shapes the engine is planned for.
  std::map<std::string, Shape> opt_shapes() const;
  /// In the order they run for the opt shapes.
  std::vector<LayerInfo> layers() const;
  std::vector<PassInfo> passes() const;
  /// Both are empty for an engine without INT8.
  std::set<std::string> int8_layers() const;
  std::vector<KeptLayer> kept_layers() const;
  /// The model's metadata together with EngineConfig::metadata.
  std::map<std::string, std::string> metadata() const;
  int threads() const;
  double build_seconds() const;
  size_t weight_bytes() const;
  /// Memory of one runner beside the weights, for the opt shapes.
  size_t activation_bytes() const;
  /// Nothing for an engine that runs on the CPU alone.
  std::optional<GpuMemory> gpu_memory() const;
  /// Why this machine cannot run the engine and what to do, such as a GPU that is not here: it can
  /// be looked at and saved, and runners throw Error{kUnsupported} at activate(). Empty where it
  /// can.
  const std::string& unavailable() const;

  /// For Tendon's own rooms.
  struct Impl;
  explicit Engine(std::shared_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace tendon
