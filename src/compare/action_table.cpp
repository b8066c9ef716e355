// Action errors as a table for terminals.
#include <tendon/compare_actions.h>

#include "base/format.h"
#include "base/text_table.h"

namespace tendon {

std::string IterationNames::operator()(size_t iteration) const {
  if (iteration >= frames.size()) return fmt::format("iteration {}", iteration);
  const FrameId& frame = frames[iteration];
  const auto episode = static_cast<size_t>(frame.episode);
  return fmt::format(
      "{} frame {}",
      episode < episodes.size() ? episodes[episode] : fmt::format("episode {}", frame.episode),
      frame.step);
}

std::string to_table(const ActionComparison& comparison, const IterationNames& names) {
  using enum TextTable::Align;
  TextTable table({{"joint"},
                   {"unit"},
                   {"mean", kRight},
                   {"bias", kRight},
                   {"rms", kRight},
                   {"p99", kRight},
                   {"max", kRight},
                   {"max (std)", kRight},
                   {"worst at"}});
  const auto number = [](double value) { return fmt::format("{:.3g}", value); };
  const auto place = [&](const ErrorFigures& figures) {
    return fmt::format("{}, step {}", names(figures.iteration), figures.step);
  };
  for (const JointError& joint : comparison.joints) {
    table.add_row({joint.joint.name, joint.joint.unit, number(joint.robot.mean),
                   number(joint.robot.bias), number(joint.robot.rms), number(joint.robot.p99),
                   number(joint.robot.max), number(joint.normalized.max), place(joint.robot)});
  }
  const ErrorFigures& all = comparison.overall;
  table.add_row({"all", "std", number(all.mean), number(all.bias), number(all.rms), number(all.p99),
                 number(all.max), number(all.max), place(all)});
  return table.to_string();
}

}  // namespace tendon
