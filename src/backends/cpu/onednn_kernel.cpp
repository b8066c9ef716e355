#include "backends/cpu/onednn_kernel.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace tendon::cpu {
namespace {

using dnnl::memory;

constexpr size_t kMaxBindings = 8;

size_t bytes_of(const memory& packed) {
  return packed.get(true) == nullptr ? 0 : packed.get_desc().get_size();
}

int64_t elements_of(const OnednnOperand& operand) {
  return std::accumulate(operand.dims.begin(), operand.dims.end(), int64_t{1}, std::multiplies<>());
}

std::string list_of(const dnnl_dim_t* values, int count) {
  return fmt::format("{}", fmt::join(values, values + count, ","));
}

/// Every field that says where an element lies and what is stored with the elements.
std::string layout_of(const memory::desc& desc) {
  const dnnl_memory_desc_t& d = desc.data;
  const dnnl_blocking_desc_t& blocks = d.format_desc.blocking;
  std::string text = fmt::format("type {} [{}] strides [{}]", static_cast<int>(d.data_type),
                                 list_of(d.dims, d.ndims), list_of(blocks.strides, d.ndims));
  if (!std::equal(d.dims, d.dims + d.ndims, d.padded_dims)) {
    text += fmt::format(" padded [{}]", list_of(d.padded_dims, d.ndims));
  }
  if (blocks.inner_nblks > 0) {
    text += fmt::format(" blocks [{}] of axes [{}]", list_of(blocks.inner_blks, blocks.inner_nblks),
                        list_of(blocks.inner_idxs, blocks.inner_nblks));
  }
  if (d.extra.flags != dnnl_memory_extra_flag_none) {
    text += fmt::format(" extra {} {} {} {}", d.extra.flags, d.extra.compensation_mask,
                        d.extra.scale_adjust, d.extra.asymm_compensation_mask);
  }
  return text;
}

}  // namespace

dnnl::engine& onednn_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

std::string onednn_layout(const memory::desc& from, const memory::desc& to) {
  const auto is_plain = [](const memory::desc& desc) {
    const dnnl_memory_desc_t& d = desc.data;
    return d.format_kind == dnnl_blocked && d.offset0 == 0 &&
           std::ranges::count(std::span(d.padded_offsets, static_cast<size_t>(d.ndims)), 0) ==
               d.ndims;
  };
  if (!is_plain(from) || !is_plain(to)) return {};
  return fmt::format("oneDNN {} isa {:x}: {} to {}", onednn_version(),
                     static_cast<unsigned>(dnnl::get_effective_cpu_isa()), layout_of(from),
                     layout_of(to));
}

/// A memory object holds an address, so every concurrent run needs its own set.
struct OnednnKernel::Slots {
  std::vector<dnnl::memory> memories;
  std::array<dnnl_exec_arg_t, kMaxBindings> arguments;
};

OnednnKernel::OnednnKernel(dnnl::primitive primitive, std::vector<OnednnBinding> bindings,
                           OnednnPacked packed, const OnednnProblem& problem,
                           size_t workspace_bytes, std::string detail)
    : primitive_(std::move(primitive)),
      stream_(onednn_engine()),
      bindings_(std::move(bindings)),
      packed_(std::move(packed)),
      residual_(problem.residual),
      output_bytes_(elements_of(problem.y) * static_cast<int64_t>(size_of(problem.y.dtype))),
      workspace_bytes_(workspace_bytes),
      detail_(std::move(detail)) {
  TENDON_ASSERT(bindings_.size() <= kMaxBindings);
  give_back(make_slots());
}

OnednnKernel::~OnednnKernel() = default;

void OnednnKernel::run(const KernelArguments& arguments) const {
  if (residual_) place_residual(arguments.inputs[*residual_], arguments.outputs[0]);
  std::unique_ptr<Slots> slots = take();
  for (size_t i = 0; i < bindings_.size(); ++i) {
    slots->memories[i].set_data_handle(address(bindings_[i], arguments));
  }
  const dnnl_status_t status = dnnl_primitive_execute(
      primitive_.get(), stream_.get(), static_cast<int>(bindings_.size()), slots->arguments.data());
  give_back(std::move(slots));
  if (status != dnnl_success) {
    fail(ErrorKind::kInternal, "oneDNN {} failed with status {}", detail_,
         static_cast<int>(status));
  }
}

bool OnednnKernel::reads_constant(size_t input) const {
  return std::ranges::count(packed_.inputs, input) == 0;
}

size_t OnednnKernel::packed_bytes() const { return packed_.weight_bytes + bytes_of(packed_.bias); }

void OnednnKernel::place_residual(const void* residual, void* y) const {
  if (residual == y) return;
  const auto* from = static_cast<const std::byte*>(residual);
  auto* to = static_cast<std::byte*>(y);
  parallel_for(output_bytes_, kElementsPerTask, [&](int64_t begin, int64_t end) {
    std::copy(from + begin, from + end, to + begin);
  });
}

void* OnednnKernel::address(const OnednnBinding& binding, const KernelArguments& arguments) const {
  switch (binding.source) {
    case OnednnBinding::Source::kInput: return const_cast<void*>(arguments.inputs[binding.input]);
    case OnednnBinding::Source::kOutput: return arguments.outputs[0];
    case OnednnBinding::Source::kWorkspace: return arguments.workspace;
    case OnednnBinding::Source::kPackedWeight: return const_cast<std::byte*>(packed_.weight.get());
    case OnednnBinding::Source::kPackedBias: return packed_.bias.get_data_handle();
  }
  return nullptr;
}

std::unique_ptr<OnednnKernel::Slots> OnednnKernel::make_slots() const {
  auto slots = std::make_unique<Slots>();
  for (const OnednnBinding& binding : bindings_) {
    slots->memories.push_back(memory(binding.desc, onednn_engine(), DNNL_MEMORY_NONE));
    slots->arguments[slots->memories.size() - 1] = {binding.argument, slots->memories.back().get()};
  }
  const std::lock_guard lock(mutex_);
  idle_.reserve(++made_);
  return slots;
}

std::unique_ptr<OnednnKernel::Slots> OnednnKernel::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Slots> slots = std::move(idle_.back());
      idle_.pop_back();
      return slots;
    }
  }
  return make_slots();
}

void OnednnKernel::give_back(std::unique_ptr<Slots> slots) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(slots));
}

}  // namespace tendon::cpu
