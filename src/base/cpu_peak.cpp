#include "base/cpu_peak.h"

#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "base/cpu_peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tendon {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Two units of a latency of five steps are busy with this many chains.
inline constexpr int kChains = 12;

/// Operations done; `sink` keeps the compiler from leaving them out.
int64_t float32_loop(int64_t rounds, float* sink) {
  const hn::ScalableTag<float> d;
  // The chains converge, so that no round meets infinities or denormals.
  const auto half = hn::Set(d, 0.5F), one = hn::Set(d, 1.0F);
  hn::Vec<decltype(d)> sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (int i = 0; i < kChains; ++i) sums[i] = hn::MulAdd(sums[i], half, one);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  *sink = hn::GetLane(sums[0]);
  return 2 * rounds * kChains * static_cast<int64_t>(hn::Lanes(d));
}

int64_t int16_loop(int64_t rounds, float* sink) {
  const hn::ScalableTag<int32_t> d;
  const hn::ScalableTag<int16_t> narrow;
  const auto a = hn::Set(narrow, 3), b = hn::Set(narrow, -2);
  hn::Vec<decltype(d)> sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = hn::Set(d, i);
  auto unused = hn::Zero(d);
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (int i = 0; i < kChains; ++i) {
      sums[i] = hn::ReorderWidenMulAccumulate(d, a, b, sums[i], unused);
    }
  }
  for (int i = 1; i < kChains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  *sink = static_cast<float>(hn::GetLane(hn::Add(sums[0], unused)));
  return 2 * rounds * kChains * static_cast<int64_t>(hn::Lanes(narrow));
}

int64_t read_loop(const float* from, int64_t count, float* sink) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> sums[4];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (int64_t i = 0; i + 4 * lanes <= count; i += 4 * lanes) {
    for (int64_t j = 0; j < 4; ++j) sums[j] = hn::Add(sums[j], hn::LoadU(d, from + i + j * lanes));
  }
  *sink = hn::GetLane(hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3])));
  return count * static_cast<int64_t>(sizeof(float));
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_ARCH_X86
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <vector>

#include "base/parallel.h"

namespace tendon {
HWY_EXPORT(float32_loop);
HWY_EXPORT(int16_loop);
HWY_EXPORT(read_loop);
namespace {

using Loop = int64_t (*)(int64_t rounds, float* sink);

#if HWY_ARCH_X86
constexpr int kDotChains = 12;

// Highway has no 8-bit dot product yet, and gcc 12 moves every register twice around the intrinsic,
// which halves the rate.
__attribute__((target("avx512f,avx512vnni"))) int64_t avx512_vnni_loop(int64_t rounds,
                                                                       float* sink) {
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-2);
  __m512i sums[kDotChains];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (int i = 0; i < kDotChains; ++i) {
      __m512i sum = sums[i];
      asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
      sums[i] = sum;
    }
  }
  for (int i = 1; i < kDotChains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  *sink = static_cast<float>(_mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0])));
  return 2 * rounds * kDotChains * 64;
}

__attribute__((target("avx512f,avx512bf16"))) int64_t avx512_bf16_loop(int64_t rounds,
                                                                       float* sink) {
  const __m512 a = _mm512_castsi512_ps(_mm512_set1_epi32(0x3f003f00));  // pairs of 0.5
  __m512 sums[kDotChains];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (int i = 0; i < kDotChains; ++i) {
      __m512 sum = sums[i];
      asm("vdpbf16ps %1, %1, %0" : "+v"(sum) : "v"(a));
      sums[i] = sum;
    }
  }
  for (int i = 1; i < kDotChains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  *sink = _mm512_cvtss_f32(sums[0]);
  return 2 * rounds * kDotChains * 32;
}

__attribute__((target("avx2,avxvnni"))) int64_t avx_vnni_loop(int64_t rounds, float* sink) {
  const __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-2);
  __m256i sums[kDotChains];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (int i = 0; i < kDotChains; ++i) {
      __m256i sum = sums[i];
      asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
      sums[i] = sum;
    }
  }
  for (int i = 1; i < kDotChains; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  *sink = static_cast<float>(_mm_cvtsi128_si32(_mm256_castsi256_si128(sums[0])));
  return 2 * rounds * kDotChains * 32;
}

bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 &&
         (a >> 4 & 1) != 0;
}
#endif

Loop int8_loop() {
#if HWY_ARCH_X86
  if (__builtin_cpu_supports("avx512vnni")) return avx512_vnni_loop;
  if (has_avx_vnni()) return avx_vnni_loop;
#endif
  return HWY_DYNAMIC_DISPATCH(int16_loop);
}

/// The best of several rounds in which each thread calls body(thread), which returns what it did.
template <class Body>
double best_rate(int threads, const Body& body) {
  constexpr int kRounds = 12;
  std::vector<int64_t> done(static_cast<size_t>(threads));
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t thread = begin; thread < end; ++thread) {
        done[static_cast<size_t>(thread)] = body(thread);
      }
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    const auto all = std::accumulate(done.begin(), done.end(), int64_t{0});
    best = std::max(best, static_cast<double>(all) / std::max(taken.count(), 1e-9));
  }
  return best;
}

}  // namespace

SteadyLoop::SteadyLoop(int threads, double seconds) : threads_(threads) {
  constexpr int kRuns = 5;
  const auto least_of_runs = [&] {
    double least = run();
    for (int i = 1; i < kRuns; ++i) least = std::min(least, run());
    return std::max(least, 1e-9);
  };
  // The first length is too short to be timed well.
  for (const double wanted : {std::min(seconds, 1e-3), seconds}) {
    rounds_ = std::max<int64_t>(
        1, static_cast<int64_t>(static_cast<double>(rounds_) * wanted / least_of_runs()));
  }
}

double SteadyLoop::run() {
  const ThreadCountScope scope(threads_);
  const auto start = std::chrono::steady_clock::now();
  const auto loop = HWY_DYNAMIC_DISPATCH(float32_loop);
  parallel_for(thread_count(), 1, [&](int64_t begin, int64_t end) {
    float sink = 0;
    for (int64_t thread = begin; thread < end; ++thread) loop(rounds_, &sink);
    // Volatile, for without a reader the loop could be left out.
    [[maybe_unused]] const volatile float kept = sink;
  });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double measure_bfloat16_gain() {
#if HWY_ARCH_X86
  if (!__builtin_cpu_supports("avx512bf16")) return 0;
  // A fraction of a millisecond a round.
  constexpr int64_t kRounds = 50'000;
  const ThreadCountScope scope(1);
  float sink = 0;
  const auto rate = [&](Loop loop) {
    return best_rate(1, [&](int64_t) { return loop(kRounds, &sink); });
  };
  return rate(avx512_bf16_loop) / rate(HWY_DYNAMIC_DISPATCH(float32_loop));
#else
  return 0;
#endif
}

CpuPeak measure_cpu_peak(int threads) {
  // About 5 ms of arithmetic a round.
  constexpr int64_t kRounds = 1'000'000;
  constexpr int64_t kFloats = int64_t{48} << 20;
  const ThreadCountScope scope(threads);
  const int used = thread_count();
  // A line of the cache each.
  std::vector<float> sinks(static_cast<size_t>(used) * 16);
  const auto sink = [&](int64_t thread) { return sinks.data() + thread * 16; };
  CpuPeak peak;
  peak.float32 = best_rate(used, [&, loop = HWY_DYNAMIC_DISPATCH(float32_loop)](int64_t thread) {
    return loop(kRounds, sink(thread));
  });
  peak.int8 = best_rate(
      used, [&, loop = int8_loop()](int64_t thread) { return loop(kRounds, sink(thread)); });
  const std::vector<float> buffer(static_cast<size_t>(kFloats), 1.0F);
  peak.bytes = best_rate(used, [&, loop = HWY_DYNAMIC_DISPATCH(read_loop)](int64_t thread) {
    const int64_t begin = kFloats * thread / used, end = kFloats * (thread + 1) / used;
    return loop(buffer.data() + begin, end - begin, sink(thread));
  });
  return peak;
}

}  // namespace tendon
#endif
