// Calibrations on disk: round trips, disagreement, damage, parts.
#include <gtest/gtest.h>

#include "quant/accumulator.h"
#include "quant/calibration_data.h"
#include "quant/calibration_json.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::TempDir;

CalibrationInfo info() {
  CalibrationInfo info;
  info.model_name = "policy";
  info.model_sha256 = "abc";
  info.statistics_sha256 = "def";
  info.cameras = {"top", "wrist \"left\""};
  info.color = "rgb";
  return info;
}

/// Two values over frames with these seeds, a third that is a view, one of Softmax.
Calibration::Data observed(std::initializer_list<uint64_t> seeds) {
  Calibration::Data data;
  data.info = info();
  data.values = {{"a: b", "a: b", 1, 1, true},
                 {"half", "a: b", 0.5, 1, false},
                 {"image", "image", 1, 1, true},
                 {"weights", "", 1, 0, false}};
  Accumulator accumulator;
  for (const char* name : {"a: b", "image"}) {
    ValueStatistics& total = data.statistics[name];
    total.reset(4, name == std::string_view("image"));
    for (const uint64_t seed : seeds) {
      Tensor x = testing::random_tensor({30, 4}, seed);
      for (float& value : x.mutable_data<float>()) {
        if (total.byte_exact) value = std::floor(std::fabs(value) * 20) / 255.0f;
      }
      ValueStatistics frame;
      frame.reset(4, total.byte_exact);
      accumulator.add(x.data<float>().data(), {30, 4, 1}, {&frame, 1});
      total.merge(frame);
    }
  }
  for (const uint64_t seed : seeds) {
    data.frames.push_back({{seed, seed}, "episode_0 step " + std::to_string(seed), false});
  }
  return data;
}

Calibration part(std::initializer_list<uint64_t> seeds, std::string shard = "") {
  Calibration::Data data = observed(seeds);
  data.info.shard = std::move(shard);
  return Calibration(finished(std::move(data)));
}

/// Of a process that got no frame.
Calibration empty_part(std::string shard) {
  Calibration::Data data;
  data.info = info();
  data.info.shard = std::move(shard);
  return Calibration(finished(std::move(data)));
}

TEST(Calibration, WhatIsSavedIsLoaded) {
  const TempDir folder;
  const Calibration saved = part({1, 2, 3});
  saved.save(folder / "x.cache");
  const Calibration loaded = Calibration::load(folder / "x.cache");
  EXPECT_EQ(loaded.ranges(), saved.ranges());
  EXPECT_EQ(loaded.info(), saved.info());
  EXPECT_EQ(loaded.data().statistics, saved.data().statistics);
  EXPECT_EQ(loaded.data().frames, saved.data().frames);
  EXPECT_TRUE(loaded.has_provenance());
  EXPECT_TRUE(loaded.ranges().at("image").byte_exact);
  EXPECT_EQ(loaded.ranges().at("a: b").channel_mean.size(), 4u);
  EXPECT_TRUE(loaded.ranges().at("half").channel_mean.empty());
  loaded.save(folder / "y.cache");
  EXPECT_EQ(testing::read_text(folder / "y.cache"), testing::read_text(folder / "x.cache"));
  EXPECT_EQ(testing::read_text(folder / "y.cache.json"),
            testing::read_text(folder / "x.cache.json"));
}

TEST(Calibration, TensorRtsOwnCacheGivesTheSameScales) {
  const TempDir folder;
  const Calibration saved = part({1, 2});
  saved.save(folder / "x.cache", "8502");
  std::filesystem::remove(folder / "x.cache.json");
  const Calibration loaded = Calibration::load(folder / "x.cache");
  EXPECT_FALSE(loaded.has_provenance());
  EXPECT_TRUE(testing::read_text(folder / "x.cache").starts_with("TRT-8502-"));
  ASSERT_EQ(loaded.ranges().size(), saved.ranges().size());
  for (const auto& [name, range] : saved.ranges()) {
    EXPECT_EQ(loaded.ranges().at(name).amax, range.amax);
    EXPECT_TRUE(loaded.ranges().at(name).channel_mean.empty());
  }
}

TEST(Calibration, PartsMergeToTheWholeByteForByte) {
  const TempDir folder;
  part({1, 2, 3, 4, 5}).save(folder / "whole");
  const Calibration parts[] = {part({5, 1}, "3/3"), empty_part("1/3"), part({4, 3, 2}, "2/3")};
  Calibration::merge(parts).save(folder / "merged");
  EXPECT_EQ(testing::read_text(folder / "merged"), testing::read_text(folder / "whole"));
  EXPECT_EQ(testing::read_text(folder / "merged.json"), testing::read_text(folder / "whole.json"));
}

TEST(Calibration, RobotsAddUp) {
  const Calibration robots[] = {part({1, 2}), part({3, 4, 5})};
  EXPECT_EQ(Calibration::merge(robots).ranges(), part({1, 2, 3, 4, 5}).ranges());
}

TEST(Calibration, APartGoesToOneFileThatIsNoCache) {
  const TempDir folder;
  const Calibration half = part({1, 2}, "1/2");
  half.save(folder / "half");
  EXPECT_FALSE(std::filesystem::exists(folder / "half.json"));
  EXPECT_EQ(Calibration::load_part(folder / "half").data().statistics, half.data().statistics);
  testing::expect_bad_input({"one part", "calibrate merge"},
                            [&] { Calibration::load(folder / "half"); });
}

TEST(Calibration, OtherRangesFromTheSameHistograms) {
  const Calibration entropy = part({1, 2, 3});
  const Calibration again =
      Calibration::merge({&entropy, 1}, RangeOptions{CalibrationAlgorithm::kMinMax});
  EXPECT_GT(again.ranges().at("a: b").amax, entropy.ranges().at("a: b").amax * 0.999);
  EXPECT_NEAR(again.ranges().at("a: b").amax,
              std::max(again.ranges().at("a: b").max, -again.ranges().at("a: b").min), 1e-5);
}

TEST(Calibration, PartsThatDoNotBelongTogether) {
  const auto refused = [](std::vector<Calibration> parts, std::string_view text) {
    testing::expect_bad_input({text}, [&] { Calibration::merge(parts); });
  };
  const auto changed = [](auto change) {
    Calibration::Data data = observed({3});
    data.info.shard = "2/2";
    change(data);
    return Calibration(finished(std::move(data)));
  };
  const Calibration first = part({1, 2}, "1/2");
  refused({first}, "part 2/2 is missing");
  refused({first, first}, "part 1/2 is there twice");
  refused({first, part({3}, "2/3")}, "another number of parts");
  refused({first, changed([](auto& data) { data.info.model_sha256 = "other"; })}, "another model");
  refused({first, changed([](auto& data) { data.info.cameras = {"top"}; })}, "order of cameras");
  refused({first, changed([](auto& data) { data.info.statistics_sha256 = "x"; })}, "statistics");
  refused({first, changed([](auto& data) { data.info.range.quantile = 0.5; })}, "algorithm");
  refused({first, changed([](auto& data) { data.statistics.erase("image"); })}, "other values");
  refused({empty_part("1/1")}, "no frame");
  testing::expect_error(ErrorKind::kUsage, {"nothing to merge"}, [] { Calibration::merge({}); });
}

TEST(Calibration, CacheAndJsonMustAgree) {
  const TempDir folder;
  const std::string path = folder / "x.cache";
  part({1, 2, 3}).save(path);
  const std::string whole = testing::read_text(path);
  struct Case {
    std::string text;
    std::string_view part;
  };
  std::string other_scale = whole;
  other_scale[other_scale.rfind("image: ") + 13] ^= 1;
  for (const auto& [text, part] :
       {Case{whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1), "lacks 'weights'"},
        Case{other_scale, "the scale of 'image'"},
        Case{whole + "more: 3c008912\n", "only the cache has 'more'"}}) {
    testing::write_text(path, text);
    testing::expect_bad_input({"do not belong together", part}, [&] { Calibration::load(path); });
    EXPECT_FALSE(Calibration::load(path, true).has_provenance()) << "forced: the cache alone";
  }
}

TEST(Calibration, DamagedJsonSaysWhere) {
  const std::string good = json_from_calibration(part({1, 2}).data());
  const auto refused = [&](std::string_view from, std::string_view to, std::string_view message) {
    std::string text = good;
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    SCOPED_TRACE(from);
    testing::expect_bad_input({"x.json", message}, [&] { calibration_from_json(text, "x.json"); });
  };
  refused("tendon-calibration", "other", "'format' is 'other'");
  refused("\"frames\":2", "\"frames\":\"2\"", "expected an integer");
  refused("\"name\":\"entropy2\"", "\"name\":\"kl\"", "no calibration algorithm 'kl'");
  refused("\"amax\":", "\"amax\":-", "'amax' is -");
  refused("\"count\":240", "\"count\":241", "the histogram has 240 elements");
  refused("\"exponent\":", "\"exponent\":9", "do not fit the histogram's range");
  refused("\"source\":\"a: b\"", "\"source\":\"zzz\"", "no statistics");
  refused("\"channel_sums\":[\"", "\"channel_sums\":[\"q", "hexadecimal");
  refused("0000000000000001", "000000000000000x", "a frame is");
  refused("}\n}", "}", "not valid JSON");
  for (size_t size = 0; size + 2 < good.size(); size += 97) {
    EXPECT_THROW(calibration_from_json(good.substr(0, size), "x.json"), Error) << size;
  }
  std::string newer = good;
  newer.replace(newer.find("\"version\": 1"), 12, "\"version\": 2");
  testing::expect_error(ErrorKind::kUnsupported, {"version 2"},
                        [&] { calibration_from_json(newer, "x.json"); });
}

}  // namespace
}  // namespace tendon
