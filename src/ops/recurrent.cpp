#include "ops/recurrent.h"

#include <algorithm>

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

struct KindRow {
  RecurrentKind kind;
  std::string_view type;
  int64_t gates;
  /// Activations of one direction by default.
  std::vector<std::string> activations;
};

const KindRow& kind_row(RecurrentKind kind) {
  static const KindRow kKindRows[] = {
      {RecurrentKind::kRnn, "RNN", 1, {"Tanh"}},
      {RecurrentKind::kGru, "GRU", 3, {"Sigmoid", "Tanh"}},
      {RecurrentKind::kLstm, "LSTM", 4, {"Sigmoid", "Tanh", "Tanh"}},
  };
  return kKindRows[static_cast<size_t>(kind)];
}

/// Activations that take alpha and beta from the lists of the node.
constexpr std::string_view kWithAlpha[] = {"LeakyRelu", "ThresholdedRelu", "Elu", "HardSigmoid"};
constexpr std::string_view kPlain[] = {"Relu", "Tanh", "Sigmoid", "Softsign", "Softplus"};

bool is_in(std::span<const std::string_view> list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

struct Sizes {
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t width = 0;
  int64_t hidden = 0;
};

Sizes sizes_of(const Recurrent& op, const Shape& x, const Shape& r) {
  return {x[op.layout == 0 ? 0 : 1], x[op.layout == 0 ? 1 : 0], x[2], r[2]};
}

/// What one step of one sequence in one direction works on.
struct Cell {
  const Recurrent& op;
  const std::vector<Unary>& functions;
  int64_t hidden;
  /// The products of the step's input, gate after gate, with biases.
  std::vector<double> gates;
  const double* r;
  /// Biases of the recurrent product.
  const double* recurrent_bias;
  /// Null but for LSTM with peepholes.
  const double* peepholes;
  std::vector<double> h;
  std::vector<double> c;

  double apply(size_t which, double x) const {
    if (op.clip > 0) x = std::clamp<double>(x, -op.clip, op.clip);
    return functions[which].apply(x);
  }
  /// Row `row` of R times `state`.
  double product(int64_t row, const std::vector<double>& state) const {
    double sum = 0;
    for (int64_t k = 0; k < hidden; ++k) sum += r[row * hidden + k] * state[k];
    return sum;
  }

  void step_rnn();
  void step_gru();
  void step_lstm();
};

void Cell::step_rnn() {
  std::vector<double> next(h.size());
  for (int64_t i = 0; i < hidden; ++i) {
    next[i] = apply(0, gates[i] + product(i, h) + recurrent_bias[i]);
  }
  h = std::move(next);
}

void Cell::step_gru() {
  std::vector<double> update(h.size());
  std::vector<double> reset(h.size());
  std::vector<double> gated(h.size());
  for (int64_t i = 0; i < hidden; ++i) {
    const int64_t second = hidden + i;
    update[i] = apply(0, gates[i] + product(i, h) + recurrent_bias[i]);
    reset[i] = apply(0, gates[second] + product(second, h) + recurrent_bias[second]);
    gated[i] = reset[i] * h[i];
  }
  std::vector<double> next(h.size());
  for (int64_t i = 0; i < hidden; ++i) {
    const int64_t third = 2 * hidden + i;
    const double state = op.linear_before_reset
                             ? reset[i] * (product(third, h) + recurrent_bias[third])
                             : product(third, gated) + recurrent_bias[third];
    next[i] = (1 - update[i]) * apply(1, gates[third] + state) + update[i] * h[i];
  }
  h = std::move(next);
}

void Cell::step_lstm() {
  const auto gate = [&](int64_t which, int64_t i) {
    const int64_t row = which * hidden + i;
    return gates[row] + product(row, h) + recurrent_bias[row];
  };
  const auto peephole = [&](int64_t which, int64_t i) {
    return peepholes == nullptr ? 0.0 : peepholes[which * hidden + i];
  };
  std::vector<double> next(h.size());
  for (int64_t i = 0; i < hidden; ++i) {
    const double in = apply(0, gate(0, i) + peephole(0, i) * c[i]);
    const double forget = op.input_forget ? 1 - in : apply(0, gate(2, i) + peephole(2, i) * c[i]);
    const double cell = forget * c[i] + in * apply(1, gate(3, i));
    const double out = apply(0, gate(1, i) + peephole(1, i) * cell);
    c[i] = cell;
    // The cell itself is not clipped.
    next[i] = out * functions[2].apply(cell);
  }
  h = std::move(next);
}

void require_size(Arguments arguments, size_t index, std::string_view name, const Shape& shape,
                  DataType dtype) {
  if (!has_input(arguments, index)) return;
  require_shape(require_type(arguments, index, name, dtype), name, shape);
}

}  // namespace

std::string_view Recurrent::onnx_type() const { return kind_row(kind).type; }

bool Recurrent::accepts(std::string_view type) {
  return type == "RNN" || type == "GRU" || type == "LSTM";
}

Recurrent Recurrent::from_onnx(const OnnxNode& node) {
  Recurrent op;
  op.kind = node.type == "RNN"   ? RecurrentKind::kRnn
            : node.type == "GRU" ? RecurrentKind::kGru
                                 : RecurrentKind::kLstm;
  op.activation_alpha = node.get("activation_alpha", op.activation_alpha);
  op.activation_beta = node.get("activation_beta", op.activation_beta);
  op.activations = node.get("activations", op.activations);
  op.clip = node.get("clip", op.clip);
  op.direction = node.get("direction", op.direction);
  op.hidden_size = node.get("hidden_size", op.hidden_size);
  op.layout = node.get("layout", op.layout);
  op.input_forget = node.get<int64_t>("input_forget", 0) != 0;
  op.linear_before_reset = node.get<int64_t>("linear_before_reset", 0) != 0;
  return op;
}

Attributes Recurrent::attributes() const {
  Attributes attributes{{"activation_alpha", activation_alpha},
                        {"activation_beta", activation_beta},
                        {"activations", activations},
                        {"clip", clip},
                        {"direction", direction},
                        {"hidden_size", hidden_size},
                        {"layout", layout}};
  if (kind == RecurrentKind::kLstm) attributes.emplace("input_forget", int64_t{input_forget});
  if (kind == RecurrentKind::kGru) {
    attributes.emplace("linear_before_reset", int64_t{linear_before_reset});
  }
  return attributes;
}

int64_t Recurrent::gates() const { return kind_row(kind).gates; }

std::vector<Unary> Recurrent::functions(int64_t which) const {
  const std::vector<std::string>& defaults = kind_row(kind).activations;
  const size_t count = defaults.size();
  const auto wanted = static_cast<size_t>(directions()) * count;
  if (!activations.empty() && activations.size() != wanted) {
    fail_input("attribute 'activations' has {} names, expected {}", activations.size(), wanted);
  }
  std::vector<Unary> result;
  size_t alpha = 0;
  size_t beta = 0;
  for (size_t i = 0; i < wanted; ++i) {
    const std::string& name = activations.empty() ? defaults[i % count] : activations[i];
    if (!is_in(kPlain, name) && !is_in(kWithAlpha, name)) {
      fail(ErrorKind::kUnsupported, "activation '{}' is not supported; those that are: {}, {}",
           name, fmt::join(kPlain, ", "), fmt::join(kWithAlpha, ", "));
    }
    OnnxNode node;
    node.type = name;
    Unary function = Unary::from_onnx(node);
    if (is_in(kWithAlpha, name)) {
      if (alpha < activation_alpha.size()) function.alpha = activation_alpha[alpha++];
      if (name == "HardSigmoid" && beta < activation_beta.size()) {
        function.beta = activation_beta[beta++];
      }
    }
    if (i / count == static_cast<size_t>(which)) result.push_back(function);
  }
  return result;
}

std::vector<TensorType> Recurrent::infer(Arguments arguments) const {
  const Argument& x = require_floating(arguments, 0, "X");
  const DataType dtype = x.type.dtype;
  require_rank(x, "X", 3);
  require_rank(require_type(arguments, 1, "W", dtype), "W", 3);
  require_rank(require_type(arguments, 2, "R", dtype), "R", 3);
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    fail_input("attribute 'direction' is '{}', expected forward, reverse or bidirectional",
               direction);
  }
  if (layout != 0 && layout != 1) fail_input("attribute 'layout' is {}, expected 0 or 1", layout);
  functions(0);
  const Sizes sizes = sizes_of(*this, x.type.shape, arguments[2].type.shape);
  if (hidden_size != 0 && hidden_size != sizes.hidden) {
    fail_input("attribute 'hidden_size' is {}, but R has shape {}", hidden_size,
               arguments[2].type.shape);
  }
  const int64_t count = directions();
  const int64_t rows = checked_product(gates(), sizes.hidden);
  require_size(arguments, 1, "W", Shape{count, rows, sizes.width}, dtype);
  require_size(arguments, 2, "R", Shape{count, rows, sizes.hidden}, dtype);
  require_size(arguments, 3, "B", Shape{count, checked_product(2, rows)}, dtype);
  require_size(arguments, 4, "sequence_lens", Shape{sizes.batch}, DataType::kInt32);
  const Shape state = layout == 0 ? Shape{count, sizes.batch, sizes.hidden}
                                  : Shape{sizes.batch, count, sizes.hidden};
  require_size(arguments, 5, "initial_h", state, dtype);
  if (kind == RecurrentKind::kLstm) {
    require_size(arguments, 6, "initial_c", state, dtype);
    require_size(arguments, 7, "P", Shape{count, 3 * sizes.hidden}, dtype);
  }
  const Shape y = layout == 0 ? Shape{sizes.steps, count, sizes.batch, sizes.hidden}
                              : Shape{sizes.batch, sizes.steps, count, sizes.hidden};
  std::vector<TensorType> types{{dtype, y}, {dtype, state}};
  if (kind == RecurrentKind::kLstm) types.push_back({dtype, state});
  return types;
}

std::vector<Tensor> Recurrent::reference(std::span<const Tensor> inputs) const {
  const Sizes sizes = sizes_of(*this, inputs[0].shape(), inputs[2].shape());
  const int64_t hidden = sizes.hidden;
  const int64_t count = directions();
  const int64_t rows = gates() * hidden;
  const Widened<double> x(inputs[0]);
  const Widened<double> w(inputs[1]);
  const Widened<double> r(inputs[2]);
  const auto optional = [&](size_t index, int64_t size) {
    return has_input(inputs, index) ? to_doubles(inputs[index])
                                    : std::vector<double>(static_cast<size_t>(size), 0.0);
  };
  const std::vector<double> bias = optional(3, count * 2 * rows);
  const std::vector<double> initial_h = optional(5, count * sizes.batch * hidden);
  const bool lstm = kind == RecurrentKind::kLstm;
  const std::vector<double> initial_c =
      lstm ? optional(6, count * sizes.batch * hidden) : std::vector<double>();
  const std::vector<double> peepholes =
      lstm && has_input(inputs, 7) ? to_doubles(inputs[7]) : std::vector<double>();
  const std::vector<int64_t> lengths =
      has_input(inputs, 4) ? to_int64s(inputs[4])
                           : std::vector<int64_t>(static_cast<size_t>(sizes.batch), sizes.steps);
  const Shape y_shape = layout == 0 ? Shape{sizes.steps, count, sizes.batch, hidden}
                                    : Shape{sizes.batch, sizes.steps, count, hidden};
  const Shape state_shape =
      layout == 0 ? Shape{count, sizes.batch, hidden} : Shape{sizes.batch, count, hidden};
  Tensor y(DataType::kFloat64, y_shape);
  Tensor y_h(DataType::kFloat64, state_shape);
  Tensor y_c(DataType::kFloat64, state_shape);
  double* all = y.mutable_data<double>().data();
  double* last_h = y_h.mutable_data<double>().data();
  double* last_c = y_c.mutable_data<double>().data();
  for (int64_t d = 0; d < count; ++d) {
    const std::vector<Unary> activation = functions(d);
    const bool backward = direction == "reverse" || d == 1;
    for (int64_t n = 0; n < sizes.batch; ++n) {
      const int64_t state = (layout == 0 ? d * sizes.batch + n : n * count + d) * hidden;
      Cell cell{*this,
                activation,
                hidden,
                std::vector<double>(static_cast<size_t>(rows)),
                r.data() + d * rows * hidden,
                bias.data() + (d * 2 + 1) * rows,
                peepholes.empty() ? nullptr : peepholes.data() + d * 3 * hidden,
                {initial_h.begin() + state, initial_h.begin() + state + hidden},
                {}};
      if (lstm) cell.c.assign(initial_c.begin() + state, initial_c.begin() + state + hidden);
      const int64_t length = std::clamp<int64_t>(lengths[n], 0, sizes.steps);
      for (int64_t step = 0; step < length; ++step) {
        const int64_t t = backward ? length - 1 - step : step;
        const double* from =
            x.data() + (layout == 0 ? t * sizes.batch + n : n * sizes.steps + t) * sizes.width;
        for (int64_t row = 0; row < rows; ++row) {
          const double* weights = w.data() + (d * rows + row) * sizes.width;
          double sum = bias[d * 2 * rows + row];
          for (int64_t k = 0; k < sizes.width; ++k) sum += weights[k] * from[k];
          cell.gates[row] = sum;
        }
        if (kind == RecurrentKind::kRnn) cell.step_rnn();
        if (kind == RecurrentKind::kGru) cell.step_gru();
        if (kind == RecurrentKind::kLstm) cell.step_lstm();
        const int64_t place =
            layout == 0 ? (t * count + d) * sizes.batch + n : (n * sizes.steps + t) * count + d;
        std::ranges::copy(cell.h, all + place * hidden);
      }
      std::ranges::copy(cell.h, last_h + state);
      std::ranges::copy(cell.c, last_c + state);
    }
  }
  const DataType dtype = inputs[0].dtype();
  if (!lstm) return {cast(y, dtype), cast(y_h, dtype)};
  return {cast(y, dtype), cast(y_h, dtype), cast(y_c, dtype)};
}

}  // namespace tendon
