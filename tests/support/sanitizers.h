// Whether a sanitizer that owns the allocator is in this build.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TENDON_SANITIZED_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TENDON_SANITIZED_ALLOCATOR 1
#endif
#endif
#ifndef TENDON_SANITIZED_ALLOCATOR
#define TENDON_SANITIZED_ALLOCATOR 0
#endif
