#include "ck_cpu_features.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
// From the kernel's <asm/hwcap.h>, which not every toolchain brings.
enum { HWCAP_DOT_PRODUCT = 1 << 20 };
#endif

ck_cpu_features ck_detect_cpu_features(void) {
    ck_cpu_features features = {0};
#if defined(__x86_64__)
    __builtin_cpu_init();
    features.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    features.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    features.avx512_vnni = features.avx512 && __builtin_cpu_supports("avx512vnni");
    features.avx512_bf16 = features.avx512 && __builtin_cpu_supports("avx512bf16");
#elif defined(__aarch64__)
    features.neon = true;
#if defined(__linux__)
    features.neon_dot = (getauxval(AT_HWCAP) & HWCAP_DOT_PRODUCT) != 0;
#elif defined(__APPLE__)
    // Every processor that runs macOS on ARM has them.
    features.neon_dot = true;
#endif
#endif
    return features;
}
