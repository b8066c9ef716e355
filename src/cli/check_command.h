// The command that judges a candidate file, for verbs that search.
#pragma once

#include <string>

namespace tendon::cli {

/// What the option of such a command says.
inline constexpr const char* kCheckHelp =
    "Shell command that judges a candidate by its exit status; {} stands for the candidate's file, "
    "else the file is its last argument";

/// The exit status of the shell command on `file`. What it prints goes to standard error. Throws
/// Error{kUsage} where the shell does not find the command.
int check_status(const std::string& command, const std::string& file);

}  // namespace tendon::cli
