// The backend for x86 cores: oneDNN for convolutions and products, own vector code for the rest.
#pragma once

#include "engine/kernel.h"

namespace tendon {

Backend& cpu_backend();

}  // namespace tendon
