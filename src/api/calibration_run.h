// One run over the data of a calibrator.
#pragma once

#include <tendon/calibrator.h>

#include <future>
#include <map>
#include <memory>
#include <string>

#include "api/frame_source.h"
#include "api/observed_engine.h"
#include "quant/calibration_data.h"

namespace tendon {

class CalibrationRun {
 public:
  CalibrationRun(const Network& network, const CalibratorOptions& options,
                 const FrameSource& source);

  /// Calibrator::run without writing the cache. The journal stays until remove_journal().
  Calibration run();
  void remove_journal() const;
  /// Reads the data without running the network.
  void draw_sample();
  /// Before run(): so that sample() has frames behind it.
  void keep_sample() { keeps_sample_ = true; }
  /// Of what was read, the few frames with the lowest keys.
  std::vector<TensorMap> sample() const;

 private:
  void read_journal();
  /// Beside the frames that follow. Throws what the write before has met.
  void write_journal();
  void finish_journal();
  void walk();
  void take(const FrameItem& item, int64_t number);
  void take_frame(const TensorMap& inputs, const std::string& place);
  void add_to_sample(FrameKey key, const TensorMap& inputs);
  void check_item(const FrameItem& item) const;
  void check_size(int64_t frames);
  /// Whether the frame at this position of the data belongs to the shard.
  bool is_ours(int64_t position) const;
  void start_engine(const TensorMap& inputs);
  /// By lot over the frame's content, so that every run decides alike.
  bool is_held_out(FrameKey key) const;
  std::string name_non_finite(const std::string& name, const Tensor& tensor) const;
  void add_bad(const std::string& place, const std::string& reason);
  void check_frames() const;
  Calibration::Data data() const;

  const Network& network_;
  const CalibratorOptions& options_;
  const FrameSource& source_;
  std::vector<TensorInfo> inputs_;
  /// Whether the first axis of every input is the batch.
  bool batched_ = true;
  CalibrationInfo info_;
  std::string journal_;
  std::future<void> writing_;
  std::unique_ptr<ObservedEngine> engine_;
  std::vector<CalibrationFrame> frames_;
  /// What a killed run left, until its first frame comes by.
  std::shared_ptr<const Calibration::Data> resumed_;
  /// Frames that a killed run had done and that did not come by yet, with how often it saw them.
  std::map<FrameKey, int64_t> done_before_;
  int64_t frames_seen_ = 0;
  int64_t unsaved_ = 0;
  bool smaller_item_seen_ = false;
  bool only_samples_ = false;
  bool keeps_sample_ = false;
  std::map<FrameKey, TensorMap> sample_;
};

}  // namespace tendon
