// Options of `tendon compare`.
#pragma once

#include <tendon/action_limits.h>
#include <tendon/compare_func.h>

#include "cli/data_options.h"
#include "cli/model_options.h"

namespace tendon::cli {

struct CompareOptions {
  std::vector<std::string> models;
  BuildOptions build;
  DataOptions data;
  int warm_up = 1;
  std::vector<std::string> atol, rtol;
  std::string check_error_stat = "elemwise";
  std::string compare = "simple";
  std::vector<std::string> limits;
  std::string action_output = "action";
  int64_t query_every = 0;
  double ensembling_decay = 0.01;
  double rate = 50;
  bool layers = false;
  int64_t layer_frames = 8;
  size_t worst_frames = 3;
  bool fail_fast = false;
  std::string save_outputs;
  std::string report;
  std::vector<std::string> calibrations;
};

void define_compare_options(CLI::App& app, CompareOptions& options);
CompareFunc compare_func_from(const CompareOptions& options);
PolicyOptions policy_options_from(const CompareOptions& options);
std::vector<ActionLimit> limits_from(const CompareOptions& options);

}  // namespace tendon::cli
