// minmax: nothing is ever clipped.
#include "quant/algorithm.h"

namespace tendon {

double minmax_range(const RangeQuestion& question) { return question.magnitude(); }

}  // namespace tendon
