#include "cli/layer_profile.h"

#include <algorithm>
#include <numeric>

#include "base/file.h"
#include "base/format.h"
#include "base/text_table.h"

namespace tendon::cli {
namespace {

/// In units of 1e9 a second.
std::string giga(double value) { return value <= 0 ? "" : fmt::format("{:.0f}", value * 1e-9); }

Json arguments_of(const LayerProfile& profile, const LayerTime& time) {
  Json json{{"kernel", time.layer.kernel},
            {"precision", name_of(time.layer.precision)},
            {"gflops", time.operations() * 1e-9},
            {"bytes", time.layer.bytes_moved},
            {"gigabytesPerSecond", time.bytes() * 1e-9}};
  if (const auto share = profile.share_of_peak(time)) json["shareOfPeak"] = *share;
  return json;
}

}  // namespace

double LayerTime::operations() const {
  return seconds <= 0 ? 0 : 2 * static_cast<double>(layer.multiply_adds) / seconds;
}

double LayerTime::bytes() const {
  return seconds <= 0 ? 0 : static_cast<double>(layer.bytes_moved) / seconds;
}

double LayerProfile::seconds() const {
  return std::accumulate(layers.begin(), layers.end(), 0.0,
                         [](double sum, const LayerTime& time) { return sum + time.seconds; });
}

std::optional<double> LayerProfile::share_of_peak(const LayerTime& time) const {
  if (!peak || time.layer.multiply_adds == 0) return std::nullopt;
  if (time.layer.precision == DataType::kFloat32) return time.operations() / peak->float32;
  if (time.layer.precision == DataType::kInt8) return time.operations() / peak->int8;
  return std::nullopt;
}

LayerProfile profile_layers(EngineRunner& runner, const std::vector<TensorMap>& items, size_t runs,
                            int threads) {
  std::vector<std::vector<double>> all;
  for (size_t i = 0; i < runs; ++i) all.push_back(runner.profile(items[i % items.size()]));
  LayerProfile profile;
  const std::vector<LayerInfo> layers = runner.engine().layers();
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    std::vector<double> column;
    for (const auto& run : all) column.push_back(run[layer]);
    std::ranges::nth_element(column, column.begin() + static_cast<int64_t>(column.size() / 2));
    profile.layers.push_back({layers[layer], column[column.size() / 2]});
  }
  if (runner.engine().device() == "cpu") {
    profile.peak = measure_cpu_peak(threads > 0 ? threads : runner.engine().threads());
  }
  return profile;
}

std::string as_text(const LayerProfile& profile) {
  using enum TextTable::Align;
  TextTable table({{"layer"},
                   {"type"},
                   {"kernel"},
                   {"output"},
                   {"ms", kRight},
                   {"%", kRight},
                   {"GFLOP/s", kRight},
                   {"% of peak", kRight},
                   {"GB/s", kRight}});
  const double total = profile.seconds();
  for (const LayerTime& time : profile.layers) {
    const std::optional<double> share = profile.share_of_peak(time);
    table.add_row({time.layer.name, time.layer.type, time.layer.kernel,
                   time.layer.outputs.empty() ? "" : to_string(time.layer.outputs.front().shape),
                   fmt::format("{:.3f}", time.seconds * 1e3),
                   fmt::format("{:.1f}", total > 0 ? 100 * time.seconds / total : 0),
                   giga(time.operations()), share ? fmt::format("{:.0f}", 100 * *share) : "",
                   giga(time.bytes())});
  }
  std::string text = fmt::format("{}\nSum of layers {:.3f} ms\n", table.to_string(), total * 1e3);
  if (profile.peak) {
    text += fmt::format(
        "Peak, measured: float32 {} GFLOP/s, 8-bit {} Gop/s, {} GB/s from memory. Winograd's "
        "algorithm and AMX may exceed 100 %, and what lies in a cache the memory's rate.\n",
        giga(profile.peak->float32), giga(profile.peak->int8), giga(profile.peak->bytes));
  }
  return text;
}

Json as_json(const LayerProfile& profile) {
  Json layers = Json::array();
  for (const LayerTime& time : profile.layers) {
    Json layer{
        {"name", time.layer.name}, {"type", time.layer.type}, {"medianMs", time.seconds * 1e3}};
    layer.update(arguments_of(profile, time));
    layers.push_back(std::move(layer));
  }
  Json json{{"layers", std::move(layers)}};
  if (profile.peak) {
    json["peak"] = {{"float32Gflops", profile.peak->float32 * 1e-9},
                    {"int8Gops", profile.peak->int8 * 1e-9},
                    {"gigabytesPerSecond", profile.peak->bytes * 1e-9}};
  }
  return json;
}

void write_trace(const std::string& path, const LayerProfile& profile) {
  Json events = Json::array();
  double at = 0;
  for (const LayerTime& time : profile.layers) {
    const double duration = time.seconds * 1e6;
    events.push_back({{"name", time.layer.name},
                      {"cat", time.layer.type},
                      {"ph", "X"},
                      {"ts", at},
                      {"dur", duration},
                      {"pid", 1},
                      {"tid", 1},
                      {"args", arguments_of(profile, time)}});
    at += duration;
  }
  write_file_atomically(path, Json{{"traceEvents", events}}.dump() + "\n");
}

}  // namespace tendon::cli
