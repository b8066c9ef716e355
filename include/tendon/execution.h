// Chunks of actions as a robot executes them, and how smooth and how alike the motions are.
#pragma once

#include <tendon/compare_actions.h>

#include <array>

namespace tendon {

/// How a robot turns the chunks that a policy gives into commands.
enum class ExecutionMode {
  kChunks,              ///< one chunk is carried out, then the policy is asked again
  kTemporalEnsembling,  ///< the policy is asked at every frame; all predictions of a step count
};
inline constexpr int kExecutionModeCount = 2;
/// "chunks", "temporal ensembling"
std::string_view name_of(ExecutionMode mode);

struct ExecutionOptions {
  /// Steps of a chunk that are carried out before the next one; 0: all. Where the frames do not
  /// have that step, the next one that they have, as long as the chunk lasts.
  int64_t query_every = 0;
  /// A prediction that is i steps younger than the oldest one of the same step has the weight
  /// exp(-decay * i), as in ACT.
  double ensembling_decay = 0.01;
  double rate = 50;  ///< commands a second
};

/// The commands of one episode.
struct Trajectory {
  enum class Origin : uint8_t {
    kUncovered,  ///< no chunk covers the step; the command is zero
    kBorder,     ///< the first step of a chunk, or the first one after a gap
    kInside,
  };
  Tensor commands;  ///< (T, A) float32, normalised
  std::vector<Origin> origins;
};

/// Turns the chunks of one episode after the other into commands.
class ChunkExecutor {
 public:
  /// Throws Error{kUsage} for options out of range.
  explicit ChunkExecutor(ExecutionMode mode, const ExecutionOptions& options = {});
  ~ChunkExecutor();
  ChunkExecutor(ChunkExecutor&&) noexcept;
  ChunkExecutor& operator=(ChunkExecutor&&) noexcept;

  /// What the policy gave at `step`: float32 of shape (1, K, A) or (K, A), normalised. Steps
  /// ascend within an episode; K and A stay the same. Throws Error{kUsage} otherwise.
  void add(int64_t step, const Tensor& chunk);
  /// Ends the episode of `length` steps.
  Trajectory finish(int64_t length);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One measure of executed motion. ErrorFigures::iteration is the episode, ::step its step.
struct MotionFigures {
  std::vector<ErrorFigures> joints;
  std::vector<UnitError> units;
};

/// The motion of one runner in one mode, in the robot's units.
struct ExecutionComparison {
  std::string runner;
  ExecutionMode mode = ExecutionMode::kChunks;
  int64_t episodes = 0;
  int64_t commands = 0;
  int64_t uncovered = 0;  ///< steps for which there was no chunk
  int64_t borders = 0;    ///< where one chunk follows another
  /// Of the commands and of their velocities (units a second) from the reference's.
  MotionFigures deviation, velocity_deviation;
  /// Of the commands from the recorded ones.
  MotionFigures from_recorded;
  /// The motion's own velocity, jerk (units / s³) and change of the command at chunk borders.
  MotionFigures velocity, jerk, jump;
};

/// All runners over one episode.
struct EpisodeTrajectories {
  int64_t episode = 0;
  /// The largest deviation of any runner from the first one, in standard deviations.
  double deviation = 0;
  std::vector<std::array<Trajectory, kExecutionModeCount>> runners;
  Tensor recorded;  ///< (T, A) float32, normalised
};

}  // namespace tendon
