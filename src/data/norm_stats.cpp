// Statistics: computed as ACT's training does, read from its pickle or our JSON.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/byte_reader.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pickle.h"
#include "data/episode.h"

namespace tendon {
namespace {

constexpr double kSmallestStd = 1e-2;
constexpr float kRangeMargin = 1e-4f;
constexpr char kExample[] = "example_qpos";

struct Field {
  const char* key;
  std::vector<float> NormStats::*values;
  bool required;
};
constexpr Field kFields[] = {
    {"qpos_mean", &NormStats::qpos_mean, true},     {"qpos_std", &NormStats::qpos_std, true},
    {"action_mean", &NormStats::action_mean, true}, {"action_std", &NormStats::action_std, true},
    {"action_min", &NormStats::action_min, false},  {"action_max", &NormStats::action_max, false},
};

void check_field(const NormStats& stats, const Field& field, const std::string& name) {
  const std::vector<float>& values = stats.*field.values;
  const bool is_std = std::string_view(field.key).ends_with("_std");
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]) || (is_std && values[i] <= 0)) {
      fail_input("{}: {}[{}] is {}, expected a finite {}", name, field.key, i, values[i],
                 is_std ? "number above 0" : "number");
    }
  }
}

void check_length(const NormStats& stats, const std::vector<float> NormStats::*a,
                  const std::vector<float> NormStats::*b, const char* what,
                  const std::string& name) {
  if ((stats.*a).size() != (stats.*b).size() && !(stats.*b).empty()) {
    fail_input("{}: {} have {} and {} values, expected as many", name, what, (stats.*a).size(),
               (stats.*b).size());
  }
}

NormStats checked(NormStats stats, const std::string& name) {
  for (const Field& field : kFields) check_field(stats, field, name);
  if (stats.qpos_mean.empty() || stats.action_mean.empty()) {
    fail_input("{}: statistics of no joints", name);
  }
  check_length(stats, &NormStats::qpos_mean, &NormStats::qpos_std, "qpos_mean and qpos_std", name);
  check_length(stats, &NormStats::action_mean, &NormStats::action_std, "action_mean and action_std",
               name);
  check_length(stats, &NormStats::action_mean, &NormStats::action_min, "action_mean and action_min",
               name);
  check_length(stats, &NormStats::action_mean, &NormStats::action_max, "action_mean and action_max",
               name);
  const Tensor& example = stats.example_qpos;
  if (example.defined() && (example.rank() != 2 || example.shape()[1] != stats.joint_count())) {
    fail_input("{}: example_qpos has shape {}, expected (steps, {})", name, example.shape(),
               stats.joint_count());
  }
  return stats;
}

std::vector<float> floats_of(const Tensor& tensor) {
  const Tensor converted = cast(tensor, DataType::kFloat32);
  const auto values = converted.data<float>();
  return {values.begin(), values.end()};
}

const Tensor* array_in(const PickleValue& root, const char* key, const std::string& name) {
  const PickleValue* value = root.find(key);
  if (value == nullptr) return nullptr;
  const Tensor* tensor = value->get<Tensor>();
  if (tensor == nullptr || !tensor->defined()) {
    fail_input("{}: '{}' is {}, expected a numpy array", name, key, value->kind());
  }
  return tensor;
}

NormStats from_pickle(std::span<const std::byte> bytes, const std::string& name) {
  const PickleRules rules = numpy_pickle_rules();
  const PickleDocument document = parse_pickle(bytes, name, rules);
  const PickleValue& root = *document.root;
  if (root.get<PickleDict>() == nullptr) {
    fail_input("{}: the pickle holds {}, expected a dictionary of statistics", name, root.kind());
  }
  NormStats stats;
  for (const Field& field : kFields) {
    const Tensor* tensor = array_in(root, field.key, name);
    if (tensor == nullptr && field.required) {
      fail_input("{}: no '{}'; expected ACT's statistics", name, field.key);
    }
    if (tensor != nullptr) stats.*field.values = floats_of(*tensor);
  }
  if (const Tensor* example = array_in(root, kExample, name)) {
    stats.example_qpos = cast(*example, DataType::kFloat32);
  }
  return stats;
}

std::vector<float> floats_of(const Json& array, const std::string& place) {
  if (!array.is_array()) {
    fail_input("{}: expected an array of numbers, found {}", place, array.type_name());
  }
  std::vector<float> values;
  for (const Json& item : array) values.push_back(static_cast<float>(json_number(item, place)));
  return values;
}

NormStats from_json(std::string_view text, const std::string& name) {
  const Json root = parse_json(text, name);
  NormStats stats;
  for (const Field& field : kFields) {
    if (!field.required && !root.contains(field.key)) continue;
    stats.*field.values = floats_of(json_member(root, field.key, name), name + ": " + field.key);
  }
  if (root.contains(kExample)) {
    const Json& rows = root[kExample];
    std::vector<float> values;
    for (const Json& row : rows) {
      const auto part = floats_of(row, name + ": " + kExample);
      if (part.size() != stats.qpos_mean.size()) {
        fail_input("{}: {} has a row of {} values, expected {}", name, kExample, part.size(),
                   stats.qpos_mean.size());
      }
      values.insert(values.end(), part.begin(), part.end());
    }
    stats.example_qpos =
        Tensor::from<float>({static_cast<int64_t>(rows.size()), stats.joint_count()}, values);
  }
  return stats;
}

Tensor per_column(const Tensor& tensor, const std::vector<float>& mean,
                  const std::vector<float>& std, const char* what,
                  float (*formula)(float, float, float)) {
  const auto columns = static_cast<int64_t>(mean.size());
  if (tensor.rank() == 0 || tensor.shape().back() != columns) {
    fail_input("{} has shape {}, but the statistics are of {} values; statistics of another robot?",
               what, tensor.shape(), columns);
  }
  Tensor result(DataType::kFloat32, tensor.shape());
  const auto from = tensor.data<float>();
  const auto to = result.mutable_data<float>();
  for (size_t i = 0; i < from.size(); ++i) {
    const size_t column = i % mean.size();
    to[i] = formula(from[i], mean[column], std[column]);
  }
  return result;
}

float normalized(float x, float mean, float std) { return (x - mean) / std; }
float denormalized(float x, float mean, float std) { return x * std + mean; }

/// Count, mean and sum of squared deviations of each column, updated row by row (Welford).
class Moments {
 public:
  void add(const Tensor& track) {
    const auto columns = static_cast<size_t>(track.shape()[1]);
    mean_.resize(columns);
    squares_.resize(columns);
    const auto values = track.data<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t column = i % columns;
      if (column == 0) ++count_;
      const double delta = values[i] - mean_[column];
      mean_[column] += delta / static_cast<double>(count_);
      squares_[column] += delta * (values[i] - mean_[column]);
    }
  }
  std::vector<float> mean() const { return {mean_.begin(), mean_.end()}; }
  std::vector<float> clipped_std() const {
    std::vector<float> result;
    for (const double square : squares_) {
      const double variance = count_ > 1 ? square / static_cast<double>(count_ - 1) : 0.0;
      result.push_back(static_cast<float>(std::max(std::sqrt(variance), kSmallestStd)));
    }
    return result;
  }

 private:
  int64_t count_ = 0;
  std::vector<double> mean_;
  std::vector<double> squares_;
};

}  // namespace

NormStats NormStats::parse(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text = text_of(bytes);
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (text.starts_with('\x80')) return checked(from_pickle(bytes, name), name);
  if (first != std::string_view::npos && text[first] == '{') {
    return checked(from_json(text, name), name);
  }
  fail_input("{}: neither a binary pickle nor JSON; expected ACT's dataset_stats.pkl", name);
}

NormStats NormStats::load(const std::string& path) {
  const auto file = MappedFile::open(path);
  return parse(file->bytes(), path);
}

void NormStats::save(const std::string& path) const {
  Json root;
  for (const Field& field : kFields) {
    if (!(this->*field.values).empty()) root[field.key] = this->*field.values;
  }
  if (example_qpos.defined()) {
    const auto values = example_qpos.data<float>();
    Json rows = Json::array();
    for (size_t at = 0; at < values.size(); at += qpos_mean.size()) {
      const auto row = values.subspan(at, qpos_mean.size());
      rows.push_back(std::vector<float>(row.begin(), row.end()));
    }
    root[kExample] = std::move(rows);
  }
  write_file_atomically(path, root.dump(1) + "\n");
}

Tensor NormStats::normalize_qpos(const Tensor& qpos) const {
  return per_column(qpos, qpos_mean, qpos_std, "qpos", normalized);
}
Tensor NormStats::normalize_action(const Tensor& action) const {
  return per_column(action, action_mean, action_std, "action", normalized);
}
Tensor NormStats::denormalize_action(const Tensor& action) const {
  return per_column(action, action_mean, action_std, "action", denormalized);
}

NormStats get_norm_stats(const EpisodicDataset& dataset) {
  NormStats stats;
  Moments qpos;
  Moments action;
  const auto actions = static_cast<size_t>(dataset.action_count());
  stats.action_min.assign(actions, std::numeric_limits<float>::infinity());
  stats.action_max.assign(actions, -std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const Episode episode = dataset.open(i);
    qpos.add(episode.qpos());
    action.add(episode.action());
    const auto values = episode.action().data<float>();
    for (size_t at = 0; at < values.size(); ++at) {
      float& least = stats.action_min[at % actions];
      float& most = stats.action_max[at % actions];
      least = std::min(least, values[at] - kRangeMargin);
      most = std::max(most, values[at] + kRangeMargin);
    }
    stats.example_qpos = episode.qpos();
  }
  stats.qpos_mean = qpos.mean();
  stats.qpos_std = qpos.clipped_std();
  stats.action_mean = action.mean();
  stats.action_std = action.clipped_std();
  return stats;
}

void check_stats_fit(const NormStats& stats, const EpisodicDataset& dataset) {
  if (stats.joint_count() == dataset.joint_count() &&
      stats.action_count() == dataset.action_count()) {
    return;
  }
  const bool lacks_base = stats.joint_count() == dataset.joint_count() &&
                          stats.action_count() == dataset.action_count() + 2;
  fail_input("{}: the episodes have {} joints and {} actions, the statistics {} and {}; {}",
             dataset.path(), dataset.joint_count(), dataset.action_count(), stats.joint_count(),
             stats.action_count(),
             lacks_base ? "a mobile robot's policy? read the episodes with their base actions"
                        : "these are the statistics of another robot");
}

}  // namespace tendon
