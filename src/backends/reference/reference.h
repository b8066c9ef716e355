// The backend that runs every operator by its plain reference.
#pragma once

#include "engine/kernel.h"

namespace tendon {

Backend& reference_backend();

}  // namespace tendon
