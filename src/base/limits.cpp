#include "base/limits.h"

namespace tendon {

Limits& limits() {
  static Limits instance;
  return instance;
}

}  // namespace tendon
