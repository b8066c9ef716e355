// RunResults as .npz: "<r>/name", "<r>/runtimes" and "<r>/<iteration>/<output>".
#include "api/tensor_maps.h"
#include "base/format.h"
#include "base/npz.h"
#include "compare/results_file.h"

namespace tendon {
namespace {

constexpr const char* kName = "name";
constexpr const char* kRuntimes = "runtimes";

Tensor text_tensor(const std::string& text) {
  return Tensor::from(Shape{static_cast<int64_t>(text.size())},
                      std::vector<uint8_t>(text.begin(), text.end()));
}

/// Takes a member out of the map. Throws unless it is there with this type and rank 1.
Tensor take_member(TensorMap& members, const char* key, DataType dtype, const std::string& place) {
  const auto found = members.find(key);
  if (found == members.end()) fail_input("{}: array '{}' is missing", place, key);
  Tensor tensor = found->second;
  if (tensor.dtype() != dtype || tensor.rank() != 1) {
    fail_input("{}: array '{}' is {}, expected {} of rank 1", place, key, tensor.type(), dtype);
  }
  members.erase(found);
  return tensor;
}

RunnerResults runner_from_members(TensorMap members, const std::string& place) {
  RunnerResults result;
  const Tensor name = take_member(members, kName, DataType::kUInt8, place);
  const auto letters = name.data<uint8_t>();
  result.runner.assign(letters.begin(), letters.end());
  const Tensor runtimes = take_member(members, kRuntimes, DataType::kFloat64, place);
  for (const double runtime : runtimes.data<double>()) result.iterations.push_back({{}, runtime});
  for (auto& [key, tensor] : members) {
    NumberedName split = split_number(key);
    if (split.number < 0 || split.number >= static_cast<int64_t>(result.iterations.size())) {
      fail_input("{}: array '{}' belongs to none of the {} iterations", place, key,
                 result.iterations.size());
    }
    result.iterations[static_cast<size_t>(split.number)].outputs[split.rest] = std::move(tensor);
  }
  return result;
}

}  // namespace

void ResultsWriter::add(size_t runner, const IterationResult& iteration) {
  if (runner >= runtimes_.size()) runtimes_.resize(runner + 1);
  add_npz_members(zip_, fmt::format("{}/{}/", runner, runtimes_[runner].size()), iteration.outputs);
  runtimes_[runner].push_back(iteration.runtime);
}

void ResultsWriter::finish(const std::vector<std::string>& names) {
  runtimes_.resize(names.size());
  for (size_t r = 0; r < names.size(); ++r) {
    const Shape shape{static_cast<int64_t>(runtimes_[r].size())};
    add_npz_member(zip_, fmt::format("{}/{}", r, kName), text_tensor(names[r]));
    add_npz_member(zip_, fmt::format("{}/{}", r, kRuntimes), Tensor::from(shape, runtimes_[r]));
  }
  zip_.commit();
}

RunResults results_from_npz(const std::string& path) {
  RunResults results;
  std::vector<TensorMap> runners = tensor_maps_from_members(load_npz(path), path);
  for (TensorMap& members : runners) {
    const std::string place = fmt::format("{}, runner {}", path, results.runners.size());
    results.runners.push_back(runner_from_members(std::move(members), place));
  }
  return results;
}

}  // namespace tendon
