// Random attributes and inputs for every operator: only Error comes out, and never a defect.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "support/run_op.h"

namespace tendon {
namespace {

constexpr int kRounds = 2000;
constexpr int64_t kMaxElements = 4096;

class Generator {
 public:
  explicit Generator(uint64_t seed) : engine_(seed) {}

  int64_t below(int64_t count) {
    return static_cast<int64_t>(engine_() % static_cast<uint64_t>(count));
  }
  template <class T, size_t kCount>
  T one_of(const T (&choices)[kCount]) {
    return choices[below(kCount)];
  }

  int64_t integer() {
    static constexpr int64_t kExtremes[] = {std::numeric_limits<int64_t>::lowest(),
                                            std::numeric_limits<int64_t>::max(),
                                            int64_t{1} << 62,
                                            int64_t{1} << 32,
                                            -7,
                                            100};
    return below(6) == 0 ? one_of(kExtremes) : below(6) - 2;
  }
  std::vector<int64_t> integers() {
    std::vector<int64_t> result(below(5));
    for (int64_t& value : result) value = integer();
    return result;
  }
  Shape shape() {
    Shape result;
    for (int64_t rank = below(6); rank > 0; --rank) {
      result.push_back(below(40) == 0 ? int64_t{1} << 40 : below(5));
    }
    return result;
  }
  Tensor tensor(const TensorType& type) {
    Tensor whole(DataType::kInt64, type.shape);
    for (int64_t& value : whole.mutable_data<int64_t>()) value = integer();
    return cast(whole, type.dtype);
  }
  TensorType type() {
    static constexpr DataType kTypes[] = {DataType::kFloat32, DataType::kFloat32, DataType::kInt64,
                                          DataType::kInt64,   DataType::kBool,    DataType::kInt8};
    return {one_of(kTypes), shape()};
  }

  void change(Attribute& attribute) {
    if (auto* number = std::get_if<int64_t>(&attribute)) *number = integer();
    if (auto* number = std::get_if<float>(&attribute)) *number = static_cast<float>(integer());
    if (auto* list = std::get_if<std::vector<int64_t>>(&attribute)) *list = integers();
    if (auto* value = std::get_if<Tensor>(&attribute))
      *value = tensor({DataType::kInt8, {below(3)}});
    if (auto* text = std::get_if<std::string>(&attribute)) {
      static constexpr const char* kTexts[] = {"", "SAME_UPPER", "VALID", "edge", "wrap", "tanh"};
      *text = one_of(kTexts);
    }
  }

 private:
  std::mt19937_64 engine_;
};

struct Inputs {
  std::vector<Argument> arguments;
  std::vector<Tensor> tensors;
  bool complete = true;
};

void add_inputs(Generator& generator, Inputs& inputs) {
  const int64_t count = generator.below(6);
  inputs.tensors.resize(static_cast<size_t>(count));
  for (Tensor& tensor : inputs.tensors) {
    Argument& argument = inputs.arguments.emplace_back();
    if (generator.below(12) == 0) continue;
    // Equal neighbours are what most operators want.
    const bool alike = inputs.arguments.size() > 1 && generator.below(2) == 0;
    argument.type = alike ? inputs.arguments[inputs.arguments.size() - 2].type : generator.type();
    argument.present = true;
    const bool small =
        std::ranges::all_of(argument.type.shape, [](int64_t dim) { return dim <= kMaxElements; });
    inputs.complete = inputs.complete && small;
    if (!small) continue;
    tensor = generator.tensor(argument.type);
    argument.value = &tensor;
  }
}

/// True when the reference ran too.
bool try_once(const Op& initial, Generator& generator) {
  OnnxNode node;
  node.type = type_of(initial);
  node.domain = domain_of(initial);
  node.attributes = attributes_of(initial);
  for (auto& [name, attribute] : node.attributes) {
    if (generator.below(3) == 0) generator.change(attribute);
  }
  Inputs inputs;
  add_inputs(generator, inputs);
  const Op op = *op_from_onnx(node);
  const std::vector<TensorType> types = infer(op, inputs.arguments);
  int64_t elements = 0;
  for (const TensorType& type : types) {
    elements = std::max(elements, type.shape.element_count());
  }
  if (!inputs.complete || elements > kMaxElements) return false;
  const std::vector<Tensor> outputs = reference(op, inputs.tensors);
  EXPECT_EQ(outputs.size(), types.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(to_string(outputs[i].type()), to_string(types[i])) << to_string(op);
  }
  return true;
}

template <class... Members>
std::vector<Op> one_of_each(std::variant<Members...>*) {
  return {Op(Members{})...};
}

class Hostile : public ::testing::TestWithParam<std::string> {};

TEST_P(Hostile, ThrowsErrorsOnly) {
  Generator generator(7);
  const auto ops = one_of_each(static_cast<Op*>(nullptr));
  const Op op = *std::ranges::find_if(ops, [](const Op& o) { return type_of(o) == GetParam(); });
  int ran = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(round);
    try {
      ran += try_once(op, generator);
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::kBadInput || error.kind() == ErrorKind::kUnsupported)
          << error.what();
    }
  }
  RecordProperty("rounds_that_ran", ran);
}

std::vector<std::string> all_types() {
  std::vector<std::string> types;
  for (const Op& op : one_of_each(static_cast<Op*>(nullptr))) types.emplace_back(type_of(op));
  return types;
}

INSTANTIATE_TEST_SUITE_P(Ops, Hostile, ::testing::ValuesIn(all_types()),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tendon
