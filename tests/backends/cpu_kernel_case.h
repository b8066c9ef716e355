// Runs one operator on the cpu backend and by its reference.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <sys/mman.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/onednn.h"
#include "support/graphs.h"

namespace tendon::testing {

/// One node. An undefined tensor is an optional input that is left out.
struct KernelCase {
  Op op;
  std::vector<Tensor> inputs;
  /// Inputs whose elements are known when the kernel is made.
  std::vector<size_t> constants = {};
  size_t outputs = 1;
  int threads = 2;
  /// The only kernel to ask, by name; "" for all in their order.
  std::string_view only = "";
  bool winograd = true;
};

/// A case with the kernel that took it, ready to run any number of times.
class PreparedCase {
 public:
  explicit PreparedCase(KernelCase test) : case_(std::move(test)) {
    node_.name = "node";
    node_.op = case_.op;
    for (size_t i = 0; i < case_.inputs.size(); ++i) {
      const Tensor& input = case_.inputs[i];
      const bool known = std::ranges::count(case_.constants, i) > 0;
      node_.inputs.push_back(input.defined() ? static_cast<ValueId>(i) : kNone);
      arguments_.push_back({input.type(), known ? &case_.inputs[i] : nullptr, input.defined()});
    }
    types_ = infer(case_.op, arguments_);
    types_.resize(case_.outputs);
    for (size_t i = 0; i < case_.outputs; ++i)
      node_.outputs.push_back(static_cast<ValueId>(100 + i));
    for (const KernelRow& row : cpu_backend().kernels()) {
      if (!case_.only.empty() && row.name != case_.only) continue;
      Packing packing(nullptr, 0);
      Offer offer = make(row, packing);
      if (auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&offer)) {
        name_ = row.name;
        kernel_ = std::move(*kernel);
        take_packed(row, packing.take());
        return;
      }
      if (const auto& reason = std::get<Declined>(offer).reason; !reason.empty())
        declined_ = reason;
    }
  }

  /// Null when every row declined.
  const Kernel* kernel() const { return kernel_.get(); }
  const std::string& kernel_name() const { return name_; }
  /// The last reason given.
  const std::string& declined() const { return declined_; }
  const std::vector<TensorType>& types() const { return types_; }

  /// Memory for one run: outputs and workspace start as NaN so that nothing can rely on them.
  struct Memory {
    std::vector<Tensor> outputs;
    Tensor workspace;
    std::vector<const void*> inputs;
    std::vector<void*> output_addresses;
  };
  Memory memory() const {
    Memory memory;
    for (const TensorType& type : types_) {
      memory.outputs.emplace_back(type.dtype, type.shape);
      std::memset(memory.outputs.back().mutable_raw(), 0xff, memory.outputs.back().byte_size());
    }
    for (Tensor& output : memory.outputs) memory.output_addresses.push_back(output.mutable_raw());
    const auto bytes = static_cast<int64_t>(kernel_->workspace_bytes());
    memory.workspace = Tensor(DataType::kUInt8, Shape{bytes});
    std::memset(memory.workspace.mutable_raw(), 0xff, static_cast<size_t>(bytes));
    for (size_t i = 0; i < case_.inputs.size(); ++i) {
      const bool read = case_.inputs[i].defined() &&
                        (arguments_[i].value == nullptr || kernel_->reads_constant(i));
      memory.inputs.push_back(read ? case_.inputs[i].raw() : nullptr);
    }
    return memory;
  }
  void run(Memory& memory) const {
    kernel_->run({memory.inputs, memory.output_addresses,
                  static_cast<std::byte*>(memory.workspace.mutable_raw())});
  }
  /// The operator with its input and output types, for messages.
  std::string describe() const {
    std::string text = to_string(case_.op) + " of";
    for (const Argument& argument : arguments_) {
      text += argument.present ? ' ' + to_string(argument.type) : " -";
    }
    for (const TensorType& type : types_) text += " -> " + to_string(type);
    return text;
  }
  std::vector<Tensor> reference() const { return tendon::reference(case_.op, case_.inputs); }

 private:
  Offer make(const KernelRow& row, Packing& packing) const {
    return row.make({node_, arguments_, types_, case_.threads, false, nullptr, case_.winograd,
                     nullptr, &packing});
  }

  /// The kernel once more as an engine file gives it its weights: memory that nobody may write, and
  /// constants that are not read, which are zeros here.
  void take_packed(const KernelRow& row, std::vector<PackedWeight> packed) {
    if (packed.empty()) return;
    std::vector<Tensor> zeros;
    zeros.reserve(packed.size());
    for (PackedWeight& weight : packed) {
      weight.data = read_only(weight);
      const Argument& argument = arguments_[weight.input];
      // Without VNNI kernels look at 8-bit weights before they take them.
      const bool looks = argument.type.dtype == DataType::kInt8 && cpu::exact_weight_limit() < 127;
      if (looks || kernel_->reads_constant(weight.input)) continue;
      zeros.emplace_back(argument.type.dtype, argument.type.shape);
      arguments_[weight.input].value = &zeros.back();
    }
    Packing packing(&packed, 0);
    Offer offer = make(row, packing);
    kernel_ = std::move(std::get<std::unique_ptr<Kernel>>(offer));
    const std::vector<PackedWeight> found = packing.take();
    EXPECT_EQ(found.size(), packed.size());
    for (const PackedWeight& weight : found) EXPECT_TRUE(weight.mapped) << weight.layout;
    for (const PackedWeight& weight : packed) {
      arguments_[weight.input].value = &case_.inputs[weight.input];
    }
  }
  static SharedBytes read_only(const PackedWeight& weight) {
    const size_t size = std::max<size_t>(weight.bytes, 1);
    void* const memory =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    std::memcpy(memory, weight.data.get(), weight.bytes);
    mprotect(memory, size, PROT_READ);
    return {static_cast<const std::byte*>(memory),
            [memory, size](const std::byte*) { munmap(memory, size); }};
  }

  KernelCase case_;
  Node node_;
  std::vector<Argument> arguments_;
  std::vector<TensorType> types_;
  std::string name_;
  std::string declined_;
  std::unique_ptr<Kernel> kernel_;
};

/// Largest error allowed for each kernel, relative to the largest element of the expected result
/// (at least 1). Kernels that only move data have no row: they are exact.
struct KernelTolerance {
  std::string_view kernel;
  double relative;
};
inline constexpr KernelTolerance kKernelTolerances[] = {
    {"onednn:conv", 1e-5},
    {"onednn:matmul", 1e-5},
    {"simd:attention", 3e-6},
    {"simd:bfloat16_attention", 1.2e-2},
    {"simd:via_float32", 1e-5},
    {"simd:layer_norm", 1e-5},
    {"simd:group_norm", 1e-5},
    {"onednn:deconv", 1e-5},
    {"loop:grid_sample", 1e-6},
    {"loop:resize", 1e-6},
    {"simd:softmax", 1e-6},
    {"simd:unary", 5e-7},
    {"simd:binary", 2e-7},
    {"simd:pool", 1e-6},
    {"simd:reduce", 1e-5},
    {"onednn:recurrent", 1e-5},
    {"loop:unary", 2e-7},
    {"loop:binary", 5e-7},
    {"loop:variadic", 5e-7},
    {"loop:scatter", 1e-6},
    {"loop:cum_sum", 2e-7},
    {"loop:reduce", 2e-7},
    {"loop:softmax", 2e-7},
    {"simd:winograd", 2e-5},
    {"simd:image_conv", 1e-5},
    {"onednn:conv_by_image", 1e-5},
    {"onednn:conv_second", 1e-5},

    {"onednn:matmul_as_conv", 1e-5},
    {"onednn:matmul_second", 1e-5},
};
inline double tolerance_of_kernel(std::string_view kernel) {
  for (const KernelTolerance& row : kKernelTolerances) {
    if (row.kernel == kernel) return row.relative;
  }
  return 0;
}

inline ::testing::AssertionResult agrees(std::string_view kernel, const Tensor& found,
                                         const Tensor& expected) {
  double scale = 1;
  for (const double value : to_doubles(expected)) {
    if (std::isfinite(value)) scale = std::max(scale, std::fabs(value));
  }
  const double difference = max_abs_difference(found, expected);
  double tolerance = tolerance_of_kernel(kernel);
  // A sum that lies between two bfloat16 may become either.
  if (found.dtype() == DataType::kBFloat16) tolerance = std::max(tolerance, 1.0 / 128);
  if (difference <= tolerance * scale) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << kernel << " is " << difference << " off, allowed " << tolerance << " of " << scale;
}

/// Runs the case on the cpu backend: `kernel` must take it and agree with the reference, also when
/// it works in place.
inline void expect_matches_reference(std::string_view kernel, const KernelCase& test) {
  const PreparedCase prepared(test);
  SCOPED_TRACE(prepared.describe());
  ASSERT_NE(prepared.kernel(), nullptr) << prepared.declined();
  EXPECT_EQ(prepared.kernel_name(), kernel) << prepared.declined();
  const std::vector<Tensor> expected = prepared.reference();
  auto memory = prepared.memory();
  prepared.run(memory);
  for (size_t i = 0; i < memory.outputs.size(); ++i) {
    EXPECT_TRUE(agrees(prepared.kernel_name(), memory.outputs[i], expected[i])) << "output " << i;
  }
  if (const int input = prepared.kernel()->in_place_input(); input >= 0) {
    auto shared = prepared.memory();
    const Tensor& source = test.inputs[static_cast<size_t>(input)];
    ASSERT_EQ(source.byte_size(), shared.outputs[0].byte_size());
    std::memcpy(shared.output_addresses[0], source.raw(), source.byte_size());
    shared.inputs[static_cast<size_t>(input)] = shared.output_addresses[0];
    prepared.run(shared);
    EXPECT_EQ(shared.outputs[0], memory.outputs[0]) << "in place";
  }
}

/// Seeded choices for random shapes.
class Dice {
 public:
  explicit Dice(uint64_t seed) : generator_(seed) {}
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(generator_() % static_cast<uint64_t>(high - low + 1));
  }
  bool toss() { return between(0, 1) == 1; }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<int64_t>(values.size()) - 1)];
  }
  uint64_t seed() { return generator_(); }
  /// Every axis from 1 to `largest`.
  Shape shape(int64_t rank, int64_t largest) {
    Shape sizes;
    for (int64_t i = 0; i < rank; ++i) sizes.push_back(between(1, largest));
    return sizes;
  }
  Tensor tensor(const Shape& shape) { return random_tensor(shape, seed()); }

 private:
  std::mt19937_64 generator_;
};

/// Calls body(dice) with new seeds for about half a second and at least eight times; a failure
/// prints its seed. TENDON_TEST_SEED replays one.
template <class Body>
void for_random_cases(const Body& body) {
  const char* replay = std::getenv("TENDON_TEST_SEED");
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t i = 0;
       i < 8 || std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500); ++i) {
    const uint64_t seed = replay != nullptr ? std::strtoull(replay, nullptr, 10) : 1000 + i;
    SCOPED_TRACE("TENDON_TEST_SEED=" + std::to_string(seed));
    Dice dice(seed);
    body(dice);
    if (replay != nullptr || ::testing::Test::HasFailure()) return;
  }
}

/// Calls body() with each vector instruction set that this machine has, so that machines with less
/// are covered.
template <class Body>
void for_each_simd_target(const Body& body) {
  const int64_t all = hwy::SupportedTargets();
  for (int64_t rest = all; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace tendon::testing
