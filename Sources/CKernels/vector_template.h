// The vector operations, written once for registers of CK_WIDTH floats, and compiled for each instruction set by the file
// that includes this. Needs CK_WIDTH, and CK_HALF_HARDWARE where the instruction set converts float16.
//
// An element's result does not depend on where it stands in a vector: the last elements, too few for a register, go
// through the same arithmetic in one that is filled up.

#include "ck_kernels.h"
#include "half.h"

#include <math.h>
#include <string.h>

/// For functions whose arguments include constants that the compiler is to see.
#define TILE static inline __attribute__((always_inline)) void

typedef float vector __attribute__((vector_size(4 * CK_WIDTH)));
typedef int32_t integers __attribute__((vector_size(4 * CK_WIDTH)));
typedef int8_t bytes __attribute__((vector_size(CK_WIDTH)));

static inline vector load(const float *x) {
    vector v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void store(float *x, vector v) { memcpy(x, &v, sizeof v); }

/// The first `count` elements; the others are zeros.
static inline vector load_part(const float *x, size_t count) {
    vector v = {0};
    memcpy(&v, x, count * sizeof(float));
    return v;
}

static inline void store_part(float *x, vector v, size_t count) { memcpy(x, &v, count * sizeof(float)); }

static inline vector splat(float x) { return x - (vector){0}; }

/// Halves are added until four lanes are left.
static inline float sum(vector v) {
    typedef float quad __attribute__((vector_size(16)));
    quad parts[CK_WIDTH / 4];
    memcpy(parts, &v, sizeof v);
    for (size_t half = CK_WIDTH / 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) parts[i] += parts[i + half];
    }
    return (parts[0][0] + parts[0][2]) + (parts[0][1] + parts[0][3]);
}

static inline vector choose(integers condition, vector yes, vector no) {
    return (vector)(((integers)yes & condition) | ((integers)no & ~condition));
}

static inline vector absolute(vector x) { return (vector)((integers)x & 0x7fffffff); }

/// e^x within 2 units in the last place. NaN stays NaN.
static inline vector exponential(vector x) {
    // Beyond these the result is 0 or infinite.
    x = choose(x > 88.7f, splat(88.7f), x);
    integers vanishes = x < -87.3f;
    x = choose(vanishes, splat(0), x);
    const float shift = 0x1.8p23f;
    vector n = (x * 1.44269504f + shift) - shift;
    // ln 2 in two parts, so that n times the first is exact.
    vector r = x - n * 0.693359375f - n * -2.12194440e-4f;
    vector p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    integers power = __builtin_convertvector(choose(n == n, n, splat(0)), integers);
    vector scaled = p * (vector)((power + 127) << 23);
    return choose(vanishes, splat(0), choose(x == x, scaled, x));
}

/// x/2 (1 + tanh u) = x / (1 + e^(-2u)), which keeps its relative precision where tanh comes close to -1.
static inline vector gelu_tanh(vector x) {
    vector u = 0.79788456f * (x + 0.044715f * (x * x * x));
    return x / (1.0f + exponential(-2.0f * u));
}

/// erf by W. H. Press et al., Numerical Recipes, erfcc: a relative error below 1.2e-7.
static inline vector gelu_erf(vector x) {
    vector z = absolute(x) * 0.70710678f, t = 1.0f / (1.0f + 0.5f * z);
    vector p = splat(0.17087277f);
    p = p * t - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    vector complement = 0.5f * t * exponential(p - z * z);
    return x * choose(x < 0, complement, 1.0f - complement);
}

static inline vector silu(vector x) { return x / (1.0f + exponential(-x)); }

static void silu_multiply(float *x, const float *up, size_t count) {
    size_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) store(x + i, silu(load(x + i)) * load(up + i));
    size_t rest = count - i;
    if (rest > 0) store_part(x + i, silu(load_part(x + i, rest)) * load_part(up + i, rest), rest);
}

static float sum_of_squares(const float *x, float mean, size_t count) {
    vector total = {0}, second = {0};
    size_t i = 0;
    for (; i + 2 * CK_WIDTH <= count; i += 2 * CK_WIDTH) {
        vector a = load(x + i) - mean, b = load(x + i + CK_WIDTH) - mean;
        total += a * a;
        second += b * b;
    }
    float rest = 0;
    for (; i < count; i++) rest += (x[i] - mean) * (x[i] - mean);
    return sum(total + second) + rest;
}

static float sum_of(const float *x, size_t count) {
    vector total = {0}, second = {0};
    size_t i = 0;
    for (; i + 2 * CK_WIDTH <= count; i += 2 * CK_WIDTH) {
        total += load(x + i);
        second += load(x + i + CK_WIDTH);
    }
    float rest = 0;
    for (; i < count; i++) rest += x[i];
    return sum(total + second) + rest;
}

static void layer_norm(
    const float *x, const float *weight, const float *bias, float epsilon, size_t count, float *y) {
    float mean = sum_of(x, count) / (float)count;
    float factor = 1 / sqrtf(sum_of_squares(x, mean, count) / (float)count + epsilon);
    for (size_t i = 0; i < count; i++) {
        float normal = (x[i] - mean) * factor * weight[i];
        y[i] = bias == NULL ? normal : normal + bias[i];
    }
}

static void rms_norm(const float *x, const float *weight, float epsilon, size_t count, float *y) {
    float factor = 1 / sqrtf(sum_of_squares(x, 0, count) / (float)count + epsilon);
    for (size_t i = 0; i < count; i++) y[i] = x[i] * factor * weight[i];
}

static float maximum(const float *x, size_t count) {
    vector most = splat(-INFINITY), second = most;
    size_t i = 0;
    for (; i + 2 * CK_WIDTH <= count; i += 2 * CK_WIDTH) {
        vector a = load(x + i), b = load(x + i + CK_WIDTH);
        most = choose(a > most, a, most);
        second = choose(b > second, b, second);
    }
    most = choose(second > most, second, most);
    float result = -INFINITY;
    for (size_t lane = 0; lane < CK_WIDTH; lane++) result = most[lane] > result ? most[lane] : result;
    for (; i < count; i++) result = x[i] > result ? x[i] : result;
    return result;
}

/// In place: e^(x - most). Returns the sum.
static float exponentials(float *x, float most, size_t count) {
    vector total = {0};
    size_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) {
        vector e = exponential(load(x + i) - most);
        store(x + i, e);
        total += e;
    }
    float rest = 0;
    if (i < count) {
        vector e = exponential(load_part(x + i, count - i) - most);
        store_part(x + i, e, count - i);
        for (; i < count; i++) rest += x[i];
    }
    return sum(total) + rest;
}

static void rotate_interleaved(float *x, const float *cosines, const float *sines, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cosines[i] - b * sines[i];
        x[2 * i + 1] = b * cosines[i] + a * sines[i];
    }
}

static void rotate_halves(float *x, const float *cosines, const float *sines, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        float a = x[i], b = x[i + pairs];
        x[i] = a * cosines[i] - b * sines[i];
        x[i + pairs] = b * cosines[i] + a * sines[i];
    }
}

#if CK_HALF_HARDWARE
typedef _Float16 halves __attribute__((vector_size(2 * CK_WIDTH)));

static inline vector load_halves(const uint16_t *x) {
    halves h;
    memcpy(&h, x, sizeof h);
    return __builtin_convertvector(h, vector);
}

static inline void store_halves(uint16_t *x, vector v) {
    halves h = __builtin_convertvector(v, halves);
    memcpy(x, &h, sizeof h);
}
#else
static inline vector load_halves(const uint16_t *x) {
    vector v;
    for (size_t lane = 0; lane < CK_WIDTH; lane++) v[lane] = ck_float_from_half(x[lane]);
    return v;
}

static inline void store_halves(uint16_t *x, vector v) {
    for (size_t lane = 0; lane < CK_WIDTH; lane++) x[lane] = ck_half_from_float(v[lane]);
}
#endif

static void float_from_half(const uint16_t *x, size_t count, float *y) {
    size_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) store(y + i, load_halves(x + i));
    for (; i < count; i++) y[i] = ck_float_from_half(x[i]);
}

static void half_from_float(const float *x, size_t count, uint16_t *y) {
    size_t i = 0;
    for (; i + CK_WIDTH <= count; i += CK_WIDTH) store_halves(y + i, load(x + i));
    for (; i < count; i++) y[i] = ck_half_from_float(x[i]);
}

static void float_from_bfloat(const uint16_t *x, size_t count, float *y) {
    for (size_t i = 0; i < count; i++) y[i] = ck_float_from_bfloat(x[i]);
}

/// Elements `i` and following of a key or value.
static inline vector load_cached(const void *row, bool half, size_t i) {
    return half ? load_halves((const uint16_t *)row + i) : load((const float *)row + i);
}

static inline float cached(const void *row, bool half, size_t i) {
    return half ? ck_float_from_half(((const uint16_t *)row)[i]) : ((const float *)row)[i];
}

static inline const void *cached_row(const void *rows, const ck_attended *cache, size_t position) {
    return (const char *)rows + position * cache->stride * (cache->half ? 2 : 4);
}

/// Scores of positions `first` to `end` for `count` queries.
TILE score(
    size_t count, bool half, const float *queries, size_t query_stride, const ck_attended *cache, size_t first, size_t end,
    size_t dimension, float factor, float *scores, size_t scores_stride) {
    for (size_t p = first; p < end; p++) {
        const void *key = cached_row(cache->keys, cache, p);
        vector totals[CK_ATTENDING];
        float rests[CK_ATTENDING];
        for (size_t q = 0; q < count; q++) totals[q] = (vector){0}, rests[q] = 0;
        size_t i = 0;
        for (; i + CK_WIDTH <= dimension; i += CK_WIDTH) {
            vector k = load_cached(key, half, i);
            for (size_t q = 0; q < count; q++) totals[q] += load(queries + q * query_stride + i) * k;
        }
        for (; i < dimension; i++) {
            float k = cached(key, half, i);
            for (size_t q = 0; q < count; q++) rests[q] += queries[q * query_stride + i] * k;
        }
        for (size_t q = 0; q < count; q++) scores[q * scores_stride + p] = (sum(totals[q]) + rests[q]) * factor;
    }
}

/// Adds the values of positions `first` to `end`, times `count` queries' scores, from element `i` on to one register each
/// of two stretches of the head.
TILE add_values(
    size_t count, size_t registers, bool half, const ck_attended *cache, size_t first, size_t end, size_t i,
    const float *scores, size_t scores_stride, vector sums[CK_ATTENDING][2]) {
    for (size_t p = first; p < end; p++) {
        const void *value = cached_row(cache->values, cache, p);
        for (size_t r = 0; r < registers; r++) {
            vector v = load_cached(value, half, i + r * CK_WIDTH);
            for (size_t q = 0; q < count; q++) sums[q][r] += scores[q * scores_stride + p] * v;
        }
    }
}

TILE attend_stretch(
    size_t count, size_t registers, bool half, const ck_attended *cache, size_t i, const float *scores,
    size_t scores_stride, const float *inverses, float *outputs, size_t output_stride) {
    vector sums[CK_ATTENDING][2] = {0};
    add_values(count, registers, half, cache, 0, cache->positions, i, scores, scores_stride, sums);
    for (size_t q = 0; q < count; q++) {
        // What a later query sees and the first does not.
        add_values(
            1, registers, half, cache, cache->positions, cache->positions + q, i, scores + q * scores_stride, 0, &sums[q]);
        for (size_t r = 0; r < registers; r++) {
            store(outputs + q * output_stride + i + r * CK_WIDTH, sums[q][r] * inverses[q]);
        }
    }
}

TILE attend_with(
    size_t count, bool half, const float *queries, size_t query_stride, const ck_attended *cache, size_t dimension,
    float factor, float *scores, float *outputs, size_t output_stride) {
    size_t positions = cache->positions, stride = positions + count - 1;
    float inverses[CK_ATTENDING];
    score(count, half, queries, query_stride, cache, 0, positions, dimension, factor, scores, stride);
    for (size_t q = 0; q < count; q++) {
        float *own = scores + q * stride;
        score(
            1, half, queries + q * query_stride, 0, cache, positions, positions + q, dimension, factor, own, 0);
        inverses[q] = 1 / exponentials(own, maximum(own, positions + q), positions + q);
    }
    size_t i = 0;
    for (; i + 2 * CK_WIDTH <= dimension; i += 2 * CK_WIDTH) {
        attend_stretch(count, 2, half, cache, i, scores, stride, inverses, outputs, output_stride);
    }
    for (; i + CK_WIDTH <= dimension; i += CK_WIDTH) {
        attend_stretch(count, 1, half, cache, i, scores, stride, inverses, outputs, output_stride);
    }
    for (; i < dimension; i++) {
        for (size_t q = 0; q < count; q++) {
            float s = 0;
            for (size_t p = 0; p < positions + q; p++) {
                s += scores[q * stride + p] * cached(cached_row(cache->values, cache, p), half, i);
            }
            outputs[q * output_stride + i] = s * inverses[q];
        }
    }
}

TILE attend_of(
    bool half, const float *queries, size_t query_stride, size_t count, const ck_attended *cache, size_t dimension,
    float factor, float *scores, float *outputs, size_t output_stride) {
    switch (count) {
    case 1: attend_with(1, half, queries, query_stride, cache, dimension, factor, scores, outputs, output_stride); break;
    case 2: attend_with(2, half, queries, query_stride, cache, dimension, factor, scores, outputs, output_stride); break;
    case 3: attend_with(3, half, queries, query_stride, cache, dimension, factor, scores, outputs, output_stride); break;
    case 4: attend_with(4, half, queries, query_stride, cache, dimension, factor, scores, outputs, output_stride); break;
    }
}

static void attend(
    const float *queries, size_t query_stride, size_t count, const ck_attended *cache, size_t dimension, float factor,
    float *scores, float *outputs, size_t output_stride) {
    if (cache->half) {
        attend_of(true, queries, query_stride, count, cache, dimension, factor, scores, outputs, output_stride);
    } else {
        attend_of(false, queries, query_stride, count, cache, dimension, factor, scores, outputs, output_stride);
    }
}

#define CK_VECTOR_OPERATIONS \
    { \
        .layer_norm = layer_norm, .rms_norm = rms_norm, .silu_multiply = silu_multiply, \
        .rotate_interleaved = rotate_interleaved, .rotate_halves = rotate_halves, .attend = attend, \
        .float_from_half = float_from_half, .half_from_float = half_from_float, \
        .float_from_bfloat = float_from_bfloat, \
    }

static void quantize_activations(
    const float *values, size_t columns, ck_activation_block *blocks, size_t stride) {
// Rounded alike with and without fused multiplication and addition.
#pragma clang fp contract(off)
    for (size_t first = 0; first < columns; first += CK_BLOCK, blocks += stride) {
        vector x[CK_BLOCK / CK_WIDTH], most = {0};
        for (size_t i = 0; i < CK_BLOCK / CK_WIDTH; i++) {
            size_t k = first + i * CK_WIDTH;
            x[i] = k + CK_WIDTH <= columns ? load(values + k) : load_part(values + k, k < columns ? columns - k : 0);
            vector size = absolute(x[i]);
            most = choose(size > most, size, most);
        }
        float largest = 0;
        for (size_t lane = 0; lane < CK_WIDTH; lane++) largest = most[lane] > largest ? most[lane] : largest;
        // What has no finite size is none; it shows in the scale.
        float inverse = largest > 1e-30f && largest < INFINITY ? 127 / largest : 0;
        blocks->scale = largest > 1e-30f ? largest / 127 : 0;
        integers sums = {0};
        for (size_t i = 0; i < CK_BLOCK / CK_WIDTH; i++) {
            const float shift = 0x1.8p23f;
            vector q = (x[i] * inverse + shift) - shift;
            integers whole = __builtin_convertvector(choose(q == q, q, splat(0)), integers);
            bytes narrow = __builtin_convertvector(whole, bytes);
            memcpy(blocks->q + i * CK_WIDTH, &narrow, sizeof narrow);
            sums += whole;
        }
        int offsets[2] = {0, 0};
        for (size_t lane = 0; lane < CK_WIDTH; lane++) offsets[lane % 4 / 2] -= 8 * sums[lane];
        blocks->offsets[0] = (int16_t)offsets[0];
        blocks->offsets[1] = (int16_t)offsets[1];
    }
}

/// What becomes of the 16 sums of panel `panel` for activation row `column`.
static inline void finish_panel(
    const float sums[CK_PANEL_ROWS], size_t panel, size_t rows, const ck_outputs *y, size_t column) {
    size_t first = panel * CK_PANEL_ROWS;
    size_t count = rows - first < CK_PANEL_ROWS ? rows - first : CK_PANEL_ROWS;
    float *out = y->values + column * y->stride + first;
    for (size_t i = 0; i < count; i += CK_WIDTH) {
        size_t part = count - i < CK_WIDTH ? count - i : CK_WIDTH;
        bool whole = part == CK_WIDTH;
        const float *bias = y->bias == NULL ? NULL : y->bias + first + i;
        vector v = load(sums + i);
        if (bias != NULL) v += whole ? load(bias) : load_part(bias, part);
        if (y->function == CK_GELU_TANH) v = gelu_tanh(v);
        if (y->function == CK_GELU_ERF) v = gelu_erf(v);
        if (y->accumulates) v += whole ? load(out + i) : load_part(out + i, part);
        if (whole) {
            store(out + i, v);
        } else {
            store_part(out + i, v, part);
        }
    }
}
