// The ranges of a network's values, as the public header defines them.
#pragma once

#include <tendon/ranges.h>
