#include "engine/time_kernels.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "base/float_mode.h"
#include "base/parallel.h"

namespace tendon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLeastRounds = 4;
constexpr int kMostRounds = 24;
/// Of all kernels' runs of one layer, after the least rounds.
constexpr auto kBudget = std::chrono::milliseconds(150);
/// A kernel this many times slower than the best after so many rounds is out.
constexpr int64_t kHopeless = 2;
constexpr int kTrialRounds = 2;
constexpr size_t kLeastSweep = size_t{4} << 20;
constexpr size_t kMostSweep = size_t{64} << 20;
/// Rounds on a device, which are recorded as one.
constexpr size_t kDeviceRounds = 12;

/// Floats within [-1, 1), any 8-bit codes.
Tensor made_up(const TensorType& type, uint32_t seed) {
  Tensor tensor(type.dtype, type.shape);
  std::minstd_rand random(seed);
  if (type.dtype == DataType::kFloat32) {
    for (float& value : tensor.mutable_data<float>()) {
      value = static_cast<float>(static_cast<double>(random()) / 1073741823.5 - 1.0);
    }
  } else {
    auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
    // No infinity, no NaN.
    const bool half = type.dtype == DataType::kFloat16 || type.dtype == DataType::kBFloat16;
    const uint8_t mask = half ? 0x3b : 0xff;
    for (size_t i = 0; i < tensor.byte_size(); ++i) {
      bytes[i] = static_cast<uint8_t>(random() >> 8) & mask;
    }
  }
  return tensor;
}

/// The threads' own caches, twice: reading it drives out everything else.
size_t sweep_bytes(int threads) {
  const long own = sysconf(_SC_LEVEL2_CACHE_SIZE);
  const size_t all = own > 0 ? 2 * static_cast<size_t>(own) * static_cast<size_t>(threads) : 0;
  return std::clamp(all, kLeastSweep, kMostSweep);
}

size_t most_workspace(std::span<const Kernel* const> kernels) {
  size_t bytes = 0;
  for (const Kernel* kernel : kernels) bytes = std::max(bytes, kernel->workspace_bytes());
  return bytes;
}

/// Whether the planner would let the kernel's output take over an input.
bool works_in_place(const KernelRequest& request, const Kernel& kernel,
                    std::span<const size_t> reusable) {
  const int input = kernel.in_place_input();
  return input >= 0 && std::ranges::count(reusable, static_cast<size_t>(input)) > 0 &&
         byte_size(request.inputs[static_cast<size_t>(input)].type) ==
             byte_size(request.outputs[0]);
}

/// Whether run() gets the address of an input.
bool is_read(const KernelRequest& request, const Kernel& kernel, size_t input) {
  return request.inputs[input].present &&
         (request.inputs[input].value == nullptr || kernel.reads_constant(input));
}

class HostBench {
 public:
  HostBench(const KernelRequest& request, std::span<const Kernel* const> kernels,
            std::span<const size_t> reusable)
      : request_(request),
        reusable_(reusable),
        sweep_(sweep_bytes(request.threads)),
        workspace_(DataType::kUInt8, {static_cast<int64_t>(most_workspace(kernels))}) {
    for (size_t i = 0; i < request.inputs.size(); ++i) {
      const Argument& input = request.inputs[i];
      const bool computed = input.present && input.value == nullptr;
      sources_.push_back(computed ? made_up(input.type, static_cast<uint32_t>(i + 1)) : Tensor());
      inputs_.push_back(computed ? Tensor(input.type.dtype, input.type.shape) : Tensor());
    }
    for (const TensorType& type : request.outputs) outputs_.emplace_back(type.dtype, type.shape);
  }

  int64_t run(const Kernel& kernel) {
    std::vector<const void*> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const void* address = inputs_[i].defined()           ? inputs_[i].raw()
                            : is_read(request_, kernel, i) ? request_.inputs[i].value->raw()
                                                           : nullptr;
      inputs.push_back(address);
    }
    std::vector<void*> outputs;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      outputs.push_back(request_.node.outputs[i] == kNone ? nullptr : outputs_[i].mutable_raw());
    }
    if (works_in_place(request_, kernel, reusable_)) {
      outputs[0] = inputs_[static_cast<size_t>(kernel.in_place_input())].mutable_raw();
    }
    sweep();
    write_inputs();
    const auto start = Clock::now();
    kernel.run({inputs, outputs, static_cast<std::byte*>(workspace_.mutable_raw())});
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
    return std::max<int64_t>(1, took.count());
  }

 private:
  void sweep() {
    parallel_for(static_cast<int64_t>(sweep_.size()), 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += 64) ++sweep_[static_cast<size_t>(i)];
    });
  }
  void write_inputs() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].defined()) continue;
      const auto* from = static_cast<const std::byte*>(sources_[i].raw());
      auto* to = static_cast<std::byte*>(inputs_[i].mutable_raw());
      parallel_for(
          static_cast<int64_t>(inputs_[i].byte_size()), 4096,
          [&](int64_t begin, int64_t end) { std::copy(from + begin, from + end, to + begin); });
    }
  }

  const KernelRequest& request_;
  std::span<const size_t> reusable_;
  std::vector<uint8_t> sweep_;
  std::vector<Tensor> sources_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  Tensor workspace_;
};

std::vector<int64_t> time_on_host(const KernelRequest& request,
                                  std::span<const Kernel* const> kernels,
                                  std::span<const size_t> reusable) {
  const FlushDenormalsScope no_denormals;
  HostBench bench(request, kernels, reusable);
  std::vector<int64_t> best;
  // The first run of each also pages in what it reads and wakes the threads.
  for (const Kernel* kernel : kernels) best.push_back(bench.run(*kernel));
  const auto start = Clock::now();
  for (int round = 0; round < kMostRounds; ++round) {
    if (round >= kLeastRounds && Clock::now() - start > kBudget) break;
    const int64_t limit = kHopeless * *std::ranges::min_element(best);
    for (size_t turn = 0; turn < kernels.size(); ++turn) {
      // Each kernel has another neighbour before it in the next round.
      const size_t i = (turn * (round % 2 == 0 ? 1 : kernels.size() - 1)) % kernels.size();
      if (round >= kTrialRounds && best[i] > limit) continue;
      best[i] = std::min(best[i], bench.run(*kernels[i]));
    }
  }
  return best;
}

std::vector<int64_t> time_on_device(const KernelRequest& request,
                                    std::span<const Kernel* const> kernels,
                                    std::span<const size_t> reusable) {
  Device& device = *request.device;
  const std::unique_ptr<DeviceQueue> queue = device.make_queue();
  std::vector<std::shared_ptr<std::byte>> memory;
  const auto allocate = [&](size_t bytes) {
    memory.push_back(device.allocate(std::max<size_t>(1, bytes)));
    return memory.back().get();
  };
  std::vector<const void*> inputs;
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const Argument& input = request.inputs[i];
    inputs.push_back(nullptr);
    if (!input.present || input.value != nullptr) continue;
    const size_t bytes = byte_size(input.type);
    const auto host = device.allocate_host(bytes);
    std::memcpy(host.get(), made_up(input.type, static_cast<uint32_t>(i + 1)).raw(), bytes);
    std::byte* const address = allocate(bytes);
    inputs.back() = address;
    const void* from[] = {host.get()};
    void* to[] = {address};
    const std::unique_ptr<Kernel> copy = device.make_copy(CopyDirection::kToDevice, bytes);
    copy->run({from, to, nullptr, queue.get()});
    queue->wait();
  }
  std::vector<void*> outputs;
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    outputs.push_back(request.node.outputs[i] == kNone ? nullptr
                                                       : allocate(byte_size(request.outputs[i])));
  }
  std::byte* const workspace = allocate(most_workspace(kernels));
  const auto times = queue->run_timed(kDeviceRounds * kernels.size(), [&](size_t step) {
    const Kernel& kernel = *kernels[step % kernels.size()];
    std::vector<void*> to = outputs;
    if (works_in_place(request, kernel, reusable)) {
      to[0] = const_cast<void*>(inputs[static_cast<size_t>(kernel.in_place_input())]);
    }
    kernel.run({inputs, to, workspace, queue.get()});
  });
  std::vector<int64_t> best(kernels.size(), INT64_MAX);
  for (size_t i = 0; i < times.size(); ++i) {
    int64_t& least = best[i % kernels.size()];
    least = std::min(least, std::max<int64_t>(1, times[i]));
  }
  return best;
}

}  // namespace

bool can_be_timed(const KernelRequest& request) {
  const auto is_data = [](DataType type) {
    return type == DataType::kFloat32 || type == DataType::kFloat16 ||
           type == DataType::kBFloat16 || type == DataType::kInt8 || type == DataType::kUInt8;
  };
  return std::ranges::all_of(request.inputs, [&](const Argument& input) {
    return !input.present || input.value != nullptr || is_data(input.type.dtype);
  });
}

std::vector<int64_t> time_kernels(const KernelRequest& request,
                                  std::span<const Kernel* const> kernels,
                                  std::span<const size_t> reusable) {
  return request.device != nullptr ? time_on_device(request, kernels, reusable)
                                   : time_on_host(request, kernels, reusable);
}

}  // namespace tendon
