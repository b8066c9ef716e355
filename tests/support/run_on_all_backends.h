// One graph on every backend against the operators' references, under one tolerance table.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "ir/graph.h"

namespace tendon::testing {

/// How far a backend may be from the reference: |a - b| <= absolute + relative * |b|.
struct Tolerance {
  std::string_view backend;
  DataType dtype;
  double absolute;
  double relative;
};

/// The row for a backend and element type; integers and bool must be equal.
Tolerance tolerance_of(std::string_view backend, DataType dtype);

/// Builds `graph` for every backend that this machine has (with the reference behind it) and
/// compares one run on random inputs; where operators round to 8-bit codes these may differ by one.
/// A graph of one node runs on every kernel of a GPU that takes it, too. The failure names backend,
/// kernel, output, place and both values.
::testing::AssertionResult runs_alike_on_all_backends(const Graph& graph, uint64_t seed = 1);

/// The same with given inputs.
::testing::AssertionResult runs_alike_on_all_backends(const Graph& graph, const TensorMap& inputs);

/// Whether `found` lies within `tolerance` of `expected`; NaN and infinity must stand at the same
/// places.
::testing::AssertionResult is_within(const Tolerance& tolerance, const Tensor& found,
                                     const Tensor& expected);

}  // namespace tendon::testing
