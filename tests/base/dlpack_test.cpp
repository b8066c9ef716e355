#include <gmock/gmock.h>
#include <tendon/dlpack.h>
#include <tendon/error.h>

#include <array>
#include <functional>
#include <vector>

namespace tendon {
namespace {

using ::testing::HasSubstr;

/// As <dlpack/dlpack.h> 1.0 has them, with its enums.
namespace foreign {
enum DeviceType : int32_t { kCpu = 1, kCuda = 2 };
struct Device {
  DeviceType device_type;
  int32_t device_id;
};
struct DType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct Tensor {
  void* data;
  Device device;
  int32_t ndim;
  DType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct Managed {
  Tensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(struct Managed*);
};
struct Version {
  uint32_t major, minor;
};
struct Versioned {
  Version version;
  void* manager_ctx;
  void (*deleter)(struct Versioned*);
  uint64_t flags;
  Tensor dl_tensor;
};
}  // namespace foreign

struct DlpackCase {
  std::array<float, 24> data{};
  std::array<int64_t, 3> shape{2, 3, 4};
  std::array<int64_t, 3> strides{12, 4, 1};
  dlpack::DLTensor tensor{data.data(),  {dlpack::kDLCPU, 0}, 3, {dlpack::kDLFloat, 32, 1},
                          shape.data(), strides.data(),      0};
};

TEST(Dlpack, ADenseTensorIsItsAddress) {
  DlpackCase c;
  const Buffer buffer = buffer_view_of_dlpack(c.tensor);
  EXPECT_EQ(buffer.type(), (TensorType{DataType::kFloat32, {2, 3, 4}}));
  EXPECT_EQ(buffer.memory(), Memory::kHost);
  EXPECT_EQ(buffer.address(), c.data.data());
  EXPECT_TRUE(buffer.writable());

  c.tensor.strides = nullptr;
  c.tensor.byte_offset = 8;
  EXPECT_EQ(buffer_view_of_dlpack(c.tensor).address(), c.data.data() + 2);
  c.tensor.device = {dlpack::kDLCUDA, 3};
  EXPECT_EQ(buffer_view_of_dlpack(c.tensor).memory(), Memory::kCuda);
  EXPECT_EQ(buffer_view_of_dlpack(c.tensor).gpu(), 3);
  c.tensor.device = {dlpack::kDLCUDAHost, 0};
  EXPECT_EQ(buffer_view_of_dlpack(c.tensor).memory(), Memory::kPinned);
}

TEST(Dlpack, StridesOfAxesWithOneElementDoNotMatter) {
  DlpackCase c;
  c.shape = {1, 3, 1};
  c.strides = {77, 1, 5};
  EXPECT_EQ(buffer_view_of_dlpack(c.tensor).shape(), Shape({1, 3, 1}));
  c.shape = {2, 0, 4};
  c.tensor.data = nullptr;
  EXPECT_EQ(buffer_view_of_dlpack(c.tensor).byte_size(), 0u);
}

TEST(Dlpack, ElementTypesAreTendons) {
  DlpackCase c;
  const auto dtype = [&](uint8_t code, uint8_t bits) {
    c.tensor.dtype = {code, bits, 1};
    return buffer_view_of_dlpack(c.tensor).dtype();
  };
  EXPECT_EQ(dtype(dlpack::kDLUInt, 8), DataType::kUInt8);
  EXPECT_EQ(dtype(dlpack::kDLInt, 64), DataType::kInt64);
  EXPECT_EQ(dtype(dlpack::kDLFloat, 16), DataType::kFloat16);
  EXPECT_EQ(dtype(dlpack::kDLBfloat, 16), DataType::kBFloat16);
  EXPECT_EQ(dtype(dlpack::kDLBool, 8), DataType::kBool);
}

TEST(Dlpack, WhatIsNotTakenIsSaid) {
  struct Row {
    const char* text;
    std::function<void(DlpackCase&)> change;
  };
  const Row rows[] = {
      {"elements of code 2, 32 bits and 4 lane(s)", [](auto& c) { c.tensor.dtype.lanes = 4; }},
      {"elements of code 1, 32 bits", [](auto& c) { c.tensor.dtype.code = dlpack::kDLUInt; }},
      {"has 9 axes, expected 0 to 8", [](auto& c) { c.tensor.ndim = 9; }},
      {"has -1 axes", [](auto& c) { c.tensor.ndim = -1; }},
      {"its shape is null", [](auto& c) { c.tensor.shape = nullptr; }},
      {"axis 1 has size -3", [](auto& c) { c.shape[1] = -3; }},
      {"has stride 3 on axis 2, expected 1",
       [](auto& c) {
         c.strides = {12, 1, 3};
       }},
      {"contiguous()",
       [](auto& c) {
         c.strides = {24, 8, 2};
       }},
      {"device type 10, expected", [](auto& c) { c.tensor.device.device_type = 10; }},
      {"data of a tensor of shape (2, 3, 4) is null", [](auto& c) { c.tensor.data = nullptr; }},
      {"GPU -1",
       [](auto& c) {
         c.tensor.device = {dlpack::kDLCUDA, -1};
       }},
  };
  for (const Row& row : rows) {
    DlpackCase c;
    row.change(c);
    static int deleted;
    deleted = 0;
    dlpack::DLManagedTensor managed{c.tensor, nullptr, [](dlpack::DLManagedTensor*) { ++deleted; }};
    try {
      buffer_from_dlpack(&managed);
      ADD_FAILURE() << row.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr(row.text));
    }
    EXPECT_EQ(deleted, 0) << "it stays the caller's";
  }
}

TEST(Dlpack, ItsOwnHeadersStructuresAreTaken) {
  std::array<float, 6> data{};
  int64_t shape[] = {6};
  static int deleted;
  deleted = 0;
  foreign::Tensor tensor{data.data(), {foreign::kCuda, 1}, 1, {2, 32, 1}, shape, nullptr, 0};
  EXPECT_EQ(buffer_view_of_dlpack(tensor).gpu(), 1);
  foreign::Managed managed{tensor, nullptr, [](foreign::Managed*) { ++deleted; }};
  {
    const Buffer buffer = buffer_from_dlpack(&managed);
    const Buffer copy = buffer;
    EXPECT_EQ(copy.shape(), Shape({6}));
  }
  EXPECT_EQ(deleted, 1) << "once, with the last copy";

  foreign::Versioned versioned{{1, 1}, nullptr, [](foreign::Versioned*) { ++deleted; }, 1, tensor};
  { EXPECT_FALSE(buffer_from_dlpack(&versioned).writable()) << "a flag says read-only"; }
  EXPECT_EQ(deleted, 2);
  versioned.version = {2, 0};
  EXPECT_THAT([&] { buffer_from_dlpack(&versioned); },
              ::testing::ThrowsMessage<Error>(HasSubstr("version 2.0, this build reads 1.x")));
  EXPECT_THAT([] { buffer_from_dlpack(static_cast<foreign::Managed*>(nullptr)); },
              ::testing::ThrowsMessage<Error>(HasSubstr("is null")));
}

TEST(Buffers, NullAndUndefinedAreRefused) {
  EXPECT_THAT([] { Buffer::cuda(DataType::kFloat32, {2}, static_cast<void*>(nullptr)); },
              ::testing::ThrowsMessage<Error>(HasSubstr("GPU memory is null")));
  Tensor tensor;
  EXPECT_THROW(Buffer::of(tensor), Error);
  EXPECT_THROW(Buffer::into(tensor), Error);
}

TEST(Buffers, OfATensorTheyKeepIt) {
  Buffer buffer;
  EXPECT_FALSE(buffer.defined());
  {
    const Tensor tensor = Tensor::from<float>({2}, {1, 2});
    buffer = Buffer::of(tensor);
    EXPECT_EQ(buffer.address(), tensor.raw()) << "not a copy";
  }
  EXPECT_EQ(static_cast<const float*>(buffer.address())[1], 2);
  EXPECT_FALSE(buffer.writable());
  Tensor out(DataType::kFloat32, {2});
  EXPECT_TRUE(Buffer::into(out).writable());
  EXPECT_EQ(Buffer::into(out).address(), out.raw());
}

}  // namespace
}  // namespace tendon
