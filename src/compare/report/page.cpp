// The report as one HTML page that asks the network for nothing.
#include <algorithm>

#include "base/file.h"
#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon {
namespace report {
namespace {

struct Section {
  const char* id;
  const char* title;
  std::string (*write)(const ComparisonReport&);
};
constexpr Section kSections[] = {
    {"engines", "Side by side", engines_section},  {"joints", "Joints", joints_section},
    {"frames", "Worst frames", frames_section},    {"recorded", "Human", recorded_section},
    {"execution", "Execution", execution_section}, {"histograms", "Ranges", histograms_section},
    {"layers", "Layers", layers_section},          {"roofline", "Roofline", roofline_section},
    {"repeat", "Repeat", repeat_section},
};

std::string title_of(const ComparisonReport& report) {
  std::string tested;
  for (size_t i = 1; i < report.runners.size(); ++i) {
    if (i > 1) tested += i + 1 == report.runners.size() ? " and " : ", ";
    tested += label(report.runners[i].name);
  }
  return fmt::format("{} against {}", tested, label(report.runners.front().name));
}

std::string facts_of(const ComparisonReport& report) {
  std::string text;
  if (report.policy.has_value()) {
    const PolicyComparison& policy = *report.policy;
    std::vector<int64_t> episodes;
    for (const FrameId& frame : policy.names.frames) {
      if (std::ranges::count(episodes, frame.episode) == 0) episodes.push_back(frame.episode);
    }
    text = count_of(static_cast<int64_t>(policy.iterations), "input");
    if (!episodes.empty()) {
      text += " from " + count_of(static_cast<int64_t>(episodes.size()), "episode");
    }
    text += fmt::format(" · {} · chunks of {}",
                        count_of(static_cast<int64_t>(policy.joints.size()), "joint"),
                        count_of(policy.chunk_steps, "step"));
  }
  for (const auto& [what, value] : report.circumstances) {
    if (what == "made") text += (text.empty() ? "" : " · ") + escaped(value);
  }
  return text;
}

}  // namespace

size_t position_of_runner(const ComparisonReport& report, const std::string& name) {
  for (size_t i = 0; i < report.runners.size(); ++i) {
    if (report.runners[i].name == name) return i;
  }
  return 0;
}

std::string legend(const ComparisonReport& report, const std::vector<std::string>& names,
                   bool with_recorded) {
  std::string html = "<p class=\"legend\">";
  for (const std::string& name : names) {
    html += fmt::format("<span><i class=\"swatch {}\"></i>{}</span>",
                        series(position_of_runner(report, name)), label(name));
  }
  if (with_recorded) html += "<span><i class=\"swatch recorded\"></i>recorded</span>";
  return html + "</p>\n";
}

}  // namespace report

std::string html_from_report(const ComparisonReport& report) {
  if (report.runners.size() < 2) {
    fail(ErrorKind::kUsage, "html_from_report: {} runner(s); a report compares at least two",
         report.runners.size());
  }
  const std::string title = report::title_of(report);
  std::string links, sections;
  for (const report::Section& section : report::kSections) {
    const std::string html = section.write(report);
    if (html.empty()) continue;
    links += fmt::format("<a href=\"#{}\">{}</a>", section.id, section.title);
    sections += fmt::format("<section>\n{}</section>\n", html);
  }
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{} · Tendon</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n"
      "<header>\n<p class=\"eyebrow\">Tendon comparison</p>\n<h1>{}</h1>\n<p "
      "class=\"meta\">{}</p>\n"
      "</header>\n{}<nav aria-label=\"Sections\">{}</nav>\n{}"
      "<footer>Written by Tendon. The page is complete: no script, no network.</footer>\n"
      "</main>\n</body>\n</html>\n",
      title, report::kStyle, title, report::facts_of(report), report::verdict_section(report),
      links, sections);
}

void save_report(const ComparisonReport& report, const std::string& path) {
  write_file_atomically(path, html_from_report(report));
}

}  // namespace tendon
