// The compiled engine: an optimised graph with its kernels chosen and its memory planned.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/kernel.h"
#include "quant/quantization_plan.h"

namespace tendon {

class ExecutionPlan;

/// Shapes that one input may take: min <= opt <= max on every axis. The engine is planned for opt.
struct ShapeRange {
  Shape min, opt, max;
  bool fixed() const { return min == max; }
  bool operator==(const ShapeRange&) const = default;
};
using ShapeProfile = std::map<std::string, ShapeRange>;

/// What tells a build which layers float16 would harm; each part may be missing.
struct HalfEvidence {
  /// Of values by name.
  Ranges ranges = {};
  /// Inputs to measure the layers on, and who computes them then.
  std::vector<TensorMap> frames = {};
  std::vector<Backend*> backends = {};
};

struct BuildConfig {
  /// What the log and the engine file call the machine: "cpu" or "reference".
  std::string device = "cpu";
  /// By input name. Inputs left out have the model's shape; a dimension that stays open becomes 1.
  ShapeProfile profile = {};
  /// Threads that kernels are made for; 0: as many as thread_count() says.
  int threads = 0;
  /// False: the graph runs as it is, without any pass.
  bool optimise = true;
  std::vector<std::string> disabled_passes = {};
  /// Changes the canonical graph before it is fused; only where every input has one shape.
  std::function<void(Graph& graph)> after_canonical = {};
  /// Existing folder for the graph after each pass; empty: none.
  std::string dump_folder = {};
  /// Logs, for every layer, why the kernels before the chosen one declined.
  bool explain = false;
  /// Refuses an engine whose activations need more bytes; 0: no limit.
  size_t memory_limit = 0;
  /// Kept in the engine: where the model came from, statistics, camera order.
  std::map<std::string, std::string> metadata = {};
  /// Rounds the weights that stay float32 to float16, which halves them in the engine file; layers
  /// compute in float32 all the same. Needs `optimise`.
  bool float16_weights = false;
  /// INT8 with these ranges; needs `optimise`.
  std::optional<QuantizationRequest> quantization = {};
  /// Float32 products may round their factors to TF32, where the device can.
  bool tf32 = false;
  /// Float32 convolutions may be computed by Winograd's algorithm.
  bool winograd = true;
  /// The engine file holds weights as this machine's kernels pack them, too.
  bool packed_weights = true;
  /// Floating values are float16 between the graph's inputs and outputs; needs `optimise`.
  bool fp16 = false;
  HalfEvidence half_evidence = {};
  /// The same with bfloat16; not with fp16.
  bool bf16 = false;
  /// Layers that neither of the two changes: names, or patterns with `*`.
  std::vector<std::string> float32_layers = {};
  /// Chooses the fastest of the kernels that accept a layer, timing them here and now; else the
  /// first in the fixed order.
  bool time_kernels = false;
  /// File with times of former builds, read if it exists and written afterwards; empty: none.
  std::string timing_cache = {};
  /// Files with the kernel of every layer, to take as it is (nothing is timed then) and to write;
  /// empty: none.
  std::string load_tactics = {}, save_tactics = {};
};

/// A kernel that was asked and refused.
struct Decline {
  std::string kernel;
  std::string reason;
};

/// A kernel that was timed for a layer, or whose time was known.
struct TimedKernel {
  std::string kernel;  ///< with its backend, "cpu/onednn:conv"
  int64_t nanoseconds = 0;
};

/// Type of the layers that move a value between a device and the host.
inline constexpr std::string_view kCopyLayer = "Copy";

/// One step of the engine's run.
struct LayerRecord {
  std::string name;                         ///< of the node
  std::string type;                         ///< operator, such as "FusedConv"
  std::string backend;                      ///< "cpu"
  std::string kernel;                       ///< "onednn:conv"
  std::string detail;                       ///< such as the library's implementation name
  DataType precision = DataType::kFloat32;  ///< that it computes in
  std::vector<TensorType> outputs;
  int64_t multiply_adds = 0;
  int64_t weight_bytes = 0;  ///< constants that the node reads
  int64_t bytes_moved = 0;   ///< inputs and outputs, each once
  std::vector<Decline> declines;
  /// In the fixed order; empty where only one kernel was to be had, or none was timed.
  std::vector<TimedKernel> candidates = {};
};

/// What one pass did.
struct PassRecord {
  std::string name;
  double seconds = 0;
  int64_t nodes_removed = 0;
  /// Elements of floating constants that nothing reads any more; negative where some were made.
  int64_t parameters_removed = 0;
  std::string note;
};

/// How the engine came to be; travels in the engine file's manifest.
struct BuildInfo {
  std::string tool_version;
  std::string device;
  std::string fingerprint;  ///< CPU features and library versions that the kernel choice rests on
  int threads = 1;
  double build_seconds = 0;
  bool optimised = true;  ///< whether passes ran
  bool float16_weights = false;
  std::vector<std::string> disabled_passes;
  std::vector<PassRecord> passes;
  /// "32.3 M of 66.4 M parameters never reach the output (6 of 7 decoder layers)"; empty where no
  /// passes ran.
  std::string parameter_usage;
  std::map<std::string, std::string> metadata;
  std::optional<QuantizationRecord> quantization = {};
  bool tf32 = false;
  bool fp16 = false;
  /// Layers that float16 would harm, or that neither it nor bfloat16 may change, with the reason,
  /// to be read behind "it".
  std::map<std::string, std::string> float32_layers = {};
  bool bf16 = false;
  bool winograd = false;
  bool packed_weights = false;
};

/// An input or output as callers see it.
struct EnginePort {
  std::string name;
  DataType dtype = DataType::kFloat32;
  ShapeRange range;  ///< of an output: for the inputs' min, opt and max where known, else opt
};

/// What an engine takes of a device's memory, for the opt shapes, and what no plan could do
/// without.
struct DeviceMemory {
  size_t weights = 0;      ///< once
  size_t activations = 0;  ///< for each context: arena and queue
  size_t pinned = 0;       ///< host memory that the device copies from and to, for each context
  size_t needed = 0;       ///< constants of the layers, and most activations alive at once
};

/// Packed weights in the file that an engine was loaded from.
struct FilePacked {
  size_t bytes = 0;
  /// Version of Tendon and fingerprint of the backends that packed them.
  std::string packer;
  /// Those of the plan's kernels that are used in place, and those that were packed here instead.
  size_t mapped = 0, made = 0;
};

/// What a compiled engine consists of.
struct EngineParts {
  BuildInfo info;
  std::vector<EnginePort> inputs;   ///< in the model's order
  std::vector<EnginePort> outputs;  ///< in the model's order
  /// Optimised for the opt shapes. metadata holds the model's own properties.
  Graph graph;
  /// The model before binding where the profile has a range; else empty.
  Graph symbolic;
  std::vector<Backend*> backends;
  /// For the opt shapes. Where `unavailable` is set it has the layers and sizes of the engine file
  /// and no steps.
  std::shared_ptr<const ExecutionPlan> plan;
  /// Why this machine cannot run the engine and what to do; empty where it can.
  std::string unavailable = {};
  FilePacked packed = {};
  /// Checks what of the file was not needed to load it, and throws Error{kBadInput} for damage;
  /// null where there is nothing.
  std::function<void()> check_rest = {};
};

/// Immutable but for the cache of plans; safe to share between threads.
class CompiledEngine {
 public:
  explicit CompiledEngine(EngineParts parts) : parts_(std::move(parts)) {}
  CompiledEngine(const CompiledEngine&) = delete;
  CompiledEngine& operator=(const CompiledEngine&) = delete;

  const std::string& name() const { return parts_.graph.name; }
  const std::vector<EnginePort>& inputs() const { return parts_.inputs; }
  const std::vector<EnginePort>& outputs() const { return parts_.outputs; }
  const BuildInfo& info() const { return parts_.info; }
  const Graph& graph() const { return parts_.graph; }
  const Graph& symbolic() const { return parts_.symbolic; }
  /// Why this machine cannot run the engine and what to do; empty where it can.
  const std::string& unavailable() const { return parts_.unavailable; }
  /// Throws Error{kUnsupported} with the reason.
  void require_available() const;
  const std::vector<Backend*>& backends() const { return parts_.backends; }
  const FilePacked& packed() const { return parts_.packed; }
  /// Throws Error{kBadInput} if what loading did not read of the file is damaged: constants of
  /// graph() whose packed form is used. Whoever reads all constants calls it first.
  void check_constants() const {
    if (parts_.check_rest) parts_.check_rest();
  }
  /// The plan for the opt shapes.
  const std::shared_ptr<const ExecutionPlan>& plan() const { return parts_.plan; }
  /// Layers of the plan for the opt shapes, in the order they run.
  const std::vector<LayerRecord>& layers() const;
  /// The plan for these input shapes, in the order of inputs(); made on first use and kept while it
  /// is among the last few used. Throws Error{kUsage} naming both shapes when one lies outside the
  /// profile.
  std::shared_ptr<const ExecutionPlan> plan_for(std::span<const Shape> shapes) const;

  /// Bytes of all constants in graph().
  size_t weight_bytes() const;
  /// Bytes of intermediate tensors and scratch that one context needs for the opt shapes.
  size_t activation_bytes() const;
  /// Nothing for an engine that works in host memory alone.
  std::optional<DeviceMemory> device_memory() const;

 private:
  struct CachedPlan {
    std::vector<Shape> shapes;
    std::shared_ptr<const ExecutionPlan> plan;
  };
  std::shared_ptr<const ExecutionPlan> specialise(std::span<const Shape> shapes) const;

  EngineParts parts_;
  mutable std::mutex mutex_;
  /// The most recently used one is the last.
  mutable std::vector<CachedPlan> cache_;
};

/// Binds the profile, runs the passes, chooses kernels (docs/backends.md) and plans memory. `graph`
/// is as imported: its inputs may be symbolic. Throws Error{kUsage} for a profile that contradicts
/// the model, Error{kUnsupported} naming the node and each row's reason when no backend takes it.
std::shared_ptr<const CompiledEngine> build_engine(Graph graph, const BuildConfig& config,
                                                   std::span<Backend* const> backends);

}  // namespace tendon
