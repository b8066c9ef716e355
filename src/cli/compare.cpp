// `tendon compare`: several models or engines on the same inputs, held against the first one.
#include "base/log.h"
#include "cli/comparison.h"
#include "cli/verb.h"

namespace tendon::cli {

Verb compare_verb() {
  return {"compare", "Run several models or engines on the same inputs and compare their outputs",
          "  tendon compare fp32.engine int8.engine --episodes episodes/ --stats dataset_stats.pkl "
          "--stride 5 --limit '*:p99=0.01' --report report.html\n"
          "  tendon compare recorded.npz policy.engine --inputs recorded.npz --limit '*=0.001' "
          "--stats dataset_stats.pkl",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<CompareOptions>();
            define_compare_options(app, *options);
            return [options, &common] {
              take_data_options(options->build.checkpoint, options->data);
              const ComparisonOutcome outcome = run_comparison(*options, common.command);
              if (!options->report.empty()) {
                save_report(outcome.report, options->report);
                log(Severity::kFinish, "The report is in {}", options->report);
              }
              common.json ? print_json(json_from_outcome(outcome))
                          : print_text(text_from_report(outcome.report));
              return outcome.report.passed;
            };
          }};
}

}  // namespace tendon::cli
