// RNN, GRU and LSTM: recurrent layers over a sequence.
#pragma once

#include "ops/op.h"
#include "ops/unary.h"

namespace tendon {

enum class RecurrentKind : int64_t { kRnn, kGru, kLstm };

/// Inputs X [steps,batch,in], W [directions,gates*hidden,in], R [directions,gates*hidden,hidden],
/// B?, sequence_lens?, initial_h? and, for LSTM, initial_c?, P?; outputs Y
/// [steps,directions,batch,hidden], Y_h and, for LSTM, Y_c [directions,batch,hidden]. Attributes as
/// ONNX names them; layout 1 puts the batch first.
struct Recurrent {
  RecurrentKind kind = RecurrentKind::kLstm;
  std::vector<float> activation_alpha;
  std::vector<float> activation_beta;
  std::vector<std::string> activations;
  /// 0 for none.
  float clip = 0;
  std::string direction = "forward";
  int64_t hidden_size = 0;
  /// Of LSTM: the forget gate is one minus the input gate.
  bool input_forget = false;
  int64_t layout = 0;
  /// Of GRU: the reset gate is applied behind the product instead of before it.
  bool linear_before_reset = false;
  static constexpr auto kFields = kNoFields;
  bool operator==(const Recurrent&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Recurrent from_onnx(const OnnxNode& node);
  /// Those that the kind has.
  Attributes attributes() const;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  int64_t gates() const;
  int64_t directions() const { return direction == "bidirectional" ? 2 : 1; }
  /// The activations of one direction, in ONNX's order.
  std::vector<Unary> functions(int64_t which) const;
};
static_assert(Operator<Recurrent>);

}  // namespace tendon
