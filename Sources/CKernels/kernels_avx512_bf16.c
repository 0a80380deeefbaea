// Kernels for AVX-512 with VNNI and BF16.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma,f16c"))), apply_to = function)

#define CK_BFLOAT_PAIRS 1
#include "avx512_template.h"

const ck_kernels ck_kernels_avx512_bf16 = {
    .name = "avx512-bf16",
    .multiply = {multiply_fp32, multiply_bf16, multiply_int8, multiply_int4},
    .bfloat_pairs = true,
    .quantize_activations = quantize_activations,
    .vector = CK_VECTOR_OPERATIONS,
};

#pragma clang attribute pop

#endif
