#include "engine/timing_cache.h"

#include <algorithm>
#include <filesystem>

#include "base/cpu_model.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/build.h"

namespace tendon {
namespace {

constexpr std::string_view kFormat = "tendon timing cache";
constexpr int64_t kVersion = 1;
constexpr size_t kMaxKernels = 256;
/// A quarter of an hour.
constexpr int64_t kMaxNanoseconds = 900'000'000'000;

TimingCache::Times times_from(const Json& object, const std::string& name) {
  if (!object.is_object()) fail_input("{}: found {}, expected an object", name, object.type_name());
  if (object.size() > kMaxKernels) {
    fail_input("{}: has {} kernels, at most {} are expected", name, object.size(), kMaxKernels);
  }
  TimingCache::Times times;
  for (const auto& [kernel, value] : object.items()) {
    const std::string place = fmt::format("{}, kernel '{}'", name, kernel);
    const int64_t time = json_integer(value, place);
    if (time < 1 || time > kMaxNanoseconds) {
      fail_input("{}: found {} ns, expected 1 to {}", place, time, kMaxNanoseconds);
    }
    times[kernel] = time;
  }
  return times;
}

std::string text_of(int64_t value) { return std::to_string(value); }
std::string text_of(const std::string& value) { return value; }
/// A scale or a factor takes no time by its value, but 0 and 1 may be left out.
std::string text_of(float factor) { return factor == 0.0F ? "0" : factor == 1.0F ? "1" : "any"; }
std::string text_of(const Tensor& tensor) {
  return fmt::format("{}{}", tensor.dtype(), tensor.shape());
}
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string text = "[";
  for (const T& value : values) text += (text.size() > 1 ? "," : "") + text_of(value);
  return text + "]";
}

}  // namespace

const TimingCache::Times* TimingCache::find(const std::string& layer) const {
  const auto found = layers_.find(layer);
  return found == layers_.end() ? nullptr : &found->second;
}

void TimingCache::add(const std::string& layer, const Times& times) {
  Times& known = layers_[layer];
  for (const auto& [kernel, time] : times) known[kernel] = time;
}

bool TimingCache::merge(std::string_view text, std::string_view name) {
  const std::string place = fmt::format("timing cache '{}'", name);
  const Json json = parse_json(text, name);
  const std::string format = json_string(json_member(json, "format", place), place + ", format");
  if (format != kFormat) fail_input("{}: is of format '{}', expected '{}'", place, format, kFormat);
  const int64_t version = json_integer(json_member(json, "version", place), place + ", version");
  if (version != kVersion) {
    fail_input("{}: has version {}, expected {}; delete it to have layers timed again", place,
               version, kVersion);
  }
  const std::string machine = json_string(json_member(json, "machine", place), place + ", machine");
  const Json& layers = json_member(json, "layers", place);
  if (!layers.is_object()) {
    fail_input("{}, layers: found {}, expected an object", place, layers.type_name());
  }
  if (layers.size() > static_cast<size_t>(limits().max_nodes)) {
    fail_input("{}: has {} layers, at most {} are read (limit 'nodes')", place, layers.size(),
               limits().max_nodes);
  }
  std::map<std::string, Times> found;
  for (const auto& [layer, times] : layers.items()) {
    found[layer] = times_from(times, fmt::format("{}, layer '{}'", place, layer));
  }
  if (machine != machine_) {
    log_warning(
        "{} was made on another machine or by another version ({}; this is {}); it is not used, "
        "and saving replaces it",
        place, machine, machine_);
    return false;
  }
  for (auto& [layer, times] : found) layers_[layer].merge(times);
  return true;
}

std::string TimingCache::to_text() const {
  const Json json = {
      {"format", kFormat}, {"version", kVersion}, {"machine", machine_}, {"layers", layers_}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void TimingCache::load(const std::string& path) {
  if (!std::filesystem::exists(path)) return;
  if (!merge(read_text_file(path, limits().max_json_bytes), path)) return;
  log_info("Loaded the times of {} layers from timing cache '{}'", layers_.size(), path);
}

void TimingCache::save(const std::string& path) const {
  TimingCache all = *this;
  if (std::filesystem::exists(path)) {
    all.merge(read_text_file(path, limits().max_json_bytes), path);
  }
  write_file_atomically(path, all.to_text());
  log_info("Saved the times of {} layers to timing cache '{}'", all.size(), path);
}

std::string machine_of(std::span<Backend* const> backends) {
  return fmt::format("{}; {}; Tendon {}", cpu_model(), fingerprint_of(backends), TENDON_VERSION);
}

std::string timing_key(const KernelRequest& request, std::span<const size_t> reusable) {
  std::string text =
      fmt::format("{}{}{}", domain_of(request.node.op),
                  domain_of(request.node.op).empty() ? "" : ".", type_of(request.node.op));
  for (const auto& [name, value] : attributes_of(request.node.op)) {
    text += fmt::format(" {}={}", name,
                        std::visit([](const auto& typed) { return text_of(typed); }, value));
  }
  text += ":";
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const Argument& input = request.inputs[i];
    text += i == 0 ? " " : ", ";
    if (!input.present) {
      text += "-";
      continue;
    }
    if (input.value != nullptr) text += "constant ";
    text += to_string(input.type);
    if (std::ranges::count(reusable, i) > 0) text += " reusable";
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? " -> " : ", ", request.outputs[i]);
  }
  text += fmt::format("; {} threads", request.threads);
  if (request.tf32) text += ", TF32";
  if (!request.winograd) text += ", no Winograd";
  return text;
}

}  // namespace tendon
