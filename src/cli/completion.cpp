// `tendon completion`: completion scripts for three shells, written from the option table.
#include <CLI/CLI.hpp>
#include <map>

#include "base/format.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

/// "--json", "-v", …
std::vector<std::string> flags_of(const CLI::Option& option) {
  std::vector<std::string> flags;
  for (const std::string& name : option.get_snames()) flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flags.push_back("--" + name);
  return flags;
}

/// `text` within single quotes, for any of the shells.
std::string shell_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// One word of zsh's _arguments: '--name[description]'.
std::string zsh_argument(const std::string& flag, const CLI::Option& option) {
  std::string text = flag + "[";
  for (const char c : option.get_description()) {
    if (c == '[' || c == ']' || c == ':') text += '\\';
    text += c;
  }
  text += "]";
  if (option.get_items_expected_max() > 0) text += ":value:_files";
  return shell_quoted(text);
}

std::string bash_script(const std::vector<const CLI::App*>& verbs) {
  std::string names, cases;
  for (const CLI::App* verb : verbs) {
    names += " " + verb->get_name();
    cases += fmt::format("      {}) words='", verb->get_name());
    for (const CLI::Option* option : verb->get_options()) {
      cases += fmt::format("{} ", fmt::join(flags_of(*option), " "));
    }
    cases += "' ;;\n";
  }
  return fmt::format(
      "# Completion of tendon for bash: source <(tendon completion bash)\n"
      "_tendon() {{\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=''\n"
      "  if [[ $COMP_CWORD -eq 1 ]]; then\n"
      "    words='--help --version{}'\n"
      "  elif [[ $current == -* ]]; then\n"
      "    case \"${{COMP_WORDS[1]}}\" in\n"
      "{}"
      "    esac\n"
      "  fi\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}}\n"
      "complete -o default -F _tendon tendon\n",
      names, cases);
}

std::string zsh_script(const std::vector<const CLI::App*>& verbs) {
  std::string names, cases;
  for (const CLI::App* verb : verbs) {
    names += "    " + shell_quoted(verb->get_name() + ":" + verb->get_description()) + "\n";
    cases += fmt::format("    {}) _arguments", verb->get_name());
    for (const CLI::Option* option : verb->get_options()) {
      for (const std::string& flag : flags_of(*option)) {
        cases += " \\\n      " + zsh_argument(flag, *option);
      }
    }
    cases += " \\\n      '*:file:_files' ;;\n";
  }
  return fmt::format(
      "#compdef tendon\n"
      "# Completion of tendon for zsh: source <(tendon completion zsh)\n"
      "_tendon() {{\n"
      "  local -a verbs=(\n"
      "{}"
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $verb in\n"
      "{}"
      "  esac\n"
      "}}\n"
      "compdef _tendon tendon\n",
      names, cases);
}

std::string fish_script(const std::vector<const CLI::App*>& verbs) {
  std::string text = "# Completion of tendon for fish: tendon completion fish | source\n";
  for (const CLI::App* verb : verbs) {
    text += fmt::format("complete -c tendon -n __fish_use_subcommand -f -a {} -d {}\n",
                        verb->get_name(), shell_quoted(verb->get_description()));
    for (const CLI::Option* option : verb->get_options()) {
      if (flags_of(*option).empty()) continue;
      text +=
          fmt::format("complete -c tendon -n '__fish_seen_subcommand_from {}'", verb->get_name());
      for (const std::string& name : option->get_snames()) text += " -s " + name;
      for (const std::string& name : option->get_lnames()) text += " -l " + name;
      if (option->get_items_expected_max() > 0) text += " -r";
      text += " -d " + shell_quoted(option->get_description()) + "\n";
    }
  }
  return text;
}

using Writer = std::string (*)(const std::vector<const CLI::App*>&);
const std::map<std::string, Writer> kWriters = {
    {"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

std::function<bool()> define_completion(CLI::App& app, const CommonOptions& common) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(&kWriters))
      ->type_name("");
  return [shell, &app, &common] {
    const CLI::App* root = app.get_parent();
    const std::string script = kWriters.at(*shell)(root->get_subcommands({}));
    if (common.json) {
      print_json(Json{{"shell", *shell}, {"script", script}});
    } else {
      print_text(script);
    }
    return true;
  };
}

}  // namespace

Verb completion_verb() {
  return {"completion", "Print the completion script of a shell",
          "  source <(tendon completion bash)", define_completion};
}

}  // namespace tendon::cli
