// The tolerance table and the comparison of backends.
#include "support/run_on_all_backends.h"

#include <tendon/log.h>

#include <algorithm>
#include <cmath>

#include "backends/registry.h"
#include "base/data_type.h"
#include "engine/context.h"
#include "support/graphs.h"

namespace tendon::testing {
namespace {

constexpr Tolerance kTolerances[] = {
    {"reference", DataType::kFloat32, 0, 0},   {"reference", DataType::kFloat16, 0, 0},
    {"reference", DataType::kFloat64, 0, 0},   {"cpu", DataType::kFloat32, 1e-5, 1e-5},
    {"cpu", DataType::kFloat16, 2e-3, 2e-3},   {"cpu", DataType::kBFloat16, 1e-2, 2e-2},
    {"cuda", DataType::kFloat32, 1e-5, 1e-5},  {"cuda", DataType::kFloat16, 2e-3, 2e-3},
    {"cuda", DataType::kBFloat16, 1e-2, 2e-2},
};

bool agrees(double found, double expected, const Tolerance& tolerance) {
  if (std::isnan(found) || std::isnan(expected)) return std::isnan(found) == std::isnan(expected);
  if (std::isinf(found) || std::isinf(expected)) return found == expected;
  return std::fabs(found - expected) <=
         tolerance.absolute + tolerance.relative * std::fabs(expected);
}

/// Whether values are rounded to 8-bit codes, of which a sum may lie at the border of two.
bool rounds_to_codes(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const Node& node) {
    const std::string_view type = type_of(node.op);
    return node.alive &&
           (type.starts_with("Quantize") || type == "ImageConv" || type == "NormalizedMatMul");
  });
}

Tolerance tolerance_for(const Graph& graph, std::string_view backend, DataType dtype) {
  Tolerance tolerance = tolerance_of(backend, dtype);
  const bool codes = dtype == DataType::kInt8 || dtype == DataType::kUInt8;
  if (codes && backend != "reference" && rounds_to_codes(graph)) tolerance.absolute = 1;
  return tolerance;
}

/// A backend with one of its kernels, so that those are tested that others come before.
class OneKernel final : public Backend {
 public:
  OneKernel(Backend& whole, KernelRow row) : whole_(whole), row_(row) {}
  std::string_view name() const override { return whole_.name(); }
  std::span<const KernelRow> kernels() const override { return {&row_, 1}; }
  std::string fingerprint() const override { return whole_.fingerprint(); }
  std::optional<std::string> without_bfloat16() const override { return whole_.without_bfloat16(); }
  Device* device() override { return whole_.device(); }

 private:
  Backend& whole_;
  KernelRow row_;
};

/// `only`: the kernel that must take some layer for the run to be worth it; "" for any.
::testing::AssertionResult runs_alike_on(Backend& backend, std::string_view only,
                                         const Graph& graph, const TensorMap& inputs,
                                         const TensorMap& expected) {
  Backend* const asked[] = {&backend, all_backends().back()};
  const auto engine =
      build_engine(graph, {.device = std::string(backend.name()), .optimise = false}, asked);
  if (!only.empty() && std::ranges::count(engine->layers(), only, &LayerRecord::kernel) == 0) {
    return ::testing::AssertionSuccess();
  }
  ExecutionContext context(engine);
  const TensorMap& found = context.infer(inputs);
  for (const auto& [name, tensor] : expected) {
    const auto result = is_within(tolerance_for(graph, backend.name(), tensor.dtype()),
                                  found.find(name)->second, tensor);
    if (!result) {
      return ::testing::AssertionFailure() << backend.name() << (only.empty() ? "" : "/") << only
                                           << ": output '" << name << "' " << result.message();
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace

Tolerance tolerance_of(std::string_view backend, DataType dtype) {
  for (const Tolerance& row : kTolerances) {
    if (row.backend == backend && row.dtype == dtype) return row;
  }
  return {backend, dtype, 0, 0};
}

::testing::AssertionResult is_within(const Tolerance& tolerance, const Tensor& found,
                                     const Tensor& expected) {
  if (found.type() != expected.type()) {
    return ::testing::AssertionFailure()
           << "is " << to_string(found.type()) << ", expected " << to_string(expected.type());
  }
  const std::vector<double> a = to_doubles(found);
  const std::vector<double> b = to_doubles(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    if (!agrees(a[i], b[i], tolerance)) {
      return ::testing::AssertionFailure()
             << "element " << i << " is " << a[i] << ", expected " << b[i] << " within "
             << tolerance.absolute << " + " << tolerance.relative << " * |expected|";
    }
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult runs_alike_on_all_backends(const Graph& graph, const TensorMap& inputs) {
  const TensorMap expected = run_reference(graph, inputs);
  for (Backend* backend : all_backends()) {
    if (backend->unavailable()) continue;
    if (auto result = runs_alike_on(*backend, "", graph, inputs, expected); !result) return result;
    // A CPU's kernels have tests of their own, on every instruction set.
    if (backend->device() == nullptr || graph.topological_order().size() > 1) continue;
    for (const KernelRow& row : backend->kernels()) {
      OneKernel one(*backend, row);
      auto result = runs_alike_on(one, row.name, graph, inputs, expected);
      if (!result) return result;
    }
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult runs_alike_on_all_backends(const Graph& graph, uint64_t seed) {
  return runs_alike_on_all_backends(graph, random_inputs(graph, seed));
}

}  // namespace tendon::testing
