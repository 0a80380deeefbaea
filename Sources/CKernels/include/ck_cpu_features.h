// What the processor can do.

#ifndef CK_CPU_FEATURES_H
#define CK_CPU_FEATURES_H

#include <stdbool.h>

/// What the processor can do, as it says itself (CPUID on x86-64; NEON is part of every 64-bit ARM).
typedef struct {
    /// AVX2 with FMA and F16C.
    bool avx2;
    /// AVX-512 F, BW, DQ and VL.
    bool avx512;
    /// AVX-512 VNNI: dot products of 8-bit integers.
    bool avx512_vnni;
    /// AVX-512 BF16: dot products of bfloat16.
    bool avx512_bf16;
    bool neon;
    /// The dot products of 8-bit integers that ARMv8.2 added.
    bool neon_dot;
} ck_cpu_features;

ck_cpu_features ck_detect_cpu_features(void);

#endif
