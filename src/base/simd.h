// Settings for Highway; included before any of its headers.
#pragma once

// AVX-512, AVX2 and a portable fallback are built; the targets in between serve machines older than
// any that controls a robot, and each costs compile time in every kernel file. Sanitizers look at
// how memory is used, which AVX2 and AVX-512 share.
#ifdef TENDON_SANITIZED
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif
