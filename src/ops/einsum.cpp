#include "ops/einsum.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

constexpr std::string_view kEllipsis = "...";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The term with its ellipsis as `axes` digits that end at '7', so that broadcasting aligns.
std::string written_out(std::string_view term, int axes) {
  std::string result;
  for (size_t i = 0; i < term.size(); ++i) {
    if (is_letter(term[i])) {
      result += term[i];
    } else if (term.substr(i).starts_with(kEllipsis) && term.find('.') == i) {
      for (int k = 0; k < axes; ++k) result += static_cast<char>('8' - axes + k);
      i += kEllipsis.size() - 1;
    } else {
      fail_input("equation holds '{}', expected letters and at most one '...' a term", term);
    }
  }
  return result;
}

int letters_of(std::string_view term) {
  return static_cast<int>(std::ranges::count_if(term, is_letter));
}

/// Letters that occur once, in alphabetical order, behind the ellipsis.
std::string implied_output(const std::vector<std::string>& inputs) {
  std::map<char, int> counts;
  for (const std::string& term : inputs) {
    for (const char c : term) ++counts[c];
  }
  std::string output;
  for (const auto& [c, count] : counts) {
    if (!is_letter(c) || count == 1) output += c;
  }
  return output;
}

using Sizes = std::map<char, int64_t>;

Sizes sizes_of(const Einsum::Terms& terms, std::span<const Shape> shapes) {
  Sizes sizes;
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (int axis = 0; axis < shapes[i].rank(); ++axis) {
      const int64_t size = shapes[i][axis];
      int64_t& known = sizes.emplace(terms.inputs[i][static_cast<size_t>(axis)], 1).first->second;
      if (known != size && known != 1 && size != 1) {
        fail_input("'{}' stands for {} and for {} elements",
                   terms.inputs[i][static_cast<size_t>(axis)], known, size);
      }
      if (known == 1) known = size;
    }
  }
  for (const char c : terms.output) {
    if (!sizes.contains(c)) fail_input("the result's '{}' is in no input", c);
  }
  return sizes;
}

Shape shape_of(std::string_view term, const Sizes& sizes) {
  Shape shape;
  for (const char c : term) shape.push_back(sizes.at(c));
  return shape;
}

std::vector<Shape> shapes_of(std::span<const Tensor> tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  return shapes;
}

/// For each label of `labels` the step in an operand with axes `term`; a letter that occurs twice
/// walks the diagonal.
std::vector<int64_t> steps_of(std::string_view labels, std::string_view term, const Shape& shape) {
  const Strides strides = row_major_strides(shape);
  std::vector<int64_t> steps(labels.size(), 0);
  for (size_t axis = 0; axis < term.size(); ++axis) {
    if (shape[static_cast<int>(axis)] == 1) continue;
    steps[labels.find(term[axis])] += strides[axis];
  }
  return steps;
}

}  // namespace

Einsum::Terms Einsum::terms(std::span<const Shape> shapes) const {
  std::string text = equation;
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  std::vector<std::string> parts(1);
  for (const char c : left) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() != shapes.size()) {
    fail_input("equation '{}' has {} terms for {} inputs", equation, parts.size(), shapes.size());
  }
  Terms terms;
  int widest = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const int hidden = shapes[i].rank() - letters_of(parts[i]);
    const bool has_ellipsis = parts[i].find(kEllipsis) != std::string::npos;
    if (hidden < 0 || (hidden > 0 && !has_ellipsis)) {
      fail_input("term '{}' does not fit an input of shape {}", parts[i], shapes[i]);
    }
    widest = std::max(widest, hidden);
    terms.inputs.push_back(written_out(parts[i], hidden));
  }
  terms.output = arrow == std::string::npos ? implied_output(terms.inputs)
                                            : written_out(text.substr(arrow + 2), widest);
  std::string once = terms.output;
  std::ranges::sort(once);
  if (std::ranges::adjacent_find(once) != once.end()) {
    fail_input("equation '{}' names an axis of the result twice", equation);
  }
  return terms;
}

std::vector<TensorType> Einsum::infer(Arguments arguments) const {
  const DataType dtype = require_numeric(arguments, 0, "Inputs").type.dtype;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < arguments.size(); ++i) {
    shapes.push_back(require_type(arguments, i, "Inputs", dtype).type.shape);
  }
  const Terms parts = terms(shapes);
  return {{dtype, shape_of(parts.output, sizes_of(parts, shapes))}};
}

std::vector<Tensor> Einsum::reference(std::span<const Tensor> inputs) const {
  const std::vector<Shape> shapes = shapes_of(inputs);
  const Terms parts = terms(shapes);
  const Sizes sizes = sizes_of(parts, shapes);
  std::string labels = parts.output;
  for (const auto& [label, size] : sizes) {
    if (labels.find(label) == std::string::npos) labels += label;
  }
  std::vector<int64_t> counts;
  for (const char label : labels) counts.push_back(sizes.at(label));
  const Shape shape = shape_of(parts.output, sizes);
  std::vector<std::vector<int64_t>> steps{steps_of(labels, parts.output, shape)};
  for (size_t i = 0; i < shapes.size(); ++i) {
    steps.push_back(steps_of(labels, parts.inputs[i], shapes[i]));
  }
  const bool empty = std::ranges::count(counts, 0) > 0;
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    std::vector<Widened<Wide>> operands(inputs.begin(), inputs.end());
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      std::vector<int64_t> position(labels.size(), 0);
      std::vector<int64_t> offsets(steps.size(), 0);
      for (bool more = !empty; more;) {
        Wide product = 1;
        for (size_t i = 0; i < operands.size(); ++i) {
          product = wrapping_product(product, operands[i][offsets[i + 1]]);
        }
        y[offsets[0]] = wrapping_sum(y[offsets[0]], product);
        more = false;
        for (size_t label = labels.size(); label-- > 0 && !more;) {
          more = ++position[label] < counts[label];
          const int64_t change = more ? 1 : 1 - counts[label];
          for (size_t i = 0; i < offsets.size(); ++i) offsets[i] += change * steps[i][label];
          if (!more) position[label] = 0;
        }
      }
    });
  })};
}

}  // namespace tendon
