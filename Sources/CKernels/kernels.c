#include "ck_kernels.h"
#include "ck_cpu_features.h"

extern const ck_kernels ck_kernels_portable;

const ck_kernels *ck_kernels_for(ck_instruction_set set) {
    switch (set) {
    case CK_PORTABLE: return &ck_kernels_portable;
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
