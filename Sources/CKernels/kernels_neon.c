// Kernels for NEON with the dot products of ARMv8.2: a register holds one number of each of four rows.

#if defined(__aarch64__)

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define CK_WIDTH 4
#define CK_HALF_HARDWARE 1
#include "vector_template.h"

enum { QUARTERS = CK_PANEL_ROWS / 4 };

TILE load_sums(int count, const float *sums, float32x4_t (*s)[QUARTERS]) {
    for (int i = 0; i < count; i++) {
        for (int r = 0; r < QUARTERS; r++) s[i][r] = vld1q_f32(sums + i * CK_PANEL_ROWS + 4 * r);
    }
}

TILE store_sums(int count, float *sums, float32x4_t (*s)[QUARTERS]) {
    for (int i = 0; i < count; i++) {
        for (int r = 0; r < QUARTERS; r++) vst1q_f32(sums + i * CK_PANEL_ROWS + 4 * r, s[i][r]);
    }
}

TILE tile_fp32(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    float32x4_t s[6][QUARTERS];
    load_sums(panels * columns, sums, s);
    for (size_t k = 0; k < inputs; k++) {
        for (int p = 0; p < panels; p++) {
            const float *line = (const float *)(w + (size_t)p * panel_bytes + k * 64);
            for (int r = 0; r < QUARTERS; r++) {
                float32x4_t four = vld1q_f32(line + 4 * r);
                for (int c = 0; c < columns; c++) {
                    s[p * columns + c][r] = vfmaq_n_f32(s[p * columns + c][r], four, x[k * group + (size_t)c]);
                }
            }
        }
    }
    store_sums(panels * columns, sums, s);
}

/// bfloat16 is the upper half of a float.
TILE tile_bf16(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    const uint32x4_t upper = vdupq_n_u32(0xffff0000);
    float32x4_t s[6][QUARTERS];
    load_sums(panels * columns, sums, s);
    for (size_t k = 0; k < inputs; k++) {
        for (int p = 0; p < panels; p++) {
            const uint8_t *line = w + (size_t)p * panel_bytes + k / 2 * 64;
            for (int r = 0; r < QUARTERS; r++) {
                uint32x4_t pairs = vreinterpretq_u32_u8(vld1q_u8(line + 16 * r));
                float32x4_t four = vreinterpretq_f32_u32(k % 2 == 0 ? vshlq_n_u32(pairs, 16) : vandq_u32(pairs, upper));
                for (int c = 0; c < columns; c++) {
                    s[p * columns + c][r] = vfmaq_n_f32(s[p * columns + c][r], four, x[k * group + (size_t)c]);
                }
            }
        }
    }
    store_sums(panels * columns, sums, s);
}

/// Adds one quad of inputs of the 16 rows.
TILE add_quad(int columns, const int8x16_t *w, const ck_activation_block *x, int quad, int32x4_t (*exact)[QUARTERS]) {
    for (int c = 0; c < columns; c++) {
        int32_t four;
        memcpy(&four, x[c].q + quad * 4, 4);
        int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(four));
        for (int r = 0; r < QUARTERS; r++) exact[c][r] = vdotq_s32(exact[c][r], w[r], a);
    }
}

/// Adds a block's sums, times the scales of weights and activations.
TILE add_block(
    int columns, const uint8_t *scales, const ck_activation_block *x, int32x4_t (*exact)[QUARTERS],
    float32x4_t (*s)[QUARTERS]) {
    for (int r = 0; r < QUARTERS; r++) {
        float32x4_t scale = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(scales + 8 * r)));
        for (int c = 0; c < columns; c++) {
            s[c][r] = vfmaq_f32(s[c][r], vcvtq_f32_s32(exact[c][r]), vmulq_n_f32(scale, x[c].scale));
        }
    }
}

TILE tile_int8(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    float32x4_t s[4][QUARTERS];
    (void)panels, (void)panel_bytes;
    load_sums(columns, sums, s);
    for (size_t block = 0; block < blocks; block++, x += group, w += 544) {
        int32x4_t exact[4][QUARTERS];
        memset(exact, 0, sizeof exact);
        for (int quad = 0; quad < 8; quad++) {
            int8x16_t line[QUARTERS];
            for (int r = 0; r < QUARTERS; r++) line[r] = vld1q_s8((const int8_t *)w + 32 + quad * 64 + 16 * r);
            add_quad(columns, line, x, quad, exact);
        }
        add_block(columns, w, x, exact, s);
    }
    store_sums(columns, sums, s);
}

TILE tile_int4(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    const uint8x16_t nibble = vdupq_n_u8(15);
    float32x4_t s[4][QUARTERS];
    (void)panels, (void)panel_bytes;
    load_sums(columns, sums, s);
    for (size_t block = 0; block < blocks; block++, x += group, w += 288) {
        int32x4_t exact[4][QUARTERS];
        for (int c = 0; c < columns; c++) {
            // What the offset of 8 adds too much.
            for (int r = 0; r < QUARTERS; r++) exact[c][r] = vdupq_n_s32(x[c].offsets[0] + x[c].offsets[1]);
        }
        for (int quad = 0; quad < 4; quad++) {
            int8x16_t low[QUARTERS], high[QUARTERS];
            for (int r = 0; r < QUARTERS; r++) {
                uint8x16_t both = vld1q_u8(w + 32 + quad * 64 + 16 * r);
                low[r] = vreinterpretq_s8_u8(vandq_u8(both, nibble));
                high[r] = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
            }
            add_quad(columns, low, x, quad, exact);
            add_quad(columns, high, x, quad + 4, exact);
        }
        add_block(columns, w, x, exact, s);
    }
    store_sums(columns, sums, s);
}

// A panel's sums fill four registers of the 32.
enum { FLOAT_REGISTER_COLUMNS = 6, INTEGER_REGISTER_COLUMNS = 1 };
#include "multiply_template.h"

const ck_kernels ck_kernels_neon = {
    .name = "neon",
    .multiply = {multiply_fp32, multiply_bf16, multiply_int8, multiply_int4},
    .quantize_activations = quantize_activations,
    .vector = CK_VECTOR_OPERATIONS,
};

#pragma clang attribute pop

#endif
