#include "api/frame_source.h"

#include <memory>

#include "base/checksum.h"
#include "base/format.h"

namespace tendon {
namespace {

std::string sha256_of(const NormStats& stats) {
  Sha256 sha;
  for (const auto* values :
       {&stats.qpos_mean, &stats.qpos_std, &stats.action_mean, &stats.action_std}) {
    sha.update(std::as_bytes(std::span(*values)));
  }
  return to_hex(sha.finish());
}

}  // namespace

FrameSource frame_source_from(DataSource data) {
  FrameSource source;
  source.start = [data = std::move(data)](const std::vector<TensorInfo>& wanted) {
    return [next = data.start(wanted), number = int64_t{0}]() mutable -> std::optional<FrameItem> {
      std::optional<TensorMap> inputs = next();
      if (!inputs) return std::nullopt;
      return FrameItem{std::move(*inputs), {}, fmt::format("item {}", number++), ""};
    };
  };
  return source;
}

FrameSource frame_source_from(const Observations& data, Shard shard) {
  ObservationOptions options = data.part(shard.number, shard.count).options();
  options.report_bad = true;
  const EpisodicDataset dataset = data.dataset();
  FrameSource source;
  source.info.statistics_sha256 = sha256_of(data.stats());
  source.info.cameras = source.cameras = dataset.cameras();
  source.info.color = name_of(dataset.color());
  source.is_shard = true;
  if (options.chosen.empty()) {
    source.start = [](const std::vector<TensorInfo>&) {
      return [] { return std::optional<FrameItem>(); };
    };
    return source;
  }
  source.start = [range = observations(dataset, data.stats(), options),
                  dataset](const std::vector<TensorInfo>&) {
    const auto held = std::make_shared<const Observations>(range);
    const auto position = std::make_shared<std::optional<Observations::Iterator>>();
    return [held, position, dataset]() -> std::optional<FrameItem> {
      if (!position->has_value()) {
        position->emplace(held->begin());
      } else if (**position != held->end()) {
        ++**position;
      }
      if (**position == held->end()) return std::nullopt;
      const Observation& observation = ***position;
      FrameItem item{observation.inputs, {}, "", observation.error};
      for (const FrameId id : observation.frames) {
        item.places.push_back(fmt::format("{} step {}", dataset.name(id.episode), id.step));
      }
      item.place = item.places.front();
      return item;
    };
  };
  return source;
}

std::vector<TensorMap> frames_of(const TensorMap& item, bool batched) {
  int64_t count = item.empty() ? 1 : -1;
  for (const auto& [name, tensor] : item) {
    const int64_t rows = tensor.rank() == 0 ? 1 : tensor.shape()[0];
    if (count >= 0 && rows != count) return {item};
    count = rows;
  }
  if (!batched || count <= 1) return {item};
  return unstack(item);
}

}  // namespace tendon
