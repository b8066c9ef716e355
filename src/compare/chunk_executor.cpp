// Commands from chunks: one chunk after the other, or all predictions of a step averaged.
#include <tendon/execution.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>

#include "base/format.h"

namespace tendon {

std::string_view name_of(ExecutionMode mode) {
  switch (mode) {
    case ExecutionMode::kChunks: return "chunks";
    case ExecutionMode::kTemporalEnsembling: return "temporal ensembling";
  }
  return "";
}

struct ChunkExecutor::State {
  using Origin = Trajectory::Origin;
  struct Chunk {
    int64_t step;
    Tensor actions;
  };

  ExecutionMode mode;
  ExecutionOptions options;
  int64_t steps = 0;   ///< K
  int64_t joints = 0;  ///< A
  int64_t last_query = -1;
  /// Ensembling: those that cover the next step, oldest first. Chunks: the one carried out, and the
  /// newest one that may follow it.
  std::deque<Chunk> chunks;
  /// From step 0 on.
  std::vector<float> commands;
  std::vector<Origin> origins;

  int64_t done() const { return static_cast<int64_t>(origins.size()); }
  int64_t period() const { return options.query_every == 0 ? steps : options.query_every; }
  static std::span<const float> row(const Chunk& chunk, int64_t step, int64_t joints) {
    return chunk.actions.data<float>().subspan(static_cast<size_t>((step - chunk.step) * joints),
                                               static_cast<size_t>(joints));
  }
  void skip_to(int64_t step) {
    if (done() >= step) return;
    origins.resize(static_cast<size_t>(step), Origin::kUncovered);
    commands.resize(static_cast<size_t>(step * joints), 0.0f);
  }

  /// Carries out the front chunk up to step `end`.
  void carry_out(int64_t end) {
    const Chunk& chunk = chunks.front();
    skip_to(chunk.step);
    const int64_t last = std::min(end, chunk.step + steps);
    for (int64_t step = done(); step < last; ++step) {
      const auto values = row(chunk, step, joints);
      commands.insert(commands.end(), values.begin(), values.end());
      origins.push_back(step == chunk.step ? Origin::kBorder : Origin::kInside);
    }
  }

  /// Makes the second chunk the one that is carried out.
  void switch_chunk() {
    carry_out(chunks[1].step);
    chunks.pop_front();
  }

  void add_chunk(Chunk chunk) {
    // The chunk ends before this query: the newest one in between takes over first.
    if (chunks.size() == 2 && chunk.step > chunks[0].step + steps) switch_chunk();
    if (chunks.size() == 2) chunks.pop_back();
    chunks.push_back(std::move(chunk));
    if (chunks.size() == 2 && chunks[1].step >= chunks[0].step + period()) switch_chunk();
  }

  /// Averages up to step `end`.
  void average(int64_t end) {
    for (int64_t step = done(); step < end; ++step) {
      while (!chunks.empty() && chunks.front().step + steps <= step) chunks.pop_front();
      if (chunks.empty() || chunks.front().step > step) {
        skip_to(step + 1);
        continue;
      }
      std::vector<double> sum(static_cast<size_t>(joints), 0.0);
      double total = 0;
      for (const Chunk& chunk : chunks) {
        const auto younger = static_cast<double>(chunk.step - chunks.front().step);
        const double weight = std::exp(-options.ensembling_decay * younger);
        const auto values = row(chunk, step, joints);
        for (size_t joint = 0; joint < sum.size(); ++joint) {
          sum[joint] += weight * static_cast<double>(values[joint]);
        }
        total += weight;
      }
      for (const double value : sum) commands.push_back(static_cast<float>(value / total));
      const bool follows = step > 0 && origins.back() != Origin::kUncovered;
      origins.push_back(follows ? Origin::kInside : Origin::kBorder);
    }
  }
};

ChunkExecutor::ChunkExecutor(ExecutionMode mode, const ExecutionOptions& options)
    : state_(std::make_unique<State>()) {
  if (options.query_every < 0 || !std::isfinite(options.ensembling_decay) ||
      !(options.rate > 0 && std::isfinite(options.rate))) {
    fail(ErrorKind::kUsage,
         "execution: .query_every is {}, .ensembling_decay {}, .rate {}; expected at least 0, "
         "a finite number, and a finite number above 0",
         options.query_every, options.ensembling_decay, options.rate);
  }
  state_->mode = mode;
  state_->options = options;
}

ChunkExecutor::~ChunkExecutor() = default;
ChunkExecutor::ChunkExecutor(ChunkExecutor&&) noexcept = default;
ChunkExecutor& ChunkExecutor::operator=(ChunkExecutor&&) noexcept = default;

void ChunkExecutor::add(int64_t step, const Tensor& chunk) {
  const Shape& shape = chunk.shape();
  const bool fits = chunk.dtype() == DataType::kFloat32 && shape.rank() >= 2 &&
                    chunk.size() == shape[shape.rank() - 2] * shape.back() && chunk.size() > 0;
  if (!fits) {
    fail(ErrorKind::kUsage, "execution: a chunk is {}; expected float32 of shape (1, K, A)",
         chunk.type());
  }
  if (state_->steps == 0) {
    state_->steps = shape[shape.rank() - 2];
    state_->joints = shape.back();
    if (state_->options.query_every > state_->steps) {
      fail(ErrorKind::kUsage, "execution: .query_every is {}, but a chunk has {} steps",
           state_->options.query_every, state_->steps);
    }
  }
  if (shape[shape.rank() - 2] != state_->steps || shape.back() != state_->joints ||
      step <= state_->last_query) {
    fail(ErrorKind::kUsage,
         "execution: a chunk {} at step {} after chunks of {} steps and {} joints at step {}; "
         "expected equal shapes at ascending steps",
         shape, step, state_->steps, state_->joints, state_->last_query);
  }
  state_->last_query = step;
  if (state_->mode == ExecutionMode::kChunks) {
    state_->add_chunk({step, chunk});
  } else {
    state_->average(step);
    state_->chunks.push_back({step, chunk});
  }
}

Trajectory ChunkExecutor::finish(int64_t length) {
  State& state = *state_;
  if (length <= state.last_query) {
    fail(ErrorKind::kUsage, "execution: an episode of {} steps has a chunk at step {}", length,
         state.last_query);
  }
  if (state.mode == ExecutionMode::kChunks) {
    if (state.chunks.size() == 2 && state.chunks[0].step + state.steps < length) {
      state.switch_chunk();
    }
    if (!state.chunks.empty()) state.carry_out(length);
  } else {
    state.average(length);
  }
  state.skip_to(length);
  Trajectory result{Tensor::from(Shape{length, state.joints}, state.commands),
                    std::move(state.origins)};
  state.chunks.clear();
  state.commands.clear();
  state.origins.clear();
  state.last_query = -1;
  return result;
}

}  // namespace tendon
