// Kernels for AVX2, with FMA and F16C.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define CK_WIDTH 8
#define CK_BFLOAT_PAIRS 0
#define CK_HALF_HARDWARE 1
#include "vector_template.h"

/// Keeps the compiler from moving the additions to `sum` across this line. Left alone, it reorders those of a whole block,
/// and then has more values in flight than there are registers.
#define HOLD(sum) __asm__("" : "+x"(sum))

/// Sums of a tile: one panel's 16 for one column in two registers.
typedef struct {
    __m256 low, high;
} panel_sums;

static inline panel_sums load_sums(const float *sums) {
    return (panel_sums){_mm256_loadu_ps(sums), _mm256_loadu_ps(sums + 8)};
}

static inline void store_sums(float *sums, panel_sums s) {
    _mm256_storeu_ps(sums, s.low);
    _mm256_storeu_ps(sums + 8, s.high);
}

TILE tile_fp32(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    panel_sums s[4][6];
    for (int p = 0; p < panels; p++) {
        for (int c = 0; c < columns; c++) s[p][c] = load_sums(sums + (p * columns + c) * CK_PANEL_ROWS);
    }
    for (size_t k = 0; k < inputs; k++) {
        for (int p = 0; p < panels; p++) {
            const float *line = (const float *)(w + (size_t)p * panel_bytes + k * 64);
            __m256 low = _mm256_loadu_ps(line), high = _mm256_loadu_ps(line + 8);
            for (int c = 0; c < columns; c++) {
                __m256 a = _mm256_broadcast_ss(x + k * group + c);
                s[p][c].low = _mm256_fmadd_ps(low, a, s[p][c].low);
                s[p][c].high = _mm256_fmadd_ps(high, a, s[p][c].high);
            }
        }
    }
    for (int p = 0; p < panels; p++) {
        for (int c = 0; c < columns; c++) store_sums(sums + (p * columns + c) * CK_PANEL_ROWS, s[p][c]);
    }
}

/// Adds input `parity` of the pairs in 16 rows: bfloat16 is the upper half of a float.
TILE add_bf16(int columns, const uint8_t *w, int parity, const float *x, panel_sums *s) {
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000);
    __m256i low = _mm256_loadu_si256((const __m256i *)w), high = _mm256_loadu_si256((const __m256i *)(w + 32));
    low = parity ? _mm256_and_si256(low, upper) : _mm256_slli_epi32(low, 16);
    high = parity ? _mm256_and_si256(high, upper) : _mm256_slli_epi32(high, 16);
    for (int c = 0; c < columns; c++) {
        __m256 a = _mm256_broadcast_ss(x + c);
        s[c].low = _mm256_fmadd_ps(_mm256_castsi256_ps(low), a, s[c].low);
        s[c].high = _mm256_fmadd_ps(_mm256_castsi256_ps(high), a, s[c].high);
        HOLD(s[c].low);
        HOLD(s[c].high);
    }
}

TILE tile_bf16(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const float *x, size_t group, size_t inputs,
    float *sums) {
    panel_sums s[4][6];
    for (int p = 0; p < panels; p++) {
        for (int c = 0; c < columns; c++) s[p][c] = load_sums(sums + (p * columns + c) * CK_PANEL_ROWS);
    }
    for (size_t k = 0; k + 2 <= inputs; k += 2) {
        for (int p = 0; p < panels; p++) {
            const uint8_t *line = w + (size_t)p * panel_bytes + k * 32;
            add_bf16(columns, line, 0, x + k * group, s[p]);
            add_bf16(columns, line, 1, x + (k + 1) * group, s[p]);
        }
    }
    if (inputs % 2 != 0) {
        for (int p = 0; p < panels; p++) {
            size_t k = inputs - 1;
            add_bf16(columns, w + (size_t)p * panel_bytes + k * 32, 0, x + k * group, s[p]);
        }
    }
    for (int p = 0; p < panels; p++) {
        for (int c = 0; c < columns; c++) store_sums(sums + (p * columns + c) * CK_PANEL_ROWS, s[p][c]);
    }
}

// int8. maddubsw multiplies unsigned by signed bytes and adds pairs in 16 bits: |w| times a with w's sign is at most
// 2 · 127 · 127, which fits.

TILE tile_int8(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    // One panel is enough: a block's sums are chains of their own.
    (void)panels, (void)panel_bytes;
    const __m256i ones = _mm256_set1_epi16(1);
    panel_sums s[4];
    for (int c = 0; c < columns; c++) s[c] = load_sums(sums + c * CK_PANEL_ROWS);
    for (size_t block = 0; block < blocks; block++, w += 544) {
        __m256i low[4], high[4];
        for (int c = 0; c < columns; c++) low[c] = high[c] = _mm256_setzero_si256();
        for (int quad = 0; quad < 8; quad++) {
            __m256i w_low = _mm256_loadu_si256((const __m256i *)(w + 32 + quad * 64));
            __m256i w_high = _mm256_loadu_si256((const __m256i *)(w + 64 + quad * 64));
            __m256i size_low = _mm256_abs_epi8(w_low), size_high = _mm256_abs_epi8(w_high);
            for (int c = 0; c < columns; c++) {
                int four;
                memcpy(&four, x[block * group + (size_t)c].q + quad * 4, 4);
                __m256i a = _mm256_set1_epi32(four);
                __m256i pairs_low = _mm256_maddubs_epi16(size_low, _mm256_sign_epi8(a, w_low));
                __m256i pairs_high = _mm256_maddubs_epi16(size_high, _mm256_sign_epi8(a, w_high));
                low[c] = _mm256_add_epi32(low[c], _mm256_madd_epi16(pairs_low, ones));
                high[c] = _mm256_add_epi32(high[c], _mm256_madd_epi16(pairs_high, ones));
                HOLD(low[c]);
                HOLD(high[c]);
            }
        }
        __m256 scale_low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)w));
        __m256 scale_high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(w + 16)));
        for (int c = 0; c < columns; c++) {
            __m256 a = _mm256_broadcast_ss(&x[block * group + (size_t)c].scale);
            s[c].low = _mm256_fmadd_ps(_mm256_cvtepi32_ps(low[c]), _mm256_mul_ps(scale_low, a), s[c].low);
            s[c].high = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high[c]), _mm256_mul_ps(scale_high, a), s[c].high);
        }
    }
    for (int c = 0; c < columns; c++) store_sums(sums + c * CK_PANEL_ROWS, s[c]);
}

// int4. A nibble, w + 8, times a signed byte, in pairs, is at most 2 · 15 · 127: the 8 pairs of a block's lane fit in 16
// bits (30480). The sums begin with what the offset of 8 adds too much.

TILE tile_int4(
    int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activation_block *x, size_t group,
    size_t blocks, float *sums) {
    // One panel is enough: a block's sums are chains of their own.
    (void)panels, (void)panel_bytes;
    const __m256i ones = _mm256_set1_epi16(1), nibble = _mm256_set1_epi8(15);
    panel_sums s[4];
    for (int c = 0; c < columns; c++) s[c] = load_sums(sums + c * CK_PANEL_ROWS);
    for (size_t block = 0; block < blocks; block++, w += 288) {
        __m256i low[4], high[4];
        for (int c = 0; c < columns; c++) {
            int offsets;
            memcpy(&offsets, x[block * group + (size_t)c].offsets, 4);
            low[c] = high[c] = _mm256_set1_epi32(offsets);
        }
        for (int line = 0; line < 4; line++) {
            __m256i both_low = _mm256_loadu_si256((const __m256i *)(w + 32 + line * 64));
            __m256i both_high = _mm256_loadu_si256((const __m256i *)(w + 64 + line * 64));
            for (int half = 0; half < 2; half++) {
                __m256i w_low = half ? _mm256_srli_epi16(both_low, 4) : both_low;
                __m256i w_high = half ? _mm256_srli_epi16(both_high, 4) : both_high;
                w_low = _mm256_and_si256(w_low, nibble);
                w_high = _mm256_and_si256(w_high, nibble);
                for (int c = 0; c < columns; c++) {
                    int four;
                    memcpy(&four, x[block * group + (size_t)c].q + (line + 4 * half) * 4, 4);
                    __m256i a = _mm256_set1_epi32(four);
                    low[c] = _mm256_add_epi16(low[c], _mm256_maddubs_epi16(w_low, a));
                    high[c] = _mm256_add_epi16(high[c], _mm256_maddubs_epi16(w_high, a));
                    HOLD(low[c]);
                    HOLD(high[c]);
                }
            }
        }
        __m256 scale_low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)w));
        __m256 scale_high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(w + 16)));
        for (int c = 0; c < columns; c++) {
            __m256 a = _mm256_broadcast_ss(&x[block * group + (size_t)c].scale);
            __m256 sum_low = _mm256_cvtepi32_ps(_mm256_madd_epi16(low[c], ones));
            __m256 sum_high = _mm256_cvtepi32_ps(_mm256_madd_epi16(high[c], ones));
            s[c].low = _mm256_fmadd_ps(sum_low, _mm256_mul_ps(scale_low, a), s[c].low);
            s[c].high = _mm256_fmadd_ps(sum_high, _mm256_mul_ps(scale_high, a), s[c].high);
        }
    }
    for (int c = 0; c < columns; c++) store_sums(sums + c * CK_PANEL_ROWS, s[c]);
}

enum { FLOAT_REGISTER_COLUMNS = 6, INTEGER_REGISTER_COLUMNS = 1 };
#include "multiply_template.h"

const ck_kernels ck_kernels_avx2 = {
    .name = "avx2",
    .multiply = {multiply_fp32, multiply_bf16, multiply_int8, multiply_int4},
    .quantize_activations = quantize_activations,
    .vector = CK_VECTOR_OPERATIONS,
};

#pragma clang attribute pop

#endif
