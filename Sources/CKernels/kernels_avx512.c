// Kernels for AVX-512 (F, BW, DQ, VL) with VNNI: a register holds one number of each of a panel's 16 rows.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define CK_WIDTH 16
#define CK_HALF_HARDWARE 1
#include "vector_template.h"

/// Keeps the compiler from moving the additions to `sum` across this line; see kernels_avx2.c.
#define HOLD(sum) __asm__("" : "+v"(sum))

/// Loads and stores the sums of a tile.
TILE load_sums(int count, const float *sums, __m512 *s) {
    for (int i = 0; i < count; i++) s[i] = _mm512_loadu_ps(sums + i * CK_PANEL_ROWS);
}

TILE store_sums(int count, float *sums, const __m512 *s) {
    for (int i = 0; i < count; i++) _mm512_storeu_ps(sums + i * CK_PANEL_ROWS, s[i]);
}

TILE tile_fp32(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    __m512 s[24];
    load_sums(panels * columns, sums, s);
    for (size_t k = 0; k < inputs; k++) {
        for (int p = 0; p < panels; p++) {
            __m512 line = _mm512_loadu_ps((const float *)(w + (size_t)p * panel_bytes + k * 64));
            for (int c = 0; c < columns; c++) {
                s[p * columns + c] = _mm512_fmadd_ps(line, _mm512_set1_ps(x[k * group + (size_t)c]), s[p * columns + c]);
            }
        }
    }
    store_sums(panels * columns, sums, s);
}

/// bfloat16 is the upper half of a float.
TILE tile_bf16(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    __m512 s[24];
    load_sums(panels * columns, sums, s);
    for (size_t k = 0; k < inputs; k++) {
        for (int p = 0; p < panels; p++) {
            __m512i pairs = _mm512_loadu_si512(w + (size_t)p * panel_bytes + k / 2 * 64);
            __m512 line = _mm512_castsi512_ps(
                k % 2 == 0 ? _mm512_slli_epi32(pairs, 16) : _mm512_and_si512(pairs, upper));
            for (int c = 0; c < columns; c++) {
                s[p * columns + c] = _mm512_fmadd_ps(line, _mm512_set1_ps(x[k * group + (size_t)c]), s[p * columns + c]);
            }
        }
    }
    store_sums(panels * columns, sums, s);
}

// dpbusd adds four products of an unsigned and a signed byte to 32 bits. Weights are made unsigned by an offset, 128 or 8;
// the sums begin with what that adds too much. Two sums a column, since one waits for the one before.

TILE add_quad(int columns, __m512i w, const ck_activation_block *x, int quad, __m512i (*exact)[2]) {
    for (int c = 0; c < columns; c++) {
        int four;
        memcpy(&four, x[c].q + quad * 4, 4);
        exact[c][quad % 2] = _mm512_dpbusd_epi32(exact[c][quad % 2], w, _mm512_set1_epi32(four));
        HOLD(exact[c][quad % 2]);
    }
}

/// Adds a block's sums, times the scales of weights and activations.
TILE add_block(int columns, const uint8_t *scales, const ck_activation_block *x, __m512i (*exact)[2], __m512 *s) {
    __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)scales));
    for (int c = 0; c < columns; c++) {
        __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(exact[c][0], exact[c][1]));
        s[c] = _mm512_fmadd_ps(sum, _mm512_mul_ps(scale, _mm512_set1_ps(x[c].scale)), s[c]);
    }
}

TILE tile_int8(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    __m512 s[16];
    load_sums(panels * columns, sums, s);
    for (size_t block = 0; block < blocks; block++, x += group, w += 544) {
        for (int p = 0; p < panels; p++) {
            const uint8_t *line = w + (size_t)p * panel_bytes;
            __m512i exact[4][2];
            for (int c = 0; c < columns; c++) {
                exact[c][0] = _mm512_set1_epi32(16 * (x[c].offsets[0] + x[c].offsets[1]));
                exact[c][1] = _mm512_setzero_si512();
            }
            for (int quad = 0; quad < 8; quad++) {
                __m512i signed_weights = _mm512_loadu_si512(line + 32 + quad * 64);
                add_quad(columns, _mm512_xor_si512(signed_weights, offset), x, quad, exact);
            }
            add_block(columns, line, x, exact, s + p * columns);
        }
    }
    store_sums(panels * columns, sums, s);
}

TILE tile_int4(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512 s[16];
    load_sums(panels * columns, sums, s);
    for (size_t block = 0; block < blocks; block++, x += group, w += 288) {
        for (int p = 0; p < panels; p++) {
            const uint8_t *line = w + (size_t)p * panel_bytes;
            __m512i exact[4][2];
            for (int c = 0; c < columns; c++) {
                exact[c][0] = _mm512_set1_epi32(x[c].offsets[0] + x[c].offsets[1]);
                exact[c][1] = _mm512_setzero_si512();
            }
            for (int quad = 0; quad < 4; quad++) {
                __m512i both = _mm512_loadu_si512(line + 32 + quad * 64);
                add_quad(columns, _mm512_and_si512(both, nibble), x, quad, exact);
                add_quad(columns, _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble), x, quad + 4, exact);
            }
            add_block(columns, line, x, exact, s + p * columns);
        }
    }
    store_sums(panels * columns, sums, s);
}

enum { FLOAT_REGISTER_COLUMNS = 6, INTEGER_REGISTER_COLUMNS = 6 };
#include "multiply_template.h"

const ck_kernels ck_kernels_avx512 = {
    .name = "avx512",
    .multiply = {multiply_fp32, multiply_bf16, multiply_int8, multiply_int4},
    .quantize_activations = quantize_activations,
    .vector = CK_VECTOR_OPERATIONS,
};

#pragma clang attribute pop

#endif
