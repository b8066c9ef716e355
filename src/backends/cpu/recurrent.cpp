// RNN, GRU and LSTM: oneDNN's products, and vector code for the gates between them.
#include <array>
#include <cstring>

#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/unary.h"

namespace tendon::cpu {
namespace {

struct Sizes {
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t width = 0;
  int64_t hidden = 0;
  int64_t gates = 0;
  int64_t directions = 0;

  int64_t rows() const { return gates * hidden; }
  int64_t state() const { return batch * hidden; }
};

/// One of the node's activations.
struct GateFunction {
  UnaryFunction function = nullptr;
  float alpha = 0;
  float beta = 0;
  float clip = 0;

  void plain(float* x, int64_t n) const { function(x, x, n, alpha, beta); }
  void clipped(float* x, int64_t n) const {
    if (clip > 0) {
      for (int64_t i = 0; i < n; ++i) x[i] = x[i] < -clip ? -clip : x[i] > clip ? clip : x[i];
    }
    plain(x, n);
  }
};

/// y = x * weight' + bias, where the kernel's inputs are x, weight and bias.
struct Product {
  std::unique_ptr<Kernel> kernel;
  /// Elements of W or R, and of B, before the part that this product takes.
  int64_t weight_offset = 0;
  int64_t bias_offset = 0;
};

struct Direction {
  bool backward = false;
  std::vector<GateFunction> activations;
  /// All gates of all steps from X.
  Product input;
  /// The gates of one step from H; without the last one of a GRU that resets before its product.
  Product recurrent;
  /// That last one.
  Product reset;
};

/// Where each part of the workspace begins, in floats.
struct Layout {
  int64_t size = 0;
  int64_t add(int64_t floats) {
    const int64_t begin = size;
    size += (floats + 15) / 16 * 16;
    return begin;
  }
};

/// What one step of one sequence works on; all of `hidden` elements but the gates.
struct Step {
  int64_t hidden;
  const std::vector<GateFunction>& activations;
  /// Gate after gate: the sums from X and from H. The first are overwritten.
  float* x;
  float* r;
  float* h;
  float* c;
  const float* peepholes;
};

class RecurrentKernel final : public Kernel {
 public:
  RecurrentKernel(const Recurrent& op, const Sizes& sizes, std::vector<Direction> directions)
      : kind_(op.kind),
        batch_first_(op.layout == 1),
        input_forget_(op.input_forget),
        resets_after_(op.linear_before_reset),
        sizes_(sizes),
        directions_(std::move(directions)) {
    Layout layout;
    from_x_ = layout.add(sizes.steps * sizes.batch * sizes.rows());
    from_h_ = layout.add(sizes.batch * sizes.rows());
    h_ = layout.add(sizes.state());
    c_ = layout.add(sizes.state());
    gated_ = layout.add(sizes.state());
    scratch_ = layout.size;
    size_t most = 0;
    for (const Direction& direction : directions_) {
      for (const Product* product : products(direction)) {
        if (product->kernel) most = std::max(most, product->kernel->workspace_bytes());
      }
    }
    workspace_bytes_ = static_cast<size_t>(layout.size) * sizeof(float) + most;
  }

  void run(const KernelArguments& arguments) const override {
    float* y = output_floats(arguments);
    if (y != nullptr && arguments.inputs.size() > 4 && arguments.inputs[4] != nullptr) {
      std::fill_n(y, sizes_.steps * sizes_.directions * sizes_.state(), 0.0F);
    }
    for (int64_t d = 0; d < sizes_.directions; ++d) run_direction(arguments, d);
  }
  size_t workspace_bytes() const override { return workspace_bytes_; }
  bool reads_constant(size_t input) const override {
    return input > 2 || std::ranges::any_of(directions_, [&](const Direction& direction) {
             return input == 0 ||
                    (input == 1 ? direction.input : direction.recurrent).kernel->reads_constant(1);
           });
  }
  size_t packed_bytes() const override {
    size_t bytes = 0;
    for (const Direction& direction : directions_) {
      for (const Product* product : products(direction)) {
        if (product->kernel) bytes += product->kernel->packed_bytes();
      }
    }
    return bytes;
  }
  std::string detail() const override { return directions_[0].recurrent.kernel->detail(); }

 private:
  static std::array<const Product*, 3> products(const Direction& direction) {
    return {&direction.input, &direction.recurrent, &direction.reset};
  }
  float* workspace(const KernelArguments& arguments, int64_t offset) const {
    return reinterpret_cast<float*>(arguments.workspace) + offset;
  }
  /// Of one direction's state of sequence n, in initial_h, initial_c, Y_h and Y_c.
  int64_t state_offset(int64_t d, int64_t n) const {
    return (batch_first_ ? n * sizes_.directions + d : d * sizes_.batch + n) * sizes_.hidden;
  }
  int64_t length_of(const KernelArguments& arguments, int64_t n) const {
    if (arguments.inputs.size() <= 4 || arguments.inputs[4] == nullptr) return sizes_.steps;
    const auto* lengths = static_cast<const int32_t*>(arguments.inputs[4]);
    return std::clamp<int64_t>(lengths[n], 0, sizes_.steps);
  }

  void multiply(const KernelArguments& arguments, const Product& product, size_t weight,
                const float* x, float* y) const {
    const auto* w = floats(arguments, weight);
    const float* bias = optional_floats(arguments, 3);
    const std::array<const void*, 3> inputs{x, w == nullptr ? nullptr : w + product.weight_offset,
                                            bias == nullptr ? nullptr : bias + product.bias_offset};
    const std::array<void*, 1> outputs{y};
    product.kernel->run(
        {inputs, outputs, reinterpret_cast<std::byte*>(workspace(arguments, scratch_))});
  }

  void load_state(const KernelArguments& arguments, size_t input, int64_t d, float* state) const {
    const float* initial = optional_floats(arguments, input);
    for (int64_t n = 0; n < sizes_.batch; ++n) {
      float* to = state + n * sizes_.hidden;
      if (initial == nullptr) {
        std::fill_n(to, sizes_.hidden, 0.0F);
      } else {
        std::copy_n(initial + state_offset(d, n), sizes_.hidden, to);
      }
    }
  }
  void store_state(const KernelArguments& arguments, size_t output, int64_t d,
                   const float* state) const {
    if (output >= arguments.outputs.size() || arguments.outputs[output] == nullptr) return;
    for (int64_t n = 0; n < sizes_.batch; ++n) {
      std::copy_n(state + n * sizes_.hidden, sizes_.hidden,
                  output_floats(arguments, output) + state_offset(d, n));
    }
  }

  void run_direction(const KernelArguments& arguments, int64_t d) const {
    const Direction& direction = directions_[static_cast<size_t>(d)];
    float* h = workspace(arguments, h_);
    float* c = workspace(arguments, c_);
    float* from_x = workspace(arguments, from_x_);
    float* from_h = workspace(arguments, from_h_);
    load_state(arguments, 5, d, h);
    if (kind_ == RecurrentKind::kLstm) load_state(arguments, 6, d, c);
    multiply(arguments, direction.input, 1, floats(arguments, 0), from_x);
    for (int64_t step = 0; step < sizes_.steps; ++step) {
      multiply(arguments, direction.recurrent, 2, h, from_h);
      if (direction.reset.kernel) reset_gates(arguments, direction, step);
      for_sequences(arguments, direction, step, [&](int64_t n, int64_t t, Step cell) {
        if (kind_ == RecurrentKind::kLstm) {
          const float* peepholes = optional_floats(arguments, 7);
          cell.peepholes = peepholes == nullptr ? nullptr : peepholes + d * 3 * sizes_.hidden;
          step_lstm(cell);
        } else if (kind_ == RecurrentKind::kGru) {
          step_gru(cell);
        } else {
          step_rnn(cell);
        }
        float* y = output_floats(arguments);
        if (y == nullptr) return;
        const int64_t place = batch_first_ ? (n * sizes_.steps + t) * sizes_.directions + d
                                           : (t * sizes_.directions + d) * sizes_.batch + n;
        std::copy_n(cell.h, sizes_.hidden, y + place * sizes_.hidden);
      });
    }
    store_state(arguments, 1, d, h);
    store_state(arguments, 2, d, c);
  }

  /// visit(n, t, cell) for the sequences that have this step, in parallel.
  template <class Visit>
  void for_sequences(const KernelArguments& arguments, const Direction& direction, int64_t step,
                     const Visit& visit) const {
    const int64_t hidden = sizes_.hidden;
    parallel_for(sizes_.batch, rows_per_task(sizes_.rows()), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const int64_t length = length_of(arguments, n);
        if (step >= length) continue;
        const int64_t t = direction.backward ? length - 1 - step : step;
        const int64_t row = batch_first_ ? n * sizes_.steps + t : t * sizes_.batch + n;
        visit(
            n, t,
            Step{hidden, direction.activations, workspace(arguments, from_x_) + row * sizes_.rows(),
                 workspace(arguments, from_h_) + n * sizes_.rows(),
                 workspace(arguments, h_) + n * hidden, workspace(arguments, c_) + n * hidden,
                 nullptr});
      }
    });
  }

  /// The sums of the last gate from the reset state. The product of the first two gates lies dense
  /// at the front of from_h, and is spread into rows of three.
  void reset_gates(const KernelArguments& arguments, const Direction& direction,
                   int64_t step) const {
    const int64_t hidden = sizes_.hidden;
    float* from_h = workspace(arguments, from_h_);
    float* gated = workspace(arguments, gated_);
    for (int64_t n = sizes_.batch; n-- > 1;) {
      std::memmove(from_h + n * 3 * hidden, from_h + n * 2 * hidden,
                   static_cast<size_t>(2 * hidden) * sizeof(float));
    }
    std::fill_n(gated, sizes_.state(), 0.0F);
    for_sequences(arguments, direction, step, [&](int64_t n, int64_t, const Step& cell) {
      float* reset = cell.x + hidden;
      add(reset, cell.r + hidden, hidden);
      cell.activations[0].clipped(reset, hidden);
      for (int64_t i = 0; i < hidden; ++i) gated[n * hidden + i] = reset[i] * cell.h[i];
    });
    // What H gave is no longer needed behind the update gates, which move to X's sums.
    for_sequences(arguments, direction, step,
                  [&](int64_t, int64_t, const Step& cell) { add(cell.x, cell.r, hidden); });
    multiply(arguments, direction.reset, 2, gated, from_h);
    for_sequences(arguments, direction, step, [&](int64_t n, int64_t, const Step& cell) {
      add(cell.x + 2 * hidden, from_h + n * hidden, hidden);
    });
  }

  static void add(float* to, const float* from, int64_t n) {
    for (int64_t i = 0; i < n; ++i) to[i] += from[i];
  }

  static void step_rnn(const Step& s) {
    add(s.x, s.r, s.hidden);
    s.activations[0].clipped(s.x, s.hidden);
    std::copy_n(s.x, s.hidden, s.h);
  }

  /// Behind reset_gates() the sums are complete and the reset gate has been used.
  void step_gru(const Step& s) const {
    const int64_t n = s.hidden;
    float* update = s.x;
    float* fresh = s.x + 2 * n;
    if (resets_after_) {
      float* reset = s.x + n;
      add(s.x, s.r, 2 * n);
      s.activations[0].clipped(reset, n);
      for (int64_t i = 0; i < n; ++i) fresh[i] += reset[i] * s.r[2 * n + i];
    }
    s.activations[0].clipped(update, n);
    s.activations[1].clipped(fresh, n);
    for (int64_t i = 0; i < n; ++i) s.h[i] = (1 - update[i]) * fresh[i] + update[i] * s.h[i];
  }

  void step_lstm(const Step& s) const {
    const int64_t n = s.hidden;
    float* in = s.x;
    float* out = s.x + n;
    float* forget = s.x + 2 * n;
    float* cell = s.x + 3 * n;
    add(s.x, s.r, 4 * n);
    if (s.peepholes != nullptr) {
      for (int64_t i = 0; i < n; ++i) in[i] += s.peepholes[i] * s.c[i];
      for (int64_t i = 0; i < n; ++i) forget[i] += s.peepholes[2 * n + i] * s.c[i];
    }
    s.activations[0].clipped(in, n);
    if (input_forget_) {
      for (int64_t i = 0; i < n; ++i) forget[i] = 1 - in[i];
    } else {
      s.activations[0].clipped(forget, n);
    }
    s.activations[1].clipped(cell, n);
    for (int64_t i = 0; i < n; ++i) s.c[i] = forget[i] * s.c[i] + in[i] * cell[i];
    if (s.peepholes != nullptr) {
      for (int64_t i = 0; i < n; ++i) out[i] += s.peepholes[n + i] * s.c[i];
    }
    s.activations[0].clipped(out, n);
    std::copy_n(s.c, n, s.h);
    s.activations[2].plain(s.h, n);
    for (int64_t i = 0; i < n; ++i) s.h[i] *= out[i];
  }

  RecurrentKind kind_;
  bool batch_first_;
  bool input_forget_;
  /// Of GRU.
  bool resets_after_;
  Sizes sizes_;
  std::vector<Direction> directions_;
  int64_t from_x_ = 0;
  int64_t from_h_ = 0;
  int64_t h_ = 0;
  int64_t c_ = 0;
  int64_t gated_ = 0;
  int64_t scratch_ = 0;
  size_t workspace_bytes_ = 0;
};

/// The part of W or R that one product takes.
struct Part {
  size_t input;
  int64_t direction;
  /// Rows of the weight, and elements of the bias.
  int64_t first_row;
  int64_t rows;
  bool recurrent_bias;
};

/// [rows,k] of x times the part.
std::variant<Product, Declined> make_product(const KernelRequest& request, const Sizes& sizes,
                                             const Part& part, int64_t x_rows) {
  const Argument& weight = request.inputs[part.input];
  const int64_t columns = weight.type.shape[2];
  Product product;
  product.weight_offset = (part.direction * sizes.rows() + part.first_row) * columns;
  product.bias_offset =
      (2 * part.direction + (part.recurrent_bias ? 1 : 0)) * sizes.rows() + part.first_row;
  OnednnProblem problem;
  problem.x = {0, {x_rows, columns}, {columns, 1}};
  problem.weight = {1, {columns, part.rows}, {1, columns}};
  problem.y = {0, {x_rows, part.rows}, {part.rows, 1}};
  if (request.has_input(3)) problem.bias = OnednnOperand{2, {part.rows}, {1}};
  Tensor rows;
  if (weight.value != nullptr) {
    rows = Tensor::view(DataType::kFloat32, Shape{part.rows, columns},
                        weight.value->data<float>().data() + product.weight_offset, nullptr);
    problem.weight_value = &rows;
  }
  problem.threads = request.threads;
  Offer offer = onednn_product(problem, 1.0F);
  if (auto* declined = std::get_if<Declined>(&offer)) return std::move(*declined);
  product.kernel = std::move(std::get<std::unique_ptr<Kernel>>(offer));
  return product;
}

std::optional<Declined> unless_float_state(const KernelRequest& request) {
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    if (!request.has_input(i) || i == 4) continue;
    const TensorType& type = request.inputs[i].type;
    if (type.dtype != DataType::kFloat32) {
      return decline("needs float32, input {} is {}", i, type.dtype);
    }
    if (type.shape.element_count() == 0) return decline("input {} is empty", i);
  }
  return std::nullopt;
}

std::variant<std::vector<GateFunction>, Declined> activations_of(const Recurrent& op, int64_t d) {
  std::vector<GateFunction> result;
  for (const Unary& function : op.functions(d)) {
    const UnaryFunction code = vector_function(function.kind);
    if (code == nullptr) return decline("no vector code for {}", function.onnx_type());
    result.push_back({code, function.alpha, function.beta, op.clip});
  }
  return result;
}

}  // namespace

Offer make_recurrent(const Recurrent& op, const KernelRequest& request) {
  if (auto declined = unless_float_state(request)) return *declined;
  const Shape& x = request.input_shape(0);
  const Sizes sizes{x[op.layout == 0 ? 0 : 1],
                    x[op.layout == 0 ? 1 : 0],
                    x[2],
                    request.input_shape(2)[2],
                    op.gates(),
                    op.directions()};
  // Only a GRU that resets before its product has a product of its own for the last gate.
  const bool apart = op.kind == RecurrentKind::kGru && !op.linear_before_reset;
  const int64_t together = apart ? 2 * sizes.hidden : sizes.rows();
  std::vector<Direction> directions;
  for (int64_t d = 0; d < sizes.directions; ++d) {
    Direction direction;
    direction.backward = op.direction == "reverse" || d == 1;
    auto activations = activations_of(op, d);
    if (auto* declined = std::get_if<Declined>(&activations)) return *declined;
    direction.activations = std::move(std::get<std::vector<GateFunction>>(activations));
    const auto place = [&](Product& product, const Part& part,
                           int64_t x_rows) -> std::optional<Declined> {
      auto made = make_product(request, sizes, part, x_rows);
      if (auto* declined = std::get_if<Declined>(&made)) return *declined;
      product = std::move(std::get<Product>(made));
      return std::nullopt;
    };
    auto declined =
        place(direction.input, {1, d, 0, sizes.rows(), false}, sizes.steps * sizes.batch);
    if (!declined) declined = place(direction.recurrent, {2, d, 0, together, true}, sizes.batch);
    if (!declined && apart) {
      declined = place(direction.reset, {2, d, together, sizes.hidden, true}, sizes.batch);
    }
    if (declined) return *declined;
    directions.push_back(std::move(direction));
  }
  return std::make_unique<RecurrentKernel>(op, sizes, std::move(directions));
}

}  // namespace tendon::cpu
