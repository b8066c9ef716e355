// `tendon doctor`: what this machine offers, what is missing and the command that installs it.
#include <tendon/config.h>

#include <CLI/CLI.hpp>
#include <set>

#include "backends/registry.h"
#include "base/components.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/text_table.h"
#include "cli/machine.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct DoctorOptions {
  std::vector<std::string> uses = {"run", "build", "test"};
  bool install = false;
  bool yes = false;
};

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

std::vector<ComponentState> wanted_components(const DoctorOptions& options) {
  const auto all = find_components();
  if (!all) {
    fail(ErrorKind::kUnsupported,
         "this machine has no dpkg-query, so the packages cannot be listed; Tendon is made for "
         "Debian 12");
  }
  const std::set<std::string_view> uses(options.uses.begin(), options.uses.end());
  std::vector<ComponentState> wanted;
  for (const ComponentState& state : *all) {
    if (uses.contains(state.component.use)) wanted.push_back(state);
  }
  return wanted;
}

std::vector<std::string> missing_of(const std::vector<ComponentState>& states) {
  std::vector<std::string> packages;
  for (const ComponentState& state : states) {
    if (!state.version) packages.emplace_back(state.component.package);
  }
  return packages;
}

bool can_run(const std::vector<ComponentState>& states) {
  return std::none_of(states.begin(), states.end(), [](const ComponentState& state) {
    return state.component.use == "run" && !state.version;
  });
}

std::string install_line(const std::vector<std::string>& missing) {
  return fmt::format("{}", fmt::join(install_command(missing), " "));
}

Json as_json(const Processor& cpu, const std::vector<ComponentState>& states) {
  Json result;
  result["version"] = TENDON_VERSION;
  result["devices"] = {{{"name", "cpu"},
                        {"model", cpu.model},
                        {"cores", cpu.cores},
                        {"threads", thread_count()},
                        {"onednn_threads", serves_openmp() ? "tendon" : "libgomp"},
                        {"memory_bytes", cpu.memory_bytes},
                        {"instruction_sets", cpu.instruction_sets}}};
  const GpuState gpu = find_gpu();
  result["devices"].push_back(
      {{"name", "cuda"}, {"available", gpu.available}, {"model", gpu.text}});
  result["libraries"] = Json::array();
  for (const auto& [name, version] : find_libraries()) {
    result["libraries"].push_back({{"name", name}, {"version", version}});
  }
  result["components"] = Json::array();
  for (const auto& [component, version] : states) {
    result["components"].push_back({{"use", component.use},
                                    {"package", component.package},
                                    {"enables", component.enables},
                                    {"version", version ? Json(*version) : Json()}});
  }
  const std::vector<std::string> missing = missing_of(states);
  result["missing"] = missing;
  result["install_command"] = missing.empty() ? Json() : Json(install_line(missing));
  return result;
}

std::string as_text(const Processor& cpu, const std::vector<ComponentState>& states) {
  const GpuState gpu = find_gpu();
  std::string text = fmt::format(
      "tendon {}\n\nDevice cpu\n  {}\n  {} cores, {} threads used{}, {:.1f} GiB memory\n  {}\n\n"
      "Device cuda\n  {}{}\n\nLibraries\n",
      TENDON_VERSION, cpu.model, cpu.cores, thread_count(),
      serves_openmp() ? "" : " (oneDNN: libgomp's, which spin)",
      static_cast<double>(cpu.memory_bytes) / kGiB, fmt::join(cpu.instruction_sets, ", "),
      gpu.available ? "" : "not available: ", gpu.text);
  for (const auto& [name, version] : find_libraries()) {
    text += fmt::format("  {} {}\n", name, version);
  }
  TextTable table({{"Use"}, {"Package"}, {"Version"}, {"Enables"}});
  for (const auto& [component, version] : states) {
    table.add_row({std::string(component.use), std::string(component.package),
                   version.value_or("missing"), std::string(component.enables)});
  }
  text += "\n" + table.to_string() + "\n";
  const std::vector<std::string> missing = missing_of(states);
  text += missing.empty() ? "Nothing is missing.\n"
                          : fmt::format("Missing: {}\nInstall: {}\n", fmt::join(missing, ", "),
                                        install_line(missing));
  return text;
}

bool run(const DoctorOptions& options, const CommonOptions& common) {
  if (options.install) config::autoinstall_deps = true;
  if (options.yes) config::ask_before_install = false;

  std::vector<ComponentState> states = wanted_components(options);
  const std::vector<std::string> missing = missing_of(states);
  bool installed = true;
  if (config::autoinstall_deps && !missing.empty()) {
    installed = install_packages(missing);
    states = wanted_components(options);
  }
  const Processor cpu = find_processor();
  if (common.json) {
    print_json(as_json(cpu, states));
  } else {
    print_text(as_text(cpu, states));
  }
  return installed && can_run(states);
}

std::function<bool()> define_doctor(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<DoctorOptions>();
  app.add_option("--for", options->uses, "Uses to check: run, build, test (default: all)")
      ->delimiter(',')
      ->check(CLI::IsMember({"run", "build", "test"}))
      ->type_name("USE,...");
  auto* install = app.add_flag("--install", options->install,
                               "Install the missing packages after asking; "
                               "TENDON_AUTOINSTALL_DEPS=1 does the same");
  app.add_flag("--yes", options->yes,
               "Do not ask before installing; TENDON_ASK_BEFORE_INSTALL=0 does the same")
      ->needs(install);
  return [options, &common] { return run(*options, common); };
}

}  // namespace

Verb doctor_verb() {
  return {"doctor", "Show what this machine offers, what is missing and how to install it",
          "  tendon doctor\n  tendon doctor --for run --install", define_doctor};
}

}  // namespace tendon::cli
