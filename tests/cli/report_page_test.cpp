// `tendon compare --report`: the page is written, and a browser opens it without a complaint.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/sanitizers.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kFrames = " --episodes " + kPolicy + "episodes/episode_4.hdf5 --stats " +
                            kPolicy +
                            "dataset_stats.pkl --cameras top,left_wrist,right_wrist --color rgb "
                            "--stride 350 ";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// The policy against an engine that was built from it without some passes.
class ReportPage : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempDir>();
    const std::string engine = *folder_ / "plain.engine";
    const Outcome built = run_tendon("build " + kPolicy + "policy.onnx -o " + engine +
                                     " --disable-pass fuse-conv,fold-batch-norm,fuse-attention");
    ASSERT_EQ(built.status, 0) << built.err;
    outcome_ = run_tendon("compare " + kPolicy + "policy.onnx " + engine + kFrames +
                          "--layers --layer-frames 1 --limit '*=1e-3' --json --report " +
                          (*folder_ / "report.html"));
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string page() { return read_text(*folder_ / "report.html"); }

  /// What the browser says of a page on its console, line by line.
  static std::string console_of(const std::string& html, int width) {
    const TempDir folder;
    write_text(folder / "page.html", html);
    const std::string command =
        "timeout 100 chromium --headless=new --no-sandbox --disable-gpu --no-first-run "
        "--disable-background-networking --disable-component-update "
        "--host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --v=0 --user-data-dir=" +
        (folder / "profile") + " --window-size=" + std::to_string(width) +
        ",900 --screenshot=" + (folder / "page.png") + " file://" + (folder / "page.html") + " >" +
        (folder / "out") + " 2>" + (folder / "err");
    EXPECT_EQ(std::system(command.c_str()), 0) << read_text(folder / "err");
    EXPECT_TRUE(std::filesystem::exists(folder / "page.png")) << read_text(folder / "err");
    std::istringstream lines(read_text(folder / "err"));
    std::string found;
    for (std::string line; std::getline(lines, line);) {
      if (line.find(":CONSOLE") != std::string::npos) found += line + "\n";
    }
    return found;
  }

  static bool has_browser() {
    return TENDON_SANITIZED_ALLOCATOR == 0 &&
           std::system("command -v chromium >/dev/null 2>&1") == 0;
  }

  static inline std::unique_ptr<TempDir> folder_;
  static inline Outcome outcome_;
};

TEST_F(ReportPage, TheComparisonAnswersEverything) {
  ASSERT_EQ(outcome_.status, 0) << outcome_.err;
  EXPECT_THAT(outcome_.err, HasSubstr("The report is in "));
  const Json result = Json::parse(outcome_.out);
  EXPECT_TRUE(result["passed"]);
  ASSERT_EQ(result["runners"].size(), 2u);
  EXPECT_EQ(result["runners"][1]["latency_ms"]["count"], 2);
  EXPECT_GT(result["runners"][1]["weight_bytes"], 0);
  EXPECT_EQ(result["actions"][0]["cells"].size(), 1400u);
  EXPECT_EQ(result["actions"][0]["padded"], 50 * 14) << "frame 350 of 400";
  EXPECT_GT(result["actions"][0]["overall"]["max"], 0);
  EXPECT_LT(result["actions"][0]["overall"]["max"], 1e-3);
  EXPECT_EQ(result["recorded"].size(), 2u);
  EXPECT_EQ(result["execution"].size(), 4u);
  EXPECT_EQ(result["worst_frames"][0]["tested"], "plain.engine");
  EXPECT_GT(result["layers"][0]["layers"].size(), 20u);
  EXPECT_EQ(result["frames"][1], Json::parse("[\"episode_4\", 350]"));
  const std::string html = page();
  for (const char* part : {"Within the limits", "plain.engine against policy.onnx", "episode_4",
                           "<img src=\"data:image/jpeg;base64,", "right_wrist_rotate",
                           "--limit &#39;*=1e-3&#39;", "SHA-256"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
}

TEST_F(ReportPage, ABrowserShowsItWithoutComplaint) {
  if (!has_browser()) GTEST_SKIP() << "no chromium here";
  EXPECT_EQ(console_of(page(), 1280), "");
  // The page's own policy makes every request to elsewhere a complaint; this one must be seen.
  const std::string asking =
      replaced(page(), "<main>", "<main><img src=\"http://a.invalid/b.png\">");
  EXPECT_THAT(console_of(asking, 1280), HasSubstr("a.invalid"));
  std::string measured = replaced(page(), "default-src 'none'", "script-src 'unsafe-inline'");
  measured = replaced(measured, "</body>",
                      // No window is that narrow.
                      "<script>document.body.style.width = '360px';"
                      "console.log('width ' + document.body.scrollWidth)</script></body>");
  EXPECT_THAT(console_of(measured, 500), HasSubstr("\"width 360\""));
}

TEST(Compare, AReportThatCannotBeWrittenIsSeenBeforeTheWork) {
  const TempDir folder;
  const Outcome outcome = run_tendon("compare " + kPolicy + "policy.onnx " + kPolicy +
                                     "policy.onnx --report " + (folder / "no/report.html"));
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, HasSubstr("no/report.html"));
  EXPECT_EQ(outcome.err.find("Building engine"), std::string::npos);
}

TEST(Compare, LimitsMayConcernOtherFigures) {
  const std::string recorded = kPolicy + "reference.npz";
  const std::string compare = "compare " + recorded + " " + kPolicy + "policy.onnx --inputs " +
                              recorded + " --stats " + kPolicy + "dataset_stats.pkl --limit ";
  const Outcome exceeded = run_tendon(compare + "'*:mean=1e-12'");
  EXPECT_EQ(exceeded.status, 1);
  EXPECT_THAT(exceeded.out, HasSubstr("LIMIT EXCEEDED: policy.onnx: mean of left_waist is "));
  const Outcome jumps = run_tendon(compare + "'*:jump=1.2'");
  EXPECT_EQ(jumps.status, 2);
  EXPECT_THAT(jumps.err, HasSubstr("needs episodes"));
}

TEST(Compare, ALimitNeedsTheRobotsUnits) {
  const std::string model = TENDON_SOURCE_DIR "/tests/models/act_opset17.onnx";
  const Outcome outcome = run_tendon("compare " + model + " " + model + " --limit '*=1'");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("give --stats"));
}

TEST(Compare, FilesOfOneNameAreToldApart) {
  const std::string model = TENDON_SOURCE_DIR "/tests/models/act_opset17.onnx";
  const Outcome outcome = run_tendon("compare " + model + " " + model + " --json");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json result = Json::parse(outcome.out);
  EXPECT_EQ(result["runners"][0]["name"], model);
  EXPECT_EQ(result["runners"][1]["name"], model + " (2)");
}

}  // namespace
}  // namespace tendon::testing
