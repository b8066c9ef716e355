// The HTML page: what it says, that it is well-formed, and that hostile names stay text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/report.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "compare/report/html.h"
#include "compare/report/plot.h"
#include "support/files.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using testing::read_text;
using testing::TempDir;

constexpr const char* kHostile = "</title><script>alert(1)</script>\"'&\x01\xFF";

ErrorFigures figures_of(double max) {
  ErrorFigures figures;
  figures.mean = max / 10;
  figures.bias = -max / 20;
  figures.rms = max / 8;
  figures.p99 = max / 2;
  figures.max = max;
  figures.count = 40;
  figures.iteration = 1;
  figures.step = 2;
  return figures;
}

ActionComparison actions_of(const std::string& tested, const std::string& reference, double max) {
  ActionComparison c;
  c.tested = tested;
  c.reference = reference;
  c.iterations = 2;
  c.joints = {{{"elbow", "rad"}, figures_of(max), figures_of(max)},
              {{"gripper", "open"}, figures_of(max), figures_of(max)}};
  c.steps.assign(4, figures_of(max));
  c.cells.assign(8, figures_of(max));
  c.cells[7].count = 0;
  c.units = {{"rad", 1, figures_of(max)}, {"open", 1, figures_of(max)}};
  c.phases = {{Phase::kGripperSwitch, c.joints, c.units, figures_of(max)}};
  c.overall = figures_of(max);
  return c;
}

Trajectory trajectory_of(float value) {
  return {
      Tensor::from<float>({3, 2}, {value, 0, value, 1, 0, 0}),
      {Trajectory::Origin::kBorder, Trajectory::Origin::kInside, Trajectory::Origin::kUncovered}};
}

PolicyComparison policy_of(const std::vector<std::string>& runners) {
  PolicyComparison policy;
  policy.runners = runners;
  policy.joints = {{"elbow", "rad"}, {"gripper", "open"}};
  policy.action_mean = {0, 0};
  policy.action_std = {1, 1};
  policy.names = {{{0, 0}, {0, 40}}, {"episode_7"}};
  policy.iterations = 2;
  policy.chunk_steps = 4;
  EpisodeTrajectories episode;
  episode.recorded = Tensor(DataType::kFloat32, {3, 2});
  for (size_t i = 0; i < runners.size(); ++i) {
    if (i > 0)
      policy.actions.push_back(actions_of(runners[i], runners[0], 0.02 * static_cast<double>(i)));
    policy.recorded.push_back(actions_of(runners[i], "recording", 0.1));
    episode.runners.push_back({trajectory_of(static_cast<float>(i)), trajectory_of(0)});
    for (int mode = 0; mode < kExecutionModeCount; ++mode) {
      ExecutionComparison& c = policy.execution.emplace_back();
      c.runner = runners[i];
      c.mode = static_cast<ExecutionMode>(mode);
      const MotionFigures motion{{figures_of(1), figures_of(1)}, policy.recorded[0].units};
      c.deviation = c.velocity_deviation = c.from_recorded = c.velocity = c.jerk = c.jump = motion;
    }
  }
  policy.trajectories = std::move(episode);
  WorstFrame& worst = policy.worst_frames.emplace_back();
  worst.runner = 1;
  worst.iteration = 1;
  worst.step = 2;
  worst.error = 0.0234;
  worst.pictures = {{"top", 8, 16, "not really a JPEG"}};
  worst.chunks.assign(runners.size(), {0, 1, 2, 3});
  worst.recorded = {0, 1};
  return policy;
}

ComparedRunner runner_of(const std::string& name, double p50) {
  ComparedRunner runner;
  runner.name = name;
  runner.kind = "engine";
  runner.path = name;
  runner.file_bytes = 1 << 20;
  runner.sha256 = std::string(64, 'a');
  runner.latency = compute_latency({p50});
  runner.weight_bytes = 1000;
  runner.layers = {{"conv1", "FusedConv", "onednn:conv", DataType::kFloat32, {}, 1000000, 10, {}}};
  runner.layer_seconds = {0.001};
  return runner;
}

ComparisonReport report_of(const std::string& tested = "int8.engine") {
  ComparisonReport report;
  report.runners = {runner_of("fp32.engine", 0.012), runner_of(tested, 0.004)};
  report.policy = policy_of({"fp32.engine", tested});
  report.limits = {action_limit_from_text("elbow=0.01")};
  report.exceeded = {{tested, "elbow", "rad", LimitStat::kMax, 0.02, 0.01}};
  report.passed = false;
  LayerDifference layer{"conv1", "FusedConv", "onednn:conv", DataType::kInt8, 42.25, 0.999};
  layer.saturated = 0.015;
  report.layers = {{tested, "fp32.engine", 2, {layer}, {"quantize"}}};
  report.calibrations = {"real.cache", "random.cache"};
  ActivationHistogram& histogram = report.histograms.emplace_back();
  histogram.name = "conv1_output";
  histogram.range = 2;
  histogram.counts = {100, 0, 3, 1};
  histogram.cuts = {ActivationHistogram::Cut{1.5, 0.0096}, std::nullopt};
  report.command = "tendon compare fp32.engine int8.engine";
  report.circumstances = {{"Tendon", "1.2.3"}, {"made", "2026-01-02 03:04 UTC"}};
  return report;
}

/// EXPECT_THAT would print the whole page.
bool holds(const std::string& html, std::string_view part) {
  return html.find(part) != std::string::npos;
}

/// Every element that is opened is closed in its turn.
void expect_well_formed(const std::string& html) {
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.starts_with('!') || tag.ends_with('/')) continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name == "meta" || name == "link" || name == "img") continue;
    if (!name.starts_with('/')) {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    ASSERT_EQ("/" + open.back(), name) << html.substr(at > 200 ? at - 200 : 0, 300);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(Report, SaysWhatWasFound) {
  const std::string html = html_from_report(report_of());
  for (const char* part : {"int8.engine against fp32.engine",
                           "Outside the limits",
                           "elbow max 0.0200 (limit 0.0100)",
                           "<b>3.00×</b> as fast",
                           "episode_7 frame 40",
                           "1.0 MiB",
                           "0.0234\u202Frad",
                           "42.2",
                           "1.50\u202F%",
                           "conv1",
                           "onednn:conv",
                           "gripper switches",
                           "Temporal ensembling",
                           "conv1_output",
                           "±1.50, 0.960\u202F% beyond",
                           "tendon compare fp32.engine",
                           "1.2.3",
                           "<div class=\"engines\">",
                           "float32&nbsp;100",
                           "data:image/jpeg;base64,bm90IHJlYWxseSBhIEpQRUc="}) {
    EXPECT_TRUE(holds(html, part)) << part;
  }
  expect_well_formed(html);
}

TEST(Report, LayersStandUnderTheRoofOfTheirProcessor) {
  ComparisonReport report = report_of();
  EXPECT_FALSE(holds(html_from_report(report), "Roofline")) << "nothing was measured";
  // 2 million operations in a millisecond, 20 a byte: the processor allows half of the time.
  for (ComparedRunner& runner : report.runners) {
    runner.layers[0].bytes_moved = 100'000;
    runner.peak = {4e9, 8e9, 1e9};
  }
  report.runners[1].layers[0].precision = DataType::kInt8;
  report.runners[1].layers[0].name = kHostile;
  const std::string html = html_from_report(report);
  for (const char* part :
       {"Roofline",
        "conv1 (onednn:conv): 1.000 ms, 2 Gop/s, 20.0 operations a byte, 50.0\u202F% of the",
        "25.0\u202F% of the roof", "1 layer with multiplications took 1.00\u202Fms",
        "1 GB/s from memory", "1 op/byte"}) {
    EXPECT_TRUE(holds(html, part)) << part;
  }
  EXPECT_FALSE(holds(html, "<script"));
  EXPECT_FALSE(holds(html, "nan"));
  expect_well_formed(html);
  report.runners[0].layers[0].bytes_moved = 0;
  report.runners[1].layer_seconds = {0};
  EXPECT_FALSE(holds(html_from_report(report), "Roofline")) << "no layer to show";
}

TEST(Report, NeedsNothingFromOutside) {
  const std::string html = html_from_report(report_of());
  EXPECT_TRUE(holds(html, "default-src 'none'"));
  for (const char* part : {"http:", "https:", "src=\"/", "<script", "@import", "url("}) {
    EXPECT_FALSE(holds(html, part)) << part;
  }
}

TEST(Report, HostileNamesStayText) {
  ComparisonReport report = report_of(kHostile);
  report.policy->joints[0].name = kHostile;
  report.policy->actions[0].joints[0].joint.name = kHostile;
  report.policy->joints[0].unit = kHostile;
  for (auto* list : {&report.policy->actions, &report.policy->recorded}) {
    for (ActionComparison& c : *list) c.joints[0].joint.unit = c.units[0].unit = kHostile;
  }
  report.policy->names.episodes[0] = kHostile;
  report.policy->worst_frames[0].pictures[0].camera = kHostile;
  report.runners[1].layers[0].name = kHostile;
  report.runners[1].layers[0].kernel = kHostile;
  report.runners[1].metadata[kHostile] = kHostile;
  report.exceeded[0].joint = kHostile;
  report.histograms[0].name = report.calibrations[0] = kHostile;
  report.command = kHostile;
  report.circumstances.emplace_back(kHostile, kHostile);
  const std::string html = html_from_report(report);
  EXPECT_FALSE(holds(html, "<script"));
  EXPECT_FALSE(holds(html, "\x01"));
  EXPECT_FALSE(holds(html, "\xFF"));
  EXPECT_TRUE(holds(html, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\uFFFD\uFFFD"));
  expect_well_formed(html);
}

TEST(Report, WithoutActionsEpisodesOrLayersItSaysSo) {
  ComparisonReport report = report_of();
  report.policy->recorded.clear();
  report.policy->execution.clear();
  report.policy->trajectories.reset();
  report.policy->worst_frames.clear();
  report.layers.clear();
  report.histograms.clear();
  report.limits.clear();
  report.exceeded.clear();
  std::string html = html_from_report(report);
  EXPECT_TRUE(holds(html, "no recording to compare with"));
  EXPECT_TRUE(holds(html, "nothing could be executed"));
  EXPECT_TRUE(holds(html, "No action of any engine differs"));
  EXPECT_TRUE(holds(html, "<code>--layers</code> adds"));
  EXPECT_TRUE(holds(html, "No calibration was given"));
  EXPECT_TRUE(holds(html, "No limits in the robot's units were given"));
  expect_well_formed(html);
  report.policy.reset();
  report.passed = true;
  html = html_from_report(report);
  EXPECT_TRUE(holds(html, "Equal within the tolerances"));
  EXPECT_TRUE(holds(html, "that needs <code>--stats</code>"));
  expect_well_formed(html);
  report.runners.pop_back();
  expect_error(ErrorKind::kUsage, {"at least two"}, [&] { html_from_report(report); });
}

TEST(Report, IsWrittenWholeOrNotAtAll) {
  const TempDir folder;
  const std::string path = folder / "report.html";
  save_report(report_of(), path);
  EXPECT_EQ(read_text(path), html_from_report(report_of()));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  expect_error(ErrorKind::kBadInput, {"nowhere"},
               [&] { save_report(report_of(), folder / "nowhere/report.html"); });
}

TEST(ReportHtml, NumbersHaveThreeDigits) {
  using report::figure;
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(0.0024), "0.00240");
  EXPECT_EQ(figure(-1.5), "−1.50");
  EXPECT_EQ(figure(99.96), "100");
  EXPECT_EQ(figure(1234.5), "1234");
  EXPECT_EQ(figure(3.1e-7), "3.10·10<sup>−7</sup>");
  EXPECT_EQ(figure(2e9), "2.00·10<sup>9</sup>");
  EXPECT_EQ(figure(std::nan("")), "–");
  EXPECT_EQ(figure(-std::numeric_limits<double>::infinity()), "−∞");
  EXPECT_EQ(report::with_unit(0.5, "open"), "0.500\u202Fof opening");
  EXPECT_EQ(report::count_of(1, "frame"), "1 frame");
}

TEST(ReportHtml, TextIsUtf8WithoutMarkupControlOrDirection) {
  using report::escaped;
  EXPECT_EQ(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(escaped("감속 é 🤖"), "감속 é 🤖");
  EXPECT_EQ(escaped("a\x80"
                    "b"),
            "a\uFFFDb");
  EXPECT_EQ(escaped("\xC0\xAF"), "\uFFFD\uFFFD") << "an overlong slash";
  EXPECT_EQ(escaped("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
  EXPECT_EQ(escaped("\xE2\x80"), "\uFFFD\uFFFD") << "cut short";
  EXPECT_EQ(escaped("x\u202Egnp.exe"), "x\uFFFDgnp.exe");
  EXPECT_EQ(report::label(std::string(500, 'x')).size(), report::kLabelLength + 3);
}

TEST(ReportPlot, CurvesKeepGapsAndPeaks) {
  const float nan = std::nanf("");
  const report::Curve curve{"s1", {0, 1, nan, 1}};
  const std::string svg = report::curves_svg({&curve, 1}, {0, 1}, "tall", "a \"plot\"", 0.5);
  EXPECT_THAT(svg, HasSubstr("d=\"M0 400l0 0 2 -400M6 0l0 0\""));
  EXPECT_THAT(svg, HasSubstr("aria-label=\"a &quot;plot&quot;\""));
  EXPECT_THAT(svg, HasSubstr("M3 0v400"));
  std::vector<float> values(1000, 0.0f);
  values[501] = -7;
  const std::vector<float> thin = report::thinned_to_peaks(values, 100);
  EXPECT_EQ(thin.size(), 100u);
  EXPECT_EQ(thin[50], -7);
  EXPECT_EQ(report::thinned(values, 100)[50], 0);
  EXPECT_EQ(report::thinned(values, 2000).size(), 1000u);
}

TEST(ReportPlot, EachHeatLevelIsTwiceTheOneBelow) {
  using report::heat_level;
  EXPECT_EQ(heat_level(8, 8), 7);
  EXPECT_EQ(heat_level(4.01, 8), 7);
  EXPECT_EQ(heat_level(4, 8), 6);
  EXPECT_EQ(heat_level(1e-9, 8), 0);
  EXPECT_EQ(heat_level(0, 8), 0);
  EXPECT_EQ(heat_level(std::nan(""), 8), 0);
  EXPECT_EQ(heat_level(0, 0), 0);
  const std::vector<int> levels = {3, 3, report::kNoHeat, 3};
  EXPECT_THAT(report::heat_svg(levels, ""),
              HasSubstr("<path class=\"h3\" d=\"M0 0h2v1h-2zM3 0h1v1h-1z\"/></svg>"));
}

}  // namespace
}  // namespace tendon
