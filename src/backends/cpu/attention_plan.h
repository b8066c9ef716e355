// Sizes of one attention: how it is cut into tiles and what each part needs of the workspace.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tendon::cpu {

/// Steps and sizes count float32 elements; each part of the workspace is a multiple of 64 bytes.
struct AttentionPlan {
  /// Query rows of one task at most; a multiple of every target's tile_rows.
  static constexpr int64_t kMaxRows = 48;
  /// Keys whose scores are held at once; a multiple of every target's key_panel. Those of the rows
  /// that one product takes stay in the first-level cache, those of a task in the second.
  static constexpr int64_t kBlockKeys = 256;
  /// From one row of scores to the next; a power of two would put all rows into few sets of a
  /// cache.
  static constexpr int64_t kScoreStep = kBlockKeys + 16;
  static constexpr int64_t kWidestVector = 16;

  int64_t batch = 1;
  int64_t heads = 1;
  int64_t queries = 1;
  int64_t keys = 1;
  int64_t head_width = 1;
  float scale = 1.0f;
  /// The rows of one input or of the result: from one token to the next, from one batch entry to
  /// the next, and the first column.
  struct Rows {
    int64_t step = 1;
    int64_t batch_step = 1;
    int64_t first = 0;
  };
  Rows q, k, v, y;
  /// Parallel parts, each with its own scratch.
  int64_t slots = 1;
  /// Chosen for the vector length in use.
  int64_t key_panel = 1;
  int64_t value_panel = 1;
  int64_t tile_rows = 1;

  static int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

  int64_t query_tiles() const { return (queries + kMaxRows - 1) / kMaxRows; }
  /// Tasks of even size, so that the last is not a sliver.
  int64_t rows_per_tile() const {
    return round_up((queries + query_tiles() - 1) / query_tiles(), tile_rows);
  }
  int64_t start(const Rows& rows, int64_t head) const {
    return head / heads * rows.batch_step + rows.first + head % heads * head_width;
  }

  int64_t padded_width() const { return round_up(head_width, value_panel); }
  int64_t packed_keys() const { return round_up(round_up(keys, key_panel) * head_width, 16); }
  int64_t packed_head() const { return packed_keys() + round_up(keys * padded_width(), 16); }

  int64_t query_scratch() const { return kMaxRows * head_width; }
  int64_t score_scratch() const { return kMaxRows * kScoreStep; }
  int64_t result_scratch() const { return kMaxRows * padded_width(); }
  int64_t sum_scratch() const { return kMaxRows * kWidestVector; }
  int64_t shift_scratch() const { return round_up(kMaxRows, kWidestVector); }
  /// Queries, scores, result, and for each row a vector of sums and a shift.
  int64_t slot_scratch() const {
    return query_scratch() + score_scratch() + result_scratch() + sum_scratch() + shift_scratch();
  }
};

}  // namespace tendon::cpu
