// The whole public surface of Tendon.
#pragma once

#include <tendon/calibration.h>
#include <tendon/calibrator.h>
#include <tendon/compare.h>
#include <tendon/compare_actions.h>
#include <tendon/config.h>
#include <tendon/data.h>
#include <tendon/data_loader.h>
#include <tendon/engine.h>
#include <tendon/error.h>
#include <tendon/loaders.h>
#include <tendon/log.h>
#include <tendon/network.h>
#include <tendon/runner.h>
#include <tendon/tensor.h>
