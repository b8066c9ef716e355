// Runners: what turns inputs into outputs, with Polygraphy's life cycle and checks.
#pragma once

#include <tendon/buffer.h>
#include <tendon/engine.h>
#include <tendon/lazy.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// Base of all runners; it owns the checks. A runner belongs to one thread at a time; several
/// runners on one Engine share its weights and may run at once.
class Runner {
 public:
  virtual ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  const std::string& name() const { return name_; }

  /// Loads what the runner runs and takes its memory. Warns when it is active already.
  void activate();
  /// Gives everything back. Warns when it is not active.
  void deactivate();
  bool is_active() const { return active_; }
  /// Whether outputs are recorded ones: inputs are then not checked and need no warm-up.
  virtual bool is_replay() const { return false; }

  /// Deactivates a runner at the end of a block.
  class Scope {
   public:
    explicit Scope(Runner& runner) : runner_(runner) { runner_.activate(); }
    ~Scope() {
      if (runner_.is_active()) runner_.deactivate();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Runner& runner_;
  };
  /// Activates the runner until the returned object dies.
  [[nodiscard]] Scope scope() { return Scope(*this); }

  /// Runs once and returns outputs that stay as they are. Throws Error{kUsage} when the runner is
  /// not active, and for missing, unknown or ill-typed inputs and shapes that do not fit, naming
  /// what was found and what was expected.
  TensorMap infer(const TensorMap& inputs);
  /// The same without a copy: the result is valid until the next call or deactivate(). Allocates
  /// nothing after the first call with a set of shapes, as long as no copy of a result is kept.
  const TensorMap& infer_view(const TensorMap& inputs);

  /// Empty for runners that take any input. Throws Error{kUsage} when the runner is not active.
  const std::vector<TensorInfo>& get_input_metadata() const;
  /// Seconds that the last inference took. Throws Error{kUsage} when there was none.
  double last_inference_time() const;

 protected:
  /// An empty `name` becomes "<prefix>-N<count>-<date>-<time>".
  Runner(std::string_view prefix, std::string name);

  virtual void activate_impl() = 0;
  virtual void deactivate_impl() = 0;
  /// Called once at each activation.
  virtual std::vector<TensorInfo> get_input_metadata_impl() const = 0;
  virtual const TensorMap& infer_impl(const TensorMap& inputs) = 0;

 private:
  void require_active(std::string_view call) const;
  void check_inputs(const TensorMap& inputs) const;

  std::string name_;
  bool active_ = false;
  std::vector<TensorInfo> input_metadata_;
  double last_seconds_ = -1;
};

struct EngineRunnerOptions {
  /// Threads of this runner's kernels; 0: as the engine was built for.
  int threads = 0;
  /// CPUs that infer() runs on, one for each thread, numbered as the system does: "0,2-5", the
  /// caller's first, or "auto" for a physical core each. The calling thread gets its freedom back
  /// at the end of each call. Empty: wherever the system puts them. activate() throws Error{kUsage}
  /// for CPUs that may not be used, and for fewer than there are threads.
  std::string pin = {};
};

/// An inference that EngineRunner::infer_async() started. Belongs to its runner's thread. Until it
/// is finished, by wait(), by the destructor or by the runner's next inference or deactivate(), its
/// buffers must stay where they are, and nobody else may write them.
class [[nodiscard]] Inference {
 public:
  /// One that is finished.
  Inference() = default;
  Inference(Inference&& other) noexcept;
  /// Finishes what it held, as the destructor does.
  Inference& operator=(Inference&& other) noexcept;
  /// Waits; what fails then is logged.
  ~Inference();

  /// Whether wait() would return at once.
  bool done() const;
  /// Returns when all outputs are written. Throws Error{kUnsupported} when the GPU failed. Does
  /// nothing for one that is finished.
  void wait();

 private:
  friend class EngineRunner;
  struct Work;
  Inference(std::weak_ptr<Work> work, uint64_t number);

  std::weak_ptr<Work> work_;
  uint64_t number_ = 0;
};

/// Runs an engine. A loader is called at each activation and its engine dropped at deactivation.
class EngineRunner : public Runner {
 public:
  explicit EngineRunner(Loadable<Engine> engine, std::string name = "",
                        EngineRunnerOptions options = {});
  ~EngineRunner() override;

  /// Throws Error{kUsage} when the runner is not active.
  const Engine& engine() const;
  /// Starts an inference that reads `inputs` and writes `outputs`, one buffer for each input and
  /// output, and returns at once where every layer runs on the GPU; else it runs here and now.
  ///
  /// Ordinary host memory is read before this returns and written when the inference is finished.
  /// GPU memory and pinned memory are read and written in place, in between. Without a stream they
  /// must be ready; with one, everything comes behind what the stream holds, and what is put into
  /// it later comes behind the outputs in GPU and pinned memory.
  ///
  /// A runner has one inference under way: a further one finishes it first. last_inference_time()
  /// does not know of it. Allocates nothing after
  /// the first call with a set of shapes and kinds of memory, however addresses change.
  ///
  /// Throws Error{kUsage} when the runner is not active, and for buffers that are missing, unknown,
  /// of another type or shape, read-only outputs, or in other memory than they say or than the
  /// engine's GPU reaches.
  Inference infer_async(const BufferMap& inputs, const BufferMap& outputs);
  Inference infer_async(const BufferMap& inputs, const BufferMap& outputs, CudaStream stream);
  /// The same for buffers in GPU and pinned memory alone, with nothing to wait for: the stream is
  /// the one order, and buffers must stay until it has come behind the inference. Inferences of one
  /// runner follow each other on the GPU, whatever their streams. Throws as above, and
  /// Error{kUsage} for ordinary host memory and for engines without a GPU.
  void enqueue(const BufferMap& inputs, const BufferMap& outputs, CudaStream stream);
  /// Seconds each layer took in one more run of `inputs`, in the order of engine().layers() (of the
  /// layers for these shapes).
  std::vector<double> profile(const TensorMap& inputs);
  /// The GPU's own seconds for each of `runs` inferences, with or without the copies
  /// of inputs and outputs. Empty for engines that do not run whole on a GPU.
  std::vector<double> device_times(const TensorMap& inputs, size_t runs, bool copies);

 private:
  void activate_impl() override;
  void deactivate_impl() override;
  std::vector<TensorInfo> get_input_metadata_impl() const override;
  const TensorMap& infer_impl(const TensorMap& inputs) override;

  using State = Inference::Work;
  State& active_state(std::string_view call) const;
  Inference start(const BufferMap& inputs, const BufferMap& outputs,
                  std::optional<CudaStream> stream);

  Loadable<Engine> load_;
  EngineRunnerOptions options_;
  std::shared_ptr<State> state_;
};

/// Gives back recorded outputs, one entry a call, whatever the inputs are: PyTorch's outputs, or
/// those of another machine. After the last one infer throws Error{kUsage}; activate() rewinds.
class ReplayRunner : public Runner {
 public:
  explicit ReplayRunner(Loadable<std::vector<TensorMap>> outputs, std::string name = "");
  bool is_replay() const override { return true; }

 private:
  void activate_impl() override;
  void deactivate_impl() override;
  std::vector<TensorInfo> get_input_metadata_impl() const override { return {}; }
  const TensorMap& infer_impl(const TensorMap& inputs) override;

  Loadable<std::vector<TensorMap>> load_;
  std::vector<TensorMap> outputs_;
  size_t next_ = 0;
};

}  // namespace tendon
