// Kernels in plain C, for processors without any of the others, and to check the others against.

#define CK_WIDTH 4
#define CK_BFLOAT_PAIRS 0
#define CK_HALF_HARDWARE 0
#include "vector_template.h"

static inline void tile_floats(
    bool bf16, int columns, const uint8_t *w, const float *x, size_t group, size_t inputs, float *sums) {
    for (size_t k = 0; k < inputs; k++) {
        float line[CK_PANEL_ROWS];
        for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
            line[row] = bf16 ? ck_float_from_bfloat(((const uint16_t *)w)[(k / 2 * CK_PANEL_ROWS + row) * 2 + k % 2])
                             : ((const float *)w)[k * CK_PANEL_ROWS + row];
        }
        for (int c = 0; c < columns; c++) {
            float a = x[k * group + (size_t)c];
            for (size_t row = 0; row < CK_PANEL_ROWS; row++) sums[c * CK_PANEL_ROWS + (int)row] += line[row] * a;
        }
    }
}

/// The sums of a block of 32 inputs, exact: 32 products of at most 127 · 127.
static inline void block_sums(ck_format format, const uint8_t *w, const int8_t *q, int32_t sums[CK_PANEL_ROWS]) {
    for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
        int32_t total = 0;
        for (size_t k = 0; k < CK_BLOCK; k++) {
            size_t quad = k / 4, lane = 4 * row + k % 4;
            int value = format == CK_INT8 ? (int8_t)w[quad * 64 + lane]
                                          : (w[quad % 4 * 64 + lane] >> (quad < 4 ? 0 : 4) & 15) - 8;
            total += value * q[k];
        }
        sums[row] = total;
    }
}

static inline void tile_integers(
    ck_format format, int columns, const uint8_t *w, const ck_activation_block *x, size_t group, size_t blocks,
    float *sums) {
    for (size_t block = 0; block < blocks; block++, w += ck_panel_bytes(format, CK_BLOCK)) {
        for (int c = 0; c < columns; c++) {
            const ck_activation_block *a = &x[block * group + (size_t)c];
            int32_t exact[CK_PANEL_ROWS];
            block_sums(format, w + 2 * CK_PANEL_ROWS, a->q, exact);
            for (int row = 0; row < CK_PANEL_ROWS; row++) {
                uint16_t half;
                memcpy(&half, w + 2 * row, 2);
                sums[c * CK_PANEL_ROWS + row] += (float)exact[row] * (ck_float_from_half(half) * a->scale);
            }
        }
    }
}

TILE tile_fp32(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    for (int p = 0; p < panels; p++) {
        tile_floats(false, columns, w + (size_t)p * panel_bytes, x, group, inputs, sums + p * columns * CK_PANEL_ROWS);
    }
}

TILE tile_bf16(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    for (int p = 0; p < panels; p++) {
        tile_floats(true, columns, w + (size_t)p * panel_bytes, x, group, inputs, sums + p * columns * CK_PANEL_ROWS);
    }
}

TILE tile_int8(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    for (int p = 0; p < panels; p++) {
        tile_integers(
            CK_INT8, columns, w + (size_t)p * panel_bytes, x, group, blocks, sums + p * columns * CK_PANEL_ROWS);
    }
}

TILE tile_int4(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    for (int p = 0; p < panels; p++) {
        tile_integers(
            CK_INT4, columns, w + (size_t)p * panel_bytes, x, group, blocks, sums + p * columns * CK_PANEL_ROWS);
    }
}

enum { FLOAT_REGISTER_COLUMNS = 1, INTEGER_REGISTER_COLUMNS = 1 };
#include "multiply_template.h"

const ck_kernels ck_kernels_portable = {
    .name = "portable",
    .multiply = {multiply_fp32, multiply_bf16, multiply_int8, multiply_int4},
    .quantize_activations = quantize_activations,
    .vector = CK_VECTOR_OPERATIONS,
};
