// What is generic over the set: reading back what is written, text, and the importer's tables.
#include "ops/op_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/constant.h"
#include "ops/onnx_type.h"
#include "ops/opset_forms.h"

namespace tendon {
namespace {

template <class... Members>
std::vector<Op> one_of_each(std::variant<Members...>*) {
  return {Op(Members{})...};
}

TEST(OpSet, EveryOperatorReadsBackWhatItWrites) {
  for (const Op& op : one_of_each(static_cast<Op*>(nullptr))) {
    OnnxNode node;
    node.type = type_of(op);
    node.domain = domain_of(op);
    node.attributes = attributes_of(op);
    const std::optional<Op> read = op_from_onnx(node);
    ASSERT_TRUE(read.has_value()) << type_of(op);
    EXPECT_EQ(*read, op) << type_of(op);
    EXPECT_EQ(to_string(op), type_of(op));
  }
}

TEST(OpSet, EveryUnaryKindIsFoundByTypeAndAttributes) {
  for (auto kind = int64_t{0}; kind <= static_cast<int64_t>(UnaryKind::kBitwiseNot); ++kind) {
    Unary op = Unary::of(static_cast<UnaryKind>(kind));
    if (op.alpha != 0) op.alpha += 1;
    if (op.beta != 0) op.beta += 2;
    OnnxNode node;
    node.type = type_of(op);
    node.attributes = attributes_of(op);
    EXPECT_EQ(*op_from_onnx(node), Op(op)) << to_string(Op(op));
  }
}

TEST(OpSet, ReadsAttributesByTheirOnnxNames) {
  OnnxNode node;
  node.type = "Conv";
  node.attributes = {{"group", int64_t{2}}, {"pads", std::vector<int64_t>{1, 1}}};
  EXPECT_EQ(to_string(*op_from_onnx(node)), "Conv(group=2, pads=[1, 1])");
  node.type = "Cast";
  node.attributes = {{"to", int64_t{10}}};
  EXPECT_EQ(std::get<Cast>(*op_from_onnx(node)).to, DataType::kFloat16);
  node.type = "NoSuchOperator";
  EXPECT_EQ(op_from_onnx(node), std::nullopt);
  node.type = "Conv";
  node.domain = "com.example";
  EXPECT_EQ(op_from_onnx(node), std::nullopt);
}

struct BadNode {
  std::string type;
  Attributes attributes;
  std::string_view part;
  ErrorKind kind = ErrorKind::kBadInput;
};

TEST(OpSet, RefusesAttributesOfAnotherKind) {
  const BadNode bad[] = {
      {"Concat", {}, "attribute 'axis' is missing"},
      {"Cast", {}, "attribute 'to' is missing"},
      {"Cast", {{"to", int64_t{8}}}, "element type string", ErrorKind::kUnsupported},
      {"Cast", {{"to", int64_t{99}}}, "element type number 99"},
      {"Conv", {{"group", 1.0f}}, "attribute 'group' is of kind float, expected int"},
      {"LeakyRelu", {{"alpha", int64_t{1}}}, "attribute 'alpha' is of kind int, expected float"},
      {"ReduceSum", {{"keepdims", "yes"}}, "attribute 'keepdims' is of kind string"},
  };
  for (const BadNode& row : bad) {
    OnnxNode node;
    node.type = row.type;
    node.attributes = row.attributes;
    try {
      op_from_onnx(node);
      ADD_FAILURE() << row.type;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), row.kind) << error.what();
      EXPECT_THAT(error.what(), ::testing::HasSubstr(std::string(row.part)));
    }
  }
}

TEST(OpSet, SplitCountsOutputsWhereNothingElseSaysIt) {
  OnnxNode node;
  node.type = "Split";
  node.inputs = {"x"};
  node.outputs = {"a", "b"};
  EXPECT_EQ(std::get<Split>(*op_from_onnx(node)).num_outputs, 2);
  node.inputs = {"x", "sizes"};
  EXPECT_EQ(std::get<Split>(*op_from_onnx(node)).num_outputs, 0);
}

TEST(OpsetForms, NameInputsOfOperatorsInTheSet) {
  for (const OpsetForm& form : opset_forms()) {
    OnnxNode node;
    node.type = form.type;
    const std::optional<Op> op = op_from_onnx(node);
    ASSERT_TRUE(op.has_value()) << form.type;
    // The newest form has an input in its place, so no attribute of that name.
    EXPECT_FALSE(attributes_of(*op).contains(form.attribute)) << form.type;
    EXPECT_GT(form.input, 0u);
  }
}

TEST(Constant, HasExactlyOneValue) {
  OnnxNode node;
  const auto value = [&](std::string name, Attribute attribute) {
    node.attributes = {{std::move(name), std::move(attribute)}};
    return tensor_from_constant_attributes(node);
  };
  const Tensor tensor = Tensor::from<int8_t>(Shape{2}, {1, 2});
  EXPECT_EQ(value("value", tensor), tensor);
  EXPECT_EQ(value("value_float", 2.0f), Tensor::scalar(2.0f));
  EXPECT_EQ(value("value_int", int64_t{3}), Tensor::scalar<int64_t>(3));
  EXPECT_EQ(value("value_floats", std::vector<float>{1, 2}), Tensor::from<float>({2}, {1, 2}));
  EXPECT_EQ(value("value_ints", std::vector<int64_t>{}).shape(), (Shape{0}));
  EXPECT_THROW(value("value_string", "text"), Error);
  node.attributes = {{"value_int", int64_t{1}}, {"value_float", 1.0f}};
  EXPECT_THROW(tensor_from_constant_attributes(node), Error);
  node.attributes.clear();
  EXPECT_THROW(tensor_from_constant_attributes(node), Error);
}

TEST(OnnxType, NumbersRoundTrip) {
  for (int i = 0; i < kDataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(data_type_from_onnx(onnx_number_of(type)), type);
  }
}

}  // namespace
}  // namespace tendon
