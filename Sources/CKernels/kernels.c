#include "ck_kernels.h"
#include "ck_cpu_features.h"

extern const ck_kernels ck_kernels_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2, ck_kernels_avx512;
#elif defined(__aarch64__)
extern const ck_kernels ck_kernels_neon;
#endif

const ck_kernels *ck_kernels_for(ck_instruction_set set) {
    ck_cpu_features features = ck_detect_cpu_features();
    (void)features;
    switch (set) {
    case CK_PORTABLE: return &ck_kernels_portable;
#if defined(__x86_64__)
    case CK_AVX2: return features.avx2 ? &ck_kernels_avx2 : NULL;
    case CK_AVX512: return features.avx2 && features.avx512_vnni ? &ck_kernels_avx512 : NULL;
#elif defined(__aarch64__)
    case CK_NEON: return features.neon_dot ? &ck_kernels_neon : NULL;
#endif
    default: return NULL;
    }
}

const ck_kernels *ck_best_kernels(void) {
    for (int set = CK_INSTRUCTION_SETS - 1; set > 0; set--) {
        const ck_kernels *kernels = ck_kernels_for((ck_instruction_set)set);
        if (kernels != NULL) return kernels;
    }
    return ck_kernels_for(CK_PORTABLE);
}

void ck_interleave(const float *values, size_t columns, float *interleaved, size_t stride) {
    for (size_t k = 0; k < columns; k++) interleaved[k * stride] = values[k];
}
