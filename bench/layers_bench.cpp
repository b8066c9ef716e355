// How fast single layers of ACT run on the cpu backend: GFLOP/s of convolutions, products,
// attention.
#include <benchmark/benchmark.h>

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

constexpr int kThreads = 2;

/// Runs the case; `operations` are floating point operations of one run.
void measure(benchmark::State& state, KernelCase test, double operations) {
  test.threads = kThreads;
  const PreparedCase prepared(std::move(test));
  if (prepared.kernel() == nullptr) {
    state.SkipWithError(prepared.declined().c_str());
    return;
  }
  auto memory = prepared.memory();
  // A residual that the kernel would first copy to the output is measured in place.
  const int in_place = prepared.kernel()->in_place_input();
  if (in_place >= 0) memory.inputs[static_cast<size_t>(in_place)] = memory.output_addresses[0];
  std::memset(memory.output_addresses[0], 0, memory.outputs[0].byte_size());
  for (auto _ : state) prepared.run(memory);
  state.SetLabel(prepared.kernel_name() + " " + prepared.kernel()->detail());
  state.counters["GFLOP/s"] =
      benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

struct ConvolutionRow {
  const char* name;
  int64_t in, height, width, out, kernel, stride;
  bool residual;
};
constexpr ConvolutionRow kConvolutions[] = {
    {"stem", 3, 480, 640, 64, 7, 2, false},         {"layer1", 64, 120, 160, 64, 3, 1, true},
    {"layer2.0", 64, 120, 160, 128, 3, 2, false},   {"layer2.down", 64, 120, 160, 128, 1, 2, false},
    {"layer2", 128, 60, 80, 128, 3, 1, true},       {"layer3.0", 128, 60, 80, 256, 3, 2, false},
    {"layer3.down", 128, 60, 80, 256, 1, 2, false}, {"layer3", 256, 30, 40, 256, 3, 1, true},
    {"layer4.0", 256, 30, 40, 512, 3, 2, false},    {"layer4.down", 256, 30, 40, 512, 1, 2, false},
    {"layer4", 512, 15, 20, 512, 3, 1, true},
};

void convolution(benchmark::State& state, const ConvolutionRow& row, int64_t cameras) {
  FusedConv op;
  op.channels_last = true;
  op.activation = Activation::kRelu;
  op.strides = {row.stride, row.stride};
  op.pads.assign(4, row.kernel / 2);
  const int64_t height = (row.height - 1) / row.stride + 1;
  const int64_t width = (row.width - 1) / row.stride + 1;
  KernelCase test{op,
                  {random_tensor({cameras, row.height, row.width, row.in}, 1),
                   random_tensor({row.out, row.in, row.kernel, row.kernel}, 2),
                   random_tensor({row.out}, 3), Tensor()},
                  {1, 2}};
  if (row.residual) test.inputs[3] = random_tensor({cameras, height, width, row.out}, 4);
  const int64_t products = cameras * height * width * row.out * row.in * row.kernel * row.kernel;
  measure(state, std::move(test), 2.0 * static_cast<double>(products));
}

struct ProductRow {
  const char* name;
  int64_t m, n, k;
  Activation activation;
};
constexpr ProductRow kProducts[] = {
    {"qkv", 902, 1536, 512, Activation::kNone},    {"o", 902, 512, 512, Activation::kNone},
    {"ff1", 902, 3200, 512, Activation::kRelu},    {"ff2", 902, 512, 3200, Activation::kNone},
    {"dec_kv", 902, 1024, 512, Activation::kNone}, {"dec_ff1", 100, 3200, 512, Activation::kRelu},
};

void product(benchmark::State& state, const ProductRow& row) {
  measure(state,
          {FusedMatMul{.activation = row.activation},
           {random_tensor({row.m, row.k}, 1), random_tensor({row.k, row.n}, 2),
            random_tensor({row.n}, 3)},
           {1, 2}},
          2.0 * static_cast<double>(row.m * row.n * row.k));
}

struct AttentionRow {
  const char* name;
  int64_t queries, keys, heads, width;
};
constexpr AttentionRow kAttentions[] = {{"encoder_3cam", 902, 902, 8, 64},
                                        {"encoder_1cam", 302, 302, 8, 64},
                                        {"decoder_3cam", 100, 902, 8, 64},
                                        {"small", 302, 302, 8, 16}};

void attention(benchmark::State& state, const AttentionRow& row) {
  const int64_t width = row.heads * row.width;
  measure(state,
          {Attention{.num_heads = row.heads, .scale = 0.125F},
           {random_tensor({1, row.queries, width}, 1), random_tensor({1, row.keys, width}, 2),
            random_tensor({1, row.keys, width}, 3)}},
          4.0 * static_cast<double>(row.queries * row.keys * width));
}

void register_all() {
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  for (const ConvolutionRow& row : kConvolutions) {
    for (const int64_t cameras : {1, 3}) {
      add(fmt::format("conv/{}/{}", row.name, cameras),
          [&row, cameras](benchmark::State& state) { convolution(state, row, cameras); });
    }
  }
  for (const ProductRow& row : kProducts) {
    add(fmt::format("matmul/{}", row.name),
        [&row](benchmark::State& state) { product(state, row); });
  }
  for (const AttentionRow& row : kAttentions) {
    add(fmt::format("attention/{}", row.name),
        [&row](benchmark::State& state) { attention(state, row); });
  }
}

}  // namespace
}  // namespace tendon::testing

int main(int argc, char** argv) {
  tendon::testing::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
