// OnednnKernel: a primitive of oneDNN with what it needs at run time.
#pragma once

#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backends/cpu/onednn.h"

namespace tendon::cpu {

dnnl::engine& onednn_engine();

/// How a tensor lies before and after it is packed, for this CPU and version; empty where oneDNN
/// does not tell.
std::string onednn_layout(const dnnl::memory::desc& from, const dnnl::memory::desc& to);

/// Where an argument of the primitive comes from at run time.
struct OnednnBinding {
  enum class Source { kInput, kOutput, kWorkspace, kPackedWeight, kPackedBias };
  int argument;
  Source source;
  size_t input;
  dnnl::memory::desc desc;
};
/// Constants that the kernel holds in its own form.
struct OnednnPacked {
  SharedBytes weight;
  size_t weight_bytes = 0;
  dnnl::memory bias;
  /// Node inputs that the two stand for, and the scales that went into them.
  std::vector<size_t> inputs;
};

class OnednnKernel final : public Kernel {
 public:
  OnednnKernel(dnnl::primitive primitive, std::vector<OnednnBinding> bindings, OnednnPacked packed,
               const OnednnProblem& problem, size_t workspace_bytes, std::string detail);
  ~OnednnKernel() override;

  void run(const KernelArguments& arguments) const override;
  size_t workspace_bytes() const override { return workspace_bytes_; }
  int in_place_input() const override { return residual_ ? static_cast<int>(*residual_) : -1; }
  bool reads_constant(size_t input) const override;
  size_t packed_bytes() const override;
  std::string detail() const override { return detail_; }

 private:
  struct Slots;

  void place_residual(const void* residual, void* y) const;
  void* address(const OnednnBinding& binding, const KernelArguments& arguments) const;
  std::unique_ptr<Slots> make_slots() const;
  /// Makes a new set only where more runs overlap than ever before.
  std::unique_ptr<Slots> take() const;
  void give_back(std::unique_ptr<Slots> slots) const;

  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<OnednnBinding> bindings_;
  OnednnPacked packed_;
  std::optional<size_t> residual_;
  int64_t output_bytes_;
  size_t workspace_bytes_;
  std::string detail_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Slots>> idle_;
  mutable size_t made_ = 0;
};

}  // namespace tendon::cpu
