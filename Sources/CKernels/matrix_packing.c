// Packing of weights into panels; see ck_matrix.h for the layouts.

#include "ck_matrix.h"
#include "half.h"

#include <float.h>

// Vectors longer than the processor's registers are passed to functions of this file only, which are compiled together.
#pragma clang diagnostic ignored "-Wpsabi"

/// One number of each of the 16 rows of a panel.
typedef float rows_f __attribute__((vector_size(64)));
typedef int32_t rows_i __attribute__((vector_size(64)));

size_t ck_panel_bytes(ck_format format, size_t columns) {
    switch (format) {
    case CK_FP32: return columns * CK_PANEL_ROWS * 4;
    case CK_BF16: return (columns + 1) / 2 * CK_PANEL_ROWS * 4;
    case CK_INT8: return ck_blocks(columns) * (CK_PANEL_ROWS * 2 + CK_PANEL_ROWS * CK_BLOCK);
    case CK_INT4: return ck_blocks(columns) * (CK_PANEL_ROWS * 2 + CK_PANEL_ROWS * CK_BLOCK / 2);
    }
    return 0;
}

/// Columns `first` to `first + CK_BLOCK` of up to 16 rows, turned so that a column's numbers lie side by side.
static void load_block(const float *values, size_t rows, size_t columns, size_t first, rows_f block[CK_BLOCK]) {
    memset(block, 0, sizeof(rows_f) * CK_BLOCK);
    size_t count = columns - first < CK_BLOCK ? columns - first : CK_BLOCK;
    for (size_t row = 0; row < rows; row++) {
        for (size_t k = 0; k < count; k++) block[k][row] = values[row * columns + first + k];
    }
}

static inline rows_f minimum(rows_f a, rows_f b) { return (rows_f)(((rows_i)a & (a < b)) | ((rows_i)b & ~(a < b))); }
static inline rows_f maximum(rows_f a, rows_f b) { return (rows_f)(((rows_i)a & (a > b)) | ((rows_i)b & ~(a > b))); }
static inline rows_f choose(rows_i condition, rows_f yes, rows_f no) {
    return (rows_f)(((rows_i)yes & condition) | ((rows_i)no & ~condition));
}

/// To the nearest integer within the bounds, which are below 2^22; a NaN becomes a bound.
static inline rows_f rounded(rows_f x, float low, float high) {
    const float shift = 0x1.8p23f;
    return (maximum(minimum(x, (rows_f){0} + high), (rows_f){0} + low) + shift) - shift;
}

/// The scale with which integers from `low` to `high` come closest to each row of the block in squared error: several
/// are tried around the one that just fits the largest number, each refined by least squares.
static rows_f best_scales(const rows_f block[CK_BLOCK], float low, float high, float first, float step, int tries) {
    rows_f largest = {0}, size = {0};
    for (int k = 0; k < CK_BLOCK; k++) {
        rows_f magnitude = (rows_f)((rows_i)block[k] & 0x7fffffff);
        rows_i larger = magnitude > size;
        size = choose(larger, magnitude, size);
        largest = choose(larger, block[k], largest);
    }
    rows_f best = {0}, most = {0};
    for (int try = 0; try < tries; try++) {
        // The largest number lands on the end of the range that reaches farther, whatever its sign.
        rows_f inverse = (low + high < 0 ? -1.0f : 1.0f) * (first + step * (float)try) / largest;
        // Where a row is nothing but zeros.
        inverse = choose(size > FLT_MIN, inverse, (rows_f){0});
        rows_f products = {0}, squares = {0};
        for (int k = 0; k < CK_BLOCK; k++) {
            rows_f q = rounded(block[k] * inverse, low, high);
            products += q * block[k];
            squares += q * q;
        }
        // With the scale products / squares the squared error is the sum of the squared weights less this.
        rows_f explained = choose(squares > 0, products * products / squares, (rows_f){0});
        rows_i better = explained > most;
        most = choose(better, explained, most);
        best = choose(better, products / squares, best);
    }
    return best;
}

/// Writes the scales as float16, and replaces the block by its integers for the scales as written.
static void quantize_block(rows_f block[CK_BLOCK], ck_format format, uint8_t *scales) {
    bool wide = format == CK_INT8;
    float low = wide ? -127 : -8, high = wide ? 127 : 7;
    rows_f scale = wide ? best_scales(block, low, high, 123.5f, 0.4f, 10) : best_scales(block, low, high, 6.8f, 0.15f, 12);
    rows_f inverse;
    for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
        float s = scale[row] > 65504 ? 65504 : scale[row] < -65504 ? -65504 : scale[row];
        uint16_t half = ck_half_from_float(s);
        memcpy(scales + 2 * row, &half, 2);
        float stored = ck_float_from_half(half);
        inverse[row] = stored == 0 ? 0 : 1 / stored;
    }
    for (int k = 0; k < CK_BLOCK; k++) block[k] = rounded(block[k] * inverse, low, high);
}

static void pack_integers(ck_format format, const float *values, size_t rows, size_t columns, uint8_t *panel) {
    rows_f block[CK_BLOCK];
    for (size_t first = 0; first < columns; first += CK_BLOCK) {
        load_block(values, rows, columns, first, block);
        quantize_block(block, format, panel);
        panel += 2 * CK_PANEL_ROWS;
        for (size_t line = 0; line < (format == CK_INT8 ? 8 : 4); line++) {
            for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
                for (size_t i = 0; i < 4; i++) {
                    int q = (int)block[4 * line + i][row];
                    if (format == CK_INT4) q = (q + 8) | ((int)block[4 * (line + 4) + i][row] + 8) << 4;
                    *panel++ = (uint8_t)q;
                }
            }
        }
    }
}

static void pack_floats(ck_format format, const float *values, size_t rows, size_t columns, uint8_t *panel) {
    size_t group = format == CK_BF16 ? 2 : 1, width = format == CK_BF16 ? 2 : 4;
    for (size_t first = 0; first < columns; first += group) {
        for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
            for (size_t k = first; k < first + group; k++, panel += width) {
                float value = row < rows && k < columns ? values[row * columns + k] : 0;
                uint16_t bfloat = ck_bfloat_from_float(value);
                memcpy(panel, format == CK_BF16 ? (const void *)&bfloat : &value, width);
            }
        }
    }
}

void ck_pack_panel(ck_format format, const float *values, size_t rows, size_t columns, uint8_t *panel) {
    if (format == CK_INT8 || format == CK_INT4) {
        pack_integers(format, values, rows, columns, panel);
    } else {
        pack_floats(format, values, rows, columns, panel);
    }
}

void ck_unpack_row(ck_format format, const uint8_t *panel, size_t row, size_t columns, float *values) {
    for (size_t k = 0; k < columns; k++) {
        uint16_t half;
        switch (format) {
        case CK_FP32: memcpy(&values[k], panel + (k * CK_PANEL_ROWS + row) * 4, 4); break;
        case CK_BF16:
            memcpy(&half, panel + (k / 2 * CK_PANEL_ROWS + row) * 4 + k % 2 * 2, 2);
            values[k] = ck_float_from_bfloat(half);
            break;
        case CK_INT8:
        case CK_INT4: {
            const uint8_t *block = panel + k / CK_BLOCK * ck_panel_bytes(format, CK_BLOCK);
            size_t quad = k % CK_BLOCK / 4, lane = 4 * row + k % 4;
            memcpy(&half, block + 2 * row, 2);
            block += 2 * CK_PANEL_ROWS;
            int q = format == CK_INT8 ? (int8_t)block[quad * 64 + lane]
                                      : (block[quad % 4 * 64 + lane] >> (quad < 4 ? 0 : 4) & 15) - 8;
            values[k] = (float)q * ck_float_from_half(half);
            break;
        }
        }
    }
}
