// Samples: rows of a layer's inputs, drawn from frames that the histograms do not see.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/elements.h"
#include "quant/consumers.h"
#include "quant/frame_key.h"

namespace tendon {

/// The rows with the lowest lots among all that were drawn: whichever frames come first or
/// together, the same rows remain, and never more than kRows.
class RowSample {
 public:
  static constexpr size_t kRows = 64;

  struct Row {
    uint64_t lot = 0;
    std::vector<float> elements;
    auto operator<=>(const Row&) const = default;
  };

  const std::vector<Row>& rows() const { return rows_; }
  /// Whether a row with this lot would remain.
  bool wants(uint64_t lot) const { return rows_.size() < kRows || lot < rows_.back().lot; }
  void add(Row row);
  void merge(const RowSample& other);
  bool operator==(const RowSample&) const = default;

 private:
  /// In order.
  std::vector<Row> rows_;
};

/// By consumer.
using RowSamples = std::map<std::string, RowSample, std::less<>>;

/// A dense float32 tensor as a run shows it.
struct ObservedTensor {
  const float* elements = nullptr;
  Shape shape;
  /// Of the channels; images may have it at 1 or at 3.
  int channel_axis = 0;
};

/// Draws rows of `consumer` from a frame.
void draw_rows(const Consumer& consumer, const ObservedTensor& tensor, FrameKey frame,
               RowSample& sample);

}  // namespace tendon
