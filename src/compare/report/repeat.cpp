// How to make the page again: the call, the files, the machine.
#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {

std::string repeat_section(const ComparisonReport& report) {
  std::string html =
      heading("repeat", "How to repeat it", "The call, what it was given, and where it ran.");
  if (!report.command.empty()) {
    html += fmt::format("<pre tabindex=\"0\"><code>{}</code></pre>\n", escaped(report.command));
  }
  std::string files;
  for (size_t i = 0; i < report.runners.size(); ++i) {
    const ComparedRunner& runner = report.runners[i];
    files += fmt::format(
        "<tr><th scope=\"row\"><i class=\"swatch {}\"></i>{}</th><td class=\"text\">{}</td>"
        "<td class=\"text hash\">{}</td></tr>\n",
        series(i), label(runner.path.empty() ? runner.name : runner.path), label(runner.kind),
        label(runner.sha256));
  }
  html += table("<tr><th>file</th><th class=\"text\">kind</th><th class=\"text\">SHA-256</th></tr>",
                files);
  std::string facts;
  for (const auto& [what, value] : report.circumstances) {
    facts += fmt::format("<dt>{}</dt><dd>{}</dd>\n", label(what), escaped(value));
  }
  if (!facts.empty()) html += fmt::format("<dl class=\"facts\">\n{}</dl>\n", facts);
  std::string origins;
  for (const ComparedRunner& runner : report.runners) {
    for (const auto& [key, value] : runner.metadata) {
      origins += fmt::format(
          "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td "
          "class=\"text\">{}</td></tr>\n",
          label(runner.name), label(key), label(value));
    }
  }
  if (!origins.empty()) {
    html += fmt::format("<details><summary>What the engines carry along</summary>\n{}</details>\n",
                        table("<tr><th>engine</th><th class=\"text\">key</th>"
                              "<th class=\"text\">value</th></tr>",
                              origins));
  }
  return html;
}

}  // namespace tendon::report
