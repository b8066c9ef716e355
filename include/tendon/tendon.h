// The whole public surface of Tendon.
#pragma once

#include <tendon/action_limits.h>
#include <tendon/buffer.h>
#include <tendon/calibration.h>
#include <tendon/calibrator.h>
#include <tendon/compare.h>
#include <tendon/compare_actions.h>
#include <tendon/compare_layers.h>
#include <tendon/comparison.h>
#include <tendon/config.h>
#include <tendon/data.h>
#include <tendon/data_loader.h>
#include <tendon/dlpack.h>
#include <tendon/engine.h>
#include <tendon/error.h>
#include <tendon/execution.h>
#include <tendon/loaders.h>
#include <tendon/log.h>
#include <tendon/network.h>
#include <tendon/precision_search.h>
#include <tendon/report.h>
#include <tendon/runner.h>
#include <tendon/tensor.h>
