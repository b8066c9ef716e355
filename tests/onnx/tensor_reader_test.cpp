#include "onnx/tensor_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/proto_writer.h"
#include "support/files.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

using testing::as_bytes;
using testing::Failure;
using testing::failure_from;
using ::testing::HasSubstr;

Failure failure_of(const WireWriter& message) {
  return failure_from([&] { tensor_from_proto_bytes(as_bytes(message.bytes())); });
}

WireWriter head(const std::vector<int64_t>& dims, int64_t data_type) {
  WireWriter message;
  message.text(8, "w");
  for (const int64_t dim : dims) message.integer(1, dim);
  message.integer(2, data_type);
  return message;
}

const std::vector<Tensor>& tensors_of_all_types() {
  static const std::vector<Tensor> tensors = {
      Tensor::from<float>({2, 2}, {1.5f, -2.0f, 0.0f, 3e38f}),
      Tensor::from<double>({2}, {1e300, -0.5}),
      Tensor::from<Float16>({2}, {Float16(0.5f), Float16(-2.0f)}),
      Tensor::from<BFloat16>({2}, {BFloat16(0.5f), BFloat16(-2.0f)}),
      Tensor::from<int8_t>({2}, {-128, 127}),
      Tensor::from<uint8_t>({2}, {0, 255}),
      Tensor::from<int16_t>({2}, {-32768, 32767}),
      Tensor::from<int32_t>({2}, {INT32_MIN, INT32_MAX}),
      Tensor::from<int64_t>({2}, {INT64_MIN, INT64_MAX}),
      Tensor::from<bool>({3}, {true, false, true}),
      Tensor::from<float>({0, 3}, {}),
      Tensor::scalar<int64_t>(7),
  };
  return tensors;
}

/// The same elements as typed data.
WireWriter typed_message(const Tensor& tensor, bool packed) {
  WireWriter message = tensor_head_message("w", tensor.type());
  if (tensor.dtype() == DataType::kFloat32) {
    if (packed) {
      message.packed_reals(4, tensor.data<float>());
    } else {
      for (const float value : tensor.data<float>()) message.real(4, value);
    }
    return message;
  }
  if (tensor.dtype() == DataType::kFloat64) {
    message.text(10, {static_cast<const char*>(tensor.raw()), tensor.byte_size()});
    return message;
  }
  std::vector<int64_t> values;
  if (tensor.dtype() == DataType::kFloat16) {
    for (const Float16 value : tensor.data<Float16>()) values.push_back(value.bits);
  } else if (tensor.dtype() == DataType::kBFloat16) {
    for (const BFloat16 value : tensor.data<BFloat16>()) values.push_back(value.bits);
  } else {
    values = to_int64s(tensor);
  }
  const uint32_t field = tensor.dtype() == DataType::kInt64 ? 7 : 5;
  if (packed) {
    message.packed_integers(field, values);
  } else {
    for (const int64_t value : values) message.integer(field, value);
  }
  return message;
}

TEST(TensorReader, ReadsRawAndTypedDataOfEveryType) {
  for (const Tensor& tensor : tensors_of_all_types()) {
    SCOPED_TRACE(to_string(tensor.type()));
    EXPECT_EQ(tensor_from_proto_bytes(as_bytes(tensor_message("w", tensor).bytes())), tensor);
    EXPECT_EQ(tensor_from_proto_bytes(as_bytes(typed_message(tensor, true).bytes())), tensor);
    EXPECT_EQ(tensor_from_proto_bytes(as_bytes(typed_message(tensor, false).bytes())), tensor);
  }
}

TEST(TensorReader, ViewsAlignedRawDataAndCopiesTheRest) {
  alignas(8) static constexpr float kElements[3] = {1, 2, 3};
  const auto owner = std::make_shared<int>();
  const std::span<const std::byte> all = std::as_bytes(std::span(kElements));
  TensorProto proto;
  proto.dims = {2};
  proto.data_type = 1;
  proto.raw_data = all.subspan(4, 8);
  EXPECT_EQ(tensor_from_proto(proto, {owner, nullptr}).raw(), &kElements[1]);
  EXPECT_NE(tensor_from_proto(proto, {}).raw(), &kElements[1]);
  proto.raw_data = all.subspan(2, 8);
  const Tensor copy = tensor_from_proto(proto, {owner, nullptr});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(copy.raw()) % 4, 0u);
}

TEST(TensorReader, RefusesWhatDoesNotFit) {
  const auto with = [](WireWriter message, const std::function<void(WireWriter&)>& add) {
    add(message);
    return message;
  };
  const auto raw = [](size_t size) {
    return [size](WireWriter& m) { m.text(9, std::string(size, '\0')); };
  };
  const int64_t huge = int64_t{1} << 31;
  const struct {
    WireWriter message;
    ErrorKind kind;
    std::string_view text;
  } cases[] = {
      {with(head({3}, 1), raw(8)), ErrorKind::kBadInput,
       "tensor 'w': of type float32(3,) holds 8 bytes, but needs 12"},
      {head({3}, 1), ErrorKind::kBadInput, "holds 0 bytes, but needs 12"},
      {with(head({-1}, 1), raw(4)), ErrorKind::kBadInput, "-1"},
      {with(head({1, 1, 1, 1, 1, 1, 1, 1, 1}, 1), raw(4)), ErrorKind::kBadInput,
       "more than 8 dimensions"},
      {head({huge, huge}, 1), ErrorKind::kBadInput, "2147483648"},
      {head({huge, huge / 2}, 1), ErrorKind::kBadInput, "larger than any memory"},
      {with(head({huge}, 1), [](WireWriter& m) { m.real(4, 1); }), ErrorKind::kBadInput,
       "needs 2147483648 elements"},
      {with(head({2}, 1), [](WireWriter& m) { m.real(4, 1); }), ErrorKind::kBadInput,
       "holds 1 elements, but its shape needs 2"},
      {with(head({1}, 1), [](WireWriter& m) { m.real(4, 1), m.real(4, 1); }), ErrorKind::kBadInput,
       "holds 2 elements, but its shape needs 1"},
      {with(head({1}, 1), [&](WireWriter& m) { m.real(4, 1), raw(4)(m); }), ErrorKind::kBadInput,
       "holds its elements twice"},
      {with(head({1}, 1), [](WireWriter& m) { m.real(4, 1), m.integer(7, 1); }),
       ErrorKind::kBadInput, "holds its elements twice, in fields 4 and 7"},
      {with(head({1}, 1), [&](WireWriter& m) { raw(4)(m), raw(4)(m); }), ErrorKind::kBadInput,
       "raw_data twice"},
      {with(head({1}, 1), [](WireWriter& m) { m.integer(5, 1); }), ErrorKind::kBadInput,
       "holds its elements in field 5, expected field 4"},
      {with(head({1}, 3), [](WireWriter& m) { m.integer(5, 128); }), ErrorKind::kBadInput,
       "element 128 is outside the range of int8"},
      {with(head({1}, 10), [](WireWriter& m) { m.integer(5, 65536); }), ErrorKind::kBadInput,
       "has more than 16 bits"},
      {with(head({1}, 9), [](WireWriter& m) { m.text(9, "\x07"); }), ErrorKind::kBadInput,
       "element 0 of type bool is 7"},
      {with(head({1}, 1), [](WireWriter& m) { m.text(3, ""); }), ErrorKind::kBadInput, "segment"},
      {with(head({1}, 1), [](WireWriter& m) { m.integer(14, 1); }), ErrorKind::kBadInput,
       "load it by its path"},
      {with(head({1}, 8), [](WireWriter& m) { m.text(6, "a"); }), ErrorKind::kUnsupported,
       "string"},
      {with(head({1}, 12), raw(4)), ErrorKind::kUnsupported, "uint32"},
      {with(head({1}, 14), raw(8)), ErrorKind::kUnsupported, "complex64"},
      {with(head({1}, 17), raw(1)), ErrorKind::kUnsupported, "float8e4m3fn"},
      {with(head({1}, 0), raw(4)), ErrorKind::kBadInput, "0"},
      {with(head({1}, 99), raw(4)), ErrorKind::kBadInput, "99"},
  };
  for (const auto& [message, kind, text] : cases) {
    const Failure failure = failure_of(message);
    EXPECT_THAT(failure.message, HasSubstr(text));
    EXPECT_EQ(failure.kind, kind) << failure.message;
  }
}

}  // namespace
}  // namespace tendon
