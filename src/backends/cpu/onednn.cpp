#include "backends/cpu/onednn.h"

#include "backends/cpu/onednn_kernel.h"

namespace tendon::cpu {
namespace {

using dnnl::memory;

memory::data_type onednn_type(DataType type) {
  switch (type) {
    case DataType::kFloat32: return memory::data_type::f32;
    case DataType::kBFloat16: return memory::data_type::bf16;
    case DataType::kInt8: return memory::data_type::s8;
    case DataType::kUInt8: return memory::data_type::u8;
    default: fail(ErrorKind::kInternal, "oneDNN problem with elements of type {}", type);
  }
}

memory::desc describe(const OnednnOperand& operand) {
  return memory::desc(operand.dims, onednn_type(operand.dtype), operand.strides);
}

memory::desc any_layout(const OnednnOperand& operand) {
  return memory::desc(operand.dims, onednn_type(operand.dtype), memory::format_tag::any);
}

dnnl::algorithm onednn_activation(Activation activation) {
  return activation == Activation::kRelu ? dnnl::algorithm::eltwise_relu
                                         : dnnl::algorithm::eltwise_gelu_erf;
}

/// `channel_axis` is y's axis of output channels.
dnnl::primitive_attr attributes_of(const OnednnProblem& problem, int channel_axis) {
  const bool gelu = problem.activation == Activation::kGelu;
  const OnednnScales scales = problem.scales.value_or(OnednnScales{});
  // What keeps its sign under a positive factor can take y's scale early; GELU takes it last.
  const float early = gelu ? 1.0f : 1.0f / scales.y;
  const float late = gelu ? 1.0f / scales.y : 1.0f;
  dnnl::post_ops post_ops;
  // A binary addition of a whole tensor would rule out the fastest convolutions of oneDNN 2.6, and
  // its gemm convolution computes it wrongly for channels last; a sum into y does neither.
  if (problem.residual) {
    post_ops.append_sum(scales.residual * early, onednn_type(problem.residual_dtype));
  }
  for (const OnednnOperand& addend : problem.addends) {
    post_ops.append_binary(dnnl::algorithm::binary_add, describe(addend));
  }
  if (problem.activation != Activation::kNone) {
    post_ops.append_eltwise(late, onednn_activation(problem.activation), 0.0f, 0.0f);
  }
  dnnl::primitive_attr attributes;
  if (problem.scales) {
    const auto channels = scales.channels->data<float>();
    std::vector<float> factors(channels.begin(), channels.end());
    for (float& factor : factors) factor *= early;
    attributes.set_output_scales(1 << channel_axis, factors);
  }
  attributes.set_post_ops(post_ops);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

/// Moves on to the implementation that the problem asks for. A reason where there is none.
template <class Description>
std::optional<Declined> select_implementation(const OnednnProblem& problem,
                                              Description& description) {
  for (int i = 0; i < problem.implementation; ++i) {
    if (!description.next_impl()) {
      return Declined{fmt::format("oneDNN {} has {} implementation(s)", onednn_version(), i + 1)};
    }
  }
  const bool choosy = problem.implementation > 0 || problem.x.dtype == DataType::kBFloat16;
  const std::string_view name = description.impl_info_str();
  if (choosy && name.starts_with("ref")) {
    return Declined{fmt::format("oneDNN {} has only plain loops left", onednn_version())};
  }
  // Weights fit what this CPU's 8-bit products take, which older instruction sets may saturate.
  const bool codes = size_of(problem.x.dtype) == 1 && exact_weight_limit() == 127;
  if (problem.implementation > 0 && codes && name.ends_with("avx2")) {
    return Declined{
        fmt::format("oneDNN {} has only {} left, whose sums saturate", onednn_version(), name)};
  }
  return std::nullopt;
}

constexpr int64_t kCacheLine = 64;

/// The same matrix with an odd number of cache lines from row to row. Where rows of a plain matrix
/// begin a multiple of some KiB apart, as in most networks, the elements of a column crowd into few
/// sets of the first cache, which halves the speed of oneDNN's gemm.
memory::desc spread_rows(const OnednnOperand& matrix) {
  const int64_t row_bytes = matrix.dims[1] * static_cast<int64_t>(size_of(matrix.dtype));
  const int64_t lines = ((row_bytes + kCacheLine - 1) / kCacheLine) | 1;
  OnednnOperand spread = matrix;
  spread.strides = {lines * kCacheLine / static_cast<int64_t>(size_of(matrix.dtype)), 1};
  return describe(spread);
}

dnnl::matmul::desc product_of(const OnednnProblem& problem, const memory::desc& weight,
                              const memory::desc& bias) {
  return dnnl::matmul::desc(describe(problem.x), weight, bias, describe(problem.y));
}

/// `free` lets oneDNN choose the weight's layout. Where it chose the plain one, the same product
/// with its rows spread, if that takes the same kernel.
dnnl::matmul::primitive_desc with_spread_rows(const OnednnProblem& problem,
                                              const memory::desc& bias,
                                              const dnnl::primitive_attr& attributes,
                                              const dnnl::matmul::primitive_desc& free) {
  OnednnOperand plain = problem.weight;
  plain.strides = dense_strides(plain.dims);
  if (plain.dims.size() != 2 || free.weights_desc() != describe(plain)) return free;
  const dnnl::matmul::primitive_desc spread(product_of(problem, spread_rows(plain), bias),
                                            attributes, onednn_engine());
  return std::string_view(spread.impl_info_str()) == free.impl_info_str() ? spread : free;
}

/// The weight's elements, times `factor`, in the layout that the primitive wants.
SharedBytes pack(const OnednnProblem& problem, const memory::desc& layout, float factor) {
  const memory::desc from = describe(problem.weight);
  const auto reorder = [&](std::byte* to) {
    memory plain(from, onednn_engine(), const_cast<void*>(problem.weight_value->raw()));
    memory packed(layout, onednn_engine(), to);
    dnnl::primitive_attr attributes;
    if (factor != 1.0f) attributes.set_output_scales(0, {factor});
    const dnnl::reorder::primitive_desc description(onednn_engine(), from, onednn_engine(), layout,
                                                    attributes);
    dnnl::stream stream(onednn_engine());
    dnnl::reorder(description).execute(stream, plain, packed);
    stream.wait();
  };
  std::string name = onednn_layout(from, layout);
  if (!name.empty()) name += fmt::format(" times {}", factor);
  const size_t bytes = layout.get_size();
  if (problem.packing == nullptr) return Packing().get(0, std::move(name), bytes, reorder);
  return problem.packing->get(problem.weight.input, std::move(name), bytes, reorder);
}

/// oneDNN adds the bias to the sums before it scales them.
memory pack_bias(const OnednnProblem& problem) {
  const memory::desc desc = describe(*problem.bias);
  memory packed(desc, onednn_engine());
  auto* values = static_cast<float*>(packed.get_data_handle());
  const auto bias = problem.bias_value->data<float>();
  const auto scale = problem.scales->channels->data<float>();
  for (size_t i = 0; i < bias.size(); ++i) values[i] = bias[i] / scale[i];
  return packed;
}

template <class Description>
std::unique_ptr<Kernel> make_kernel(const OnednnProblem& problem, const Description& description,
                                    dnnl::primitive primitive, float weight_factor) {
  using Source = OnednnBinding::Source;
  OnednnPacked packed;
  std::vector<OnednnBinding> bindings{
      {DNNL_ARG_SRC, Source::kInput, problem.x.input, description.src_desc()},
      {DNNL_ARG_DST, Source::kOutput, 0, description.dst_desc()}};
  if (problem.weight_value != nullptr) {
    packed.weight = pack(problem, description.weights_desc(), weight_factor);
    packed.weight_bytes = description.weights_desc().get_size();
    packed.inputs.push_back(problem.weight.input);
    bindings.push_back({DNNL_ARG_WEIGHTS, Source::kPackedWeight, 0, description.weights_desc()});
  } else {
    bindings.push_back(
        {DNNL_ARG_WEIGHTS, Source::kInput, problem.weight.input, description.weights_desc()});
  }
  if (problem.scales) packed.inputs.push_back(problem.scales->input);
  if (problem.bias && problem.scales) {
    packed.bias = pack_bias(problem);
    packed.inputs.push_back(problem.bias->input);
    bindings.push_back({DNNL_ARG_BIAS, Source::kPackedBias, 0, describe(*problem.bias)});
  } else if (problem.bias) {
    bindings.push_back(
        {DNNL_ARG_BIAS, Source::kInput, problem.bias->input, describe(*problem.bias)});
  }
  for (size_t i = 0; i < problem.addends.size(); ++i) {
    const int post_op = static_cast<int>(i) + (problem.residual ? 1 : 0);
    bindings.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_op) | DNNL_ARG_SRC_1, Source::kInput,
                        problem.addends[i].input, describe(problem.addends[i])});
  }
  const memory::desc scratchpad = description.scratchpad_desc();
  if (scratchpad.get_size() > 0) {
    bindings.push_back({DNNL_ARG_SCRATCHPAD, Source::kWorkspace, 0, scratchpad});
  }
  return std::make_unique<OnednnKernel>(std::move(primitive), std::move(bindings),
                                        std::move(packed), problem, scratchpad.get_size(),
                                        description.impl_info_str());
}

memory::dims dense_dilations(const std::vector<int64_t>& dilations) {
  memory::dims result;
  for (const int64_t dilation : dilations) result.push_back(dilation - 1);
  return result;
}

/// `Operation` is a convolution's or its transpose's class.
template <class Operation>
Offer windowed(const OnednnProblem& problem, const OnednnWindow& window,
               dnnl::algorithm algorithm) {
  // oneDNN splits the work for the number of threads in force when a primitive is made.
  const ThreadCountScope scope(problem.threads);
  const memory::desc weight =
      problem.weight_value != nullptr ? any_layout(problem.weight) : describe(problem.weight);
  const memory::desc bias = problem.bias ? describe(*problem.bias) : memory::desc();
  try {
    // Lives as long as the description, whose walk over implementations keeps its address.
    const typename Operation::desc operation(dnnl::prop_kind::forward_inference, algorithm,
                                             describe(problem.x), weight, bias, describe(problem.y),
                                             window.strides, dense_dilations(window.dilations),
                                             window.pads_begin, window.pads_end);
    typename Operation::primitive_desc description(operation, attributes_of(problem, 1),
                                                   onednn_engine());
    if (auto declined = select_implementation(problem, description)) return *declined;
    return make_kernel(problem, description, Operation(description), 1.0f);
  } catch (const dnnl::error& error) {
    return decline("oneDNN {}: {}", onednn_version(), error.what());
  }
}

}  // namespace

Offer onednn_convolution(const OnednnProblem& problem, const OnednnWindow& window) {
  return windowed<dnnl::convolution_forward>(problem, window, dnnl::algorithm::convolution_direct);
}

Offer onednn_deconvolution(const OnednnProblem& problem, const OnednnWindow& window) {
  return windowed<dnnl::deconvolution_forward>(problem, window,
                                               dnnl::algorithm::deconvolution_direct);
}

Offer onednn_product(const OnednnProblem& problem, float alpha) {
  // oneDNN splits the work for the number of threads in force when a primitive is made.
  const ThreadCountScope scope(problem.threads);
  const bool packed = problem.weight_value != nullptr;
  if (alpha != 1.0f && !packed && problem.bias) {
    return decline("oneDNN would scale the bias by alpha too");
  }
  try {
    const auto bias_dims = [&](std::vector<int64_t> values) {
      std::vector<int64_t> dims(problem.y.dims.size(), 1);
      dims.back() = values.back();
      return dims;
    };
    OnednnProblem shaped = problem;
    if (shaped.bias) {
      shaped.bias->dims = bias_dims(shaped.bias->dims);
      shaped.bias->strides = dense_strides(shaped.bias->dims);
    }
    const int columns = static_cast<int>(problem.y.dims.size()) - 1;
    dnnl::primitive_attr attributes = attributes_of(shaped, columns);
    if (alpha != 1.0f && !packed) attributes.set_output_scales(0, {alpha});
    const memory::desc bias = shaped.bias ? describe(*shaped.bias) : memory::desc();
    // Lives as long as the description, whose walk over implementations keeps its address.
    const dnnl::matmul::desc operation =
        product_of(shaped, packed ? any_layout(shaped.weight) : describe(shaped.weight), bias);
    dnnl::matmul::primitive_desc description(operation, attributes, onednn_engine());
    if (packed && problem.implementation == 0) {
      description = with_spread_rows(shaped, bias, attributes, description);
    }
    if (auto declined = select_implementation(problem, description)) return *declined;
    return make_kernel(shaped, description, dnnl::matmul(description), alpha);
  } catch (const dnnl::error& error) {
    return decline("oneDNN {}: {}", onednn_version(), error.what());
  }
}

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

int exact_weight_limit() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  const bool vnni = isa == dnnl::cpu_isa::avx2_vnni || isa == dnnl::cpu_isa::avx512_core_vnni ||
                    isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
  return vnni ? 127 : 63;
}

std::vector<int64_t> dense_strides(std::span<const int64_t> dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

}  // namespace tendon::cpu
