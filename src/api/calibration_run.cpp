#include "api/calibration_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "api/network_impl.h"
#include "base/file.h"
#include "base/log.h"
#include "ir/identity.h"
#include "quant/algorithm.h"
#include "quant/calibration_json.h"

namespace tendon {
namespace {

bool is_quantised(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const Node& node) {
    return node.alive && (std::holds_alternative<QuantizeLinear>(node.op) ||
                          std::holds_alternative<DequantizeLinear>(node.op));
  });
}

/// They are kept in memory.
constexpr size_t kSampleFrames = 4;

std::string text_of(const Shard& shard) {
  return shard.count == 1 ? "" : fmt::format("{}/{}", shard.number, shard.count);
}

/// What a journal must share with the run that goes on from it; its counts depend on nothing else.
bool same_origin(const CalibrationInfo& a, const CalibrationInfo& b) {
  return a.model_sha256 == b.model_sha256 && a.statistics_sha256 == b.statistics_sha256 &&
         a.cameras == b.cameras && a.color == b.color && a.random == b.random &&
         a.shard == b.shard && a.range.algorithm == b.range.algorithm;
}

}  // namespace

CalibrationRun::CalibrationRun(const Network& network, const CalibratorOptions& options,
                               const FrameSource& source)
    : network_(network),
      options_(options),
      source_(source),
      inputs_(network.inputs()),
      info_(source.info) {
  if (is_quantised(network.impl().graph)) {
    fail(ErrorKind::kUnsupported,
         "the network holds QuantizeLinear or DequantizeLinear: it has its scales already. "
         "Calibrator won't be used in explicit precision mode; leave it out");
  }
  info_.model_name = network.name();
  info_.model_sha256 = graph_sha256(network.impl().graph);
  info_.range = {options.algorithm, options.quantile, options.regression_cutoff};
  info_.shard = text_of(options.shard);
  if (options.random) info_.random = name_of(*options.random);
  journal_ = options.journal;
  if (journal_.empty() && !options.cache.empty()) journal_ = options.cache + ".journal";
  batched_ = std::ranges::all_of(inputs_, [](const TensorInfo& input) {
    return !input.axes.empty() && input.axes[0].min == 1;
  });
}

Calibration CalibrationRun::run() {
  read_journal();
  walk();
  if (!done_before_.empty()) {
    log_warning(
        "The journal {} holds {} frame(s) that this data does not have; calibrating from the "
        "beginning",
        journal_, done_before_.size());
    done_before_.clear();
    resumed_.reset();
    engine_.reset();
    frames_.clear();
    info_.bad_frames.clear();
    walk();
  }
  check_frames();
  if (options_.cache.empty() && !journal_.empty()) write_journal();
  finish_journal();
  return Calibration(
      finished(data(), engine_ == nullptr ? std::span<const Consumer>() : engine_->consumers()));
}

void CalibrationRun::draw_sample() {
  only_samples_ = true;
  keeps_sample_ = true;
  walk();
}

std::vector<TensorMap> CalibrationRun::sample() const {
  std::vector<TensorMap> frames;
  for (const auto& [key, inputs] : sample_) frames.push_back(inputs);
  return frames;
}

void CalibrationRun::add_to_sample(FrameKey key, const TensorMap& inputs) {
  if (!keeps_sample_) return;
  if (sample_.size() == kSampleFrames && key > sample_.rbegin()->first) return;
  TensorMap& kept = sample_[key];
  for (const auto& [name, tensor] : inputs) {
    // A copy, for the data may use its memory again.
    kept[name] = tensor;
    kept[name].mutable_raw();
  }
  if (sample_.size() > kSampleFrames) sample_.erase(std::prev(sample_.end()));
}

void CalibrationRun::walk() {
  frames_seen_ = 0;
  smaller_item_seen_ = false;
  const auto next = source_.start(inputs_);
  int64_t number = 0;
  while (std::optional<FrameItem> item = next()) take(*item, number++);
}

void CalibrationRun::read_journal() {
  if (journal_.empty() || !std::filesystem::exists(journal_)) return;
  try {
    resumed_ = calibration_from_json(read_calibration_text(journal_), journal_);
  } catch (const Error& error) {
    log_warning("{}; calibrating from the beginning", error.what());
    return;
  }
  if (!same_origin(resumed_->info, info_)) {
    log_warning(
        "The journal {} is of another model, data or algorithm; calibrating from the "
        "beginning",
        journal_);
    resumed_.reset();
    return;
  }
  const bool same_lots = std::ranges::all_of(resumed_->frames, [&](const CalibrationFrame& frame) {
    return frame.held_out == is_held_out(frame.key);
  });
  if (!same_lots) {
    log_warning("The journal {} held out another share; calibrating from the beginning", journal_);
    resumed_.reset();
    return;
  }
  for (const CalibrationFrame& frame : resumed_->frames) ++done_before_[frame.key];
  log_info("Going on from {}: {} frame(s) are done", journal_, resumed_->frames.size());
}

void CalibrationRun::write_journal() {
  unsaved_ = 0;
  finish_journal();
  writing_ = std::async(std::launch::async, [path = journal_, data = data()] {
    write_file_atomically(path, json_from_calibration(data));
  });
}

void CalibrationRun::finish_journal() {
  if (writing_.valid()) writing_.get();
}

void CalibrationRun::remove_journal() const {
  if (!journal_.empty()) unlink(journal_.c_str());
}

Calibration::Data CalibrationRun::data() const {
  Calibration::Data data;
  data.info = info_;
  data.frames = frames_;
  if (engine_ != nullptr) {
    data.values = engine_->values();
    data.statistics = engine_->totals();
    data.samples = engine_->samples();
  }
  return data;
}

void CalibrationRun::take(const FrameItem& item, int64_t number) {
  const std::string place = item.place.empty() ? fmt::format("item {}", number) : item.place;
  std::vector<TensorMap> frames;
  try {
    check_item(item);
    frames = frames_of(item.inputs, batched_);
    check_size(static_cast<int64_t>(frames.size()));
  } catch (const Error& error) {
    if (is_ours(frames_seen_++)) add_bad(place, error.what());
    return;
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    if (!is_ours(frames_seen_++)) continue;
    const bool named = i < item.places.size();
    const std::string where = named                ? item.places[i]
                              : frames.size() == 1 ? place
                                                   : fmt::format("{}, frame {}", place, i);
    take_frame(frames[i], where);
  }
}

bool CalibrationRun::is_ours(int64_t position) const {
  const Shard& shard = options_.shard;
  return source_.is_shard || position % shard.count == shard.number - 1;
}

void CalibrationRun::check_size(int64_t frames) {
  const int64_t wanted = options_.batch_size;
  if (wanted == 0 || frames == wanted) return;
  if (frames > wanted || smaller_item_seen_) {
    fail_input("holds {} frame(s), expected {} as .batch_size says", frames, wanted);
  }
  smaller_item_seen_ = true;
}

void CalibrationRun::check_item(const FrameItem& item) const {
  if (!item.error.empty()) fail_input("{}", item.error);
  std::vector<std::string> problems;
  for (const TensorInfo& info : inputs_) {
    const auto found = item.inputs.find(info.name);
    if (found == item.inputs.end() || !found->second.defined()) {
      problems.push_back(fmt::format("input '{}' is missing", info.name));
    } else if (found->second.dtype() != info.dtype) {
      problems.push_back(fmt::format("input '{}' is {}, expected {}", info.name,
                                     found->second.dtype(), info.dtype));
    } else {
      Shape shape = found->second.shape();
      if (batched_ && shape.rank() > 0) shape[0] = 1;
      if (!info.accepts(shape) || shape.element_count() == 0) {
        problems.push_back(fmt::format("input '{}' has shape {}, expected {}", info.name,
                                       found->second.shape(), to_string(info.axes)));
      }
    }
  }
  for (const auto& [name, tensor] : item.inputs) {
    if (find(inputs_, name) == nullptr) {
      problems.push_back(fmt::format("the network has no input '{}'", name));
    }
  }
  if (!problems.empty()) fail_input("{}", fmt::join(problems, "; "));
}

void CalibrationRun::start_engine(const TensorMap& inputs) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : inputs) shapes[name] = tensor.shape();
  std::vector<std::string> parts;
  for (const auto& [name, shape] : shapes) {
    parts.push_back(fmt::format("{} [min={}, opt={}, max={}]", name, shape, shape, shape));
  }
  log_info("Using calibration profile: {{{}}}", fmt::join(parts, ", "));
  engine_ = std::make_unique<ObservedEngine>(network_, shapes, options_.device, options_.threads);
  if (resumed_ != nullptr) {
    engine_->restore(resumed_->statistics, resumed_->samples);
    frames_ = resumed_->frames;
    resumed_.reset();
  }
}

void CalibrationRun::take_frame(const TensorMap& inputs, const std::string& place) {
  if (only_samples_) return add_to_sample(frame_key(inputs), inputs);
  if (engine_ == nullptr) start_engine(inputs);
  for (const EnginePort& port : engine_->inputs()) {
    const Shape& shape = inputs.find(port.name)->second.shape();
    if (shape == port.range.opt) continue;
    return add_bad(place, fmt::format("input '{}' has shape {}, frames before have {}", port.name,
                                      shape, port.range.opt));
  }
  const FrameKey key = frame_key(inputs);
  const auto before = done_before_.find(key);
  if (before != done_before_.end()) {
    if (--before->second == 0) done_before_.erase(before);
    return add_to_sample(key, inputs);
  }
  const auto start = std::chrono::steady_clock::now();
  const bool held_out = is_held_out(key);
  engine_->hold_out(held_out ? std::optional(key) : std::nullopt);
  const std::string bad_input = engine_->observe_inputs(inputs);
  if (!bad_input.empty()) {
    add_bad(place, name_non_finite(bad_input, inputs.find(bad_input)->second));
    return engine_->discard();
  }
  const TensorMap* outputs = nullptr;
  const std::string bad_value = engine_->run(inputs, outputs);
  if (!bad_value.empty()) {
    add_bad(place, fmt::format("value '{}' became NaN or infinite", bad_value));
    return engine_->discard();
  }
  engine_->commit();
  add_to_sample(key, inputs);
  frames_.push_back({key, place.starts_with("item ") ? "" : place, held_out});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  log_verbose("Calibrated batch {} in {:.6f} seconds.", frames_.size() - 1, seconds.count());
  if (!journal_.empty() && ++unsaved_ >= options_.checkpoint_every) write_journal();
  if (options_.on_frame) {
    options_.on_frame({static_cast<int64_t>(frames_.size()), place, inputs, *outputs});
  }
}

bool CalibrationRun::is_held_out(FrameKey key) const {
  if (options_.algorithm != CalibrationAlgorithm::kAuto) return false;
  return static_cast<double>(mixed(key.high, key.low)) * 0x1p-64 < options_.held_out;
}

std::string CalibrationRun::name_non_finite(const std::string& name, const Tensor& tensor) const {
  const auto elements = tensor.data<float>();
  const auto bad = std::ranges::find_if(elements, [](float x) { return !std::isfinite(x); });
  int64_t left = bad - elements.begin();
  const Shape& shape = tensor.shape();
  std::vector<int64_t> position(static_cast<size_t>(shape.rank()));
  for (int axis = shape.rank(); axis-- > 0;) {
    position[static_cast<size_t>(axis)] = left % shape[axis];
    left /= shape[axis];
  }
  std::string part;
  if (name == "image" && position.size() == 5 &&
      static_cast<size_t>(position[1]) < source_.cameras.size()) {
    part = fmt::format(" (camera {})", source_.cameras[static_cast<size_t>(position[1])]);
  } else if (name == "qpos" && position.size() == 2) {
    part = fmt::format(" (joint {})", position[1]);
  }
  return fmt::format("input '{}' is {} at ({}){}", name, *bad, fmt::join(position, ", "), part);
}

void CalibrationRun::add_bad(const std::string& place, const std::string& reason) {
  info_.bad_frames.push_back({place, reason});
  const auto count = static_cast<int64_t>(info_.bad_frames.size());
  if (count > options_.skip_bad) {
    fail_input(
        "{}: {}; {}", place, reason,
        options_.skip_bad == 0
            ? "calibration ends here. Repair the data, or allow some bad frames (skip_bad)"
            : fmt::format("this is bad frame {}, {} were allowed", count, options_.skip_bad));
  }
  log_warning("{} is left out: {}", place, reason);
}

void CalibrationRun::check_frames() const {
  if (frames_.empty() && options_.shard.count == 1) {
    fail_input(
        "Calibrator data loader provided no data.\nPossible reasons for this include:\n(1) data "
        "loader has no data to provide\n(2) data loader was a generator, and the calibrator is "
        "being used multiple times (generators cannot be rewound){}",
        info_.bad_frames.empty() ? "" : "\n(3) every frame was bad and left out");
  }
  const bool all_equal =
      frames_.size() > 1 && std::ranges::all_of(frames_, [&](const CalibrationFrame& frame) {
        return frame.key == frames_.front().key;
      });
  if (!all_equal) return;
  const std::string text = fmt::format(
      "all {} frames are equal, so their ranges say nothing of the robot's motion", frames_.size());
  if (!options_.force) {
    fail_input("{}; does a camera or the recorder stand still? Give other frames, or force it",
               text);
  }
  log_warning("{}", text);
}

}  // namespace tendon
