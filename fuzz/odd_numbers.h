// Numbers that bounds and arithmetic on sizes tend to get wrong.
#pragma once

#include <cstdint>

namespace tendon::fuzzing {

inline constexpr uint64_t kOddNumbers[] = {0,
                                           1,
                                           2,
                                           3,
                                           7,
                                           8,
                                           9,
                                           16,
                                           28,
                                           127,
                                           128,
                                           255,
                                           1u << 20,
                                           0x7fffffff,
                                           0x80000000,
                                           0xffffffff,
                                           uint64_t{1} << 62,
                                           ~uint64_t{0},
                                           ~uint64_t{0} - 1,
                                           uint64_t{1} << 63};

}  // namespace tendon::fuzzing
