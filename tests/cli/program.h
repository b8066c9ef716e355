// Runs the program `tendon` as a user would.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "support/files.h"

namespace tendon::testing {

/// The folder of the bundled policy, and a small model of an untrained one.
inline const std::string kPolicy = source_path("examples/transfer_cube/");
inline const std::string kModel = source_path("tests/models/act_opset17.onnx");

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

/// `tendon arguments` in a shell without a terminal, with `environment` such as "A=1 B=2" before
/// it.
inline Outcome run_tendon(const std::string& arguments, const std::string& environment = "") {
  const TempDir folder;
  const std::string out = folder / "out", err = folder / "err";
  const std::string command = environment + " " TENDON_PROGRAM " " + arguments;
  const int status = std::system((command + " >" + out + " 2>" + err + " </dev/null").c_str());
  return {WEXITSTATUS(status), read_text(out), read_text(err)};
}

}  // namespace tendon::testing
