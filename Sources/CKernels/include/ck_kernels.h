// The table of kernels for an instruction set.

#ifndef CK_KERNELS_H
#define CK_KERNELS_H

#include "ck_matrix.h"
#include "ck_vector.h"

typedef enum {
    CK_PORTABLE = 0,
    CK_AVX2 = 1,
    /// With VNNI.
    CK_AVX512 = 2,
    /// With VNNI and BF16.
    CK_AVX512_BF16 = 3,
    /// With the dot products of ARMv8.2.
    CK_NEON = 4,
} ck_instruction_set;

enum { CK_INSTRUCTION_SETS = 5 };

/// Multiplies panels `first` to `last` (not included) of the matrix at `weights`, of `rows` rows in all.
typedef void ck_multiply(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y);

typedef struct {
    const char *name;
    /// By `ck_format`.
    ck_multiply *multiply[4];
    /// Whether bf16 reads activations as `bfloats`, rounded, or as `values`, as they are.
    bool bfloat_pairs;
    /// `columns` floats to `ck_blocks(columns)` blocks, `stride` apart.
    void (*quantize_activations)(const float *values, size_t columns, ck_activation_block *blocks, size_t stride);
    ck_vector_operations vector;
} ck_kernels;

static inline void ck_multiply_panels(
    const ck_kernels *kernels, ck_format format, const uint8_t *weights, size_t rows, size_t first, size_t last,
    const ck_activations *x, const ck_outputs *y) {
    kernels->multiply[format](weights, rows, first, last, x, y);
}

/// `columns` floats to as many, `stride` apart.
void ck_interleave(const float *values, size_t columns, float *interleaved, size_t stride);

/// `columns` floats to pairs of bfloat16, `stride` apart; an odd last one is followed by a zero.
void ck_interleave_bfloats(const float *values, size_t columns, uint32_t *interleaved, size_t stride);

/// The kernels for an instruction set, or NULL where this processor or build lacks it.
const ck_kernels *ck_kernels_for(ck_instruction_set set);

/// The fastest kernels this processor can run.
const ck_kernels *ck_best_kernels(void);

#endif
