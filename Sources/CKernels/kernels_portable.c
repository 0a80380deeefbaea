// Kernels in plain C, for processors without any of the others, and to check the others against.

#define CK_WIDTH 4
#define CK_HALF_HARDWARE 0
#include "vector_template.h"

static void multiply_fp32(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y,
    void *scratch) {
    (void)scratch;
    for (size_t panel = first; panel < last; panel++) {
        const float *w = (const float *)(weights + panel * ck_panel_bytes(CK_FP32, x->columns));
        for (size_t column = 0; column < x->count; column++) {
            const float *values = x->values + column * x->columns;
            float sums[CK_PANEL_ROWS] = {0};
            for (size_t k = 0; k < x->columns; k++) {
                for (size_t row = 0; row < CK_PANEL_ROWS; row++) sums[row] += w[k * CK_PANEL_ROWS + row] * values[k];
            }
            finish_panel(sums, panel, rows, y, column);
        }
    }
}

static void multiply_bf16(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y,
    void *scratch) {
    (void)scratch;
    for (size_t panel = first; panel < last; panel++) {
        const uint16_t *w = (const uint16_t *)(weights + panel * ck_panel_bytes(CK_BF16, x->columns));
        for (size_t column = 0; column < x->count; column++) {
            const float *values = x->values + column * x->columns;
            float sums[CK_PANEL_ROWS] = {0};
            for (size_t k = 0; k < x->columns; k++) {
                const uint16_t *line = w + k / 2 * (2 * CK_PANEL_ROWS) + k % 2;
                for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
                    sums[row] += ck_float_from_bfloat(line[2 * row]) * values[k];
                }
            }
            finish_panel(sums, panel, rows, y, column);
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

static inline void multiply_integers(
    ck_format format, const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x,
    const ck_outputs *y) {
    size_t blocks = ck_blocks(x->columns), block_bytes = ck_panel_bytes(format, CK_BLOCK);
    for (size_t panel = first; panel < last; panel++) {
        for (size_t column = 0; column < x->count; column++) {
            const uint8_t *block = weights + panel * blocks * block_bytes;
            float sums[CK_PANEL_ROWS] = {0};
            for (size_t i = 0; i < blocks; i++, block += block_bytes) {
                const ck_activation_block *a = &x->blocks[column * blocks + i];
                int32_t exact[CK_PANEL_ROWS];
                block_sums(format, block + 2 * CK_PANEL_ROWS, a->q, exact);
                for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
                    uint16_t half;
                    memcpy(&half, block + 2 * row, 2);
                    sums[row] += (float)exact[row] * (ck_float_from_half(half) * a->scale);
                }
            }
            finish_panel(sums, panel, rows, y, column);
        }
    }
}

static void multiply_int8(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y,
    void *scratch) {
    (void)scratch;
    multiply_integers(CK_INT8, weights, rows, first, last, x, y);
}

static void multiply_int4(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y,
    void *scratch) {
    (void)scratch;
    multiply_integers(CK_INT4, weights, rows, first, last, x, y);
}

const ck_kernels ck_kernels_portable = {
    .name = "portable",
    .multiply = {multiply_fp32, multiply_bf16, multiply_int8, multiply_int4},
    .quantize_activations = quantize_activations,
    .vector = CK_VECTOR_OPERATIONS,
};
