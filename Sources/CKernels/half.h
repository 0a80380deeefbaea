// Conversions of the short float formats, one number at a time, on any processor.

#ifndef CK_HALF_H
#define CK_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t ck_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

static inline float ck_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static inline float ck_float_from_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    float magnitude;
    if (rest >= 0x7c00) {
        magnitude = ck_from_bits(0x7f800000 | (rest & 0x3ff) << 13);
    } else {
        // Exponents differ by 112; a multiplication, unlike adding to the bits, is right for subnormals too.
        magnitude = ck_from_bits(rest << 13) * 0x1p112f;
    }
    return ck_from_bits(ck_bits(magnitude) | sign);
}

/// To the nearest, ties to even; too large becomes infinite.
static inline uint16_t ck_half_from_float(float x) {
    uint32_t bits = ck_bits(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x47800000) return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) {
        // A subnormal: adding 0.5 leaves the wanted bits, correctly rounded, at the end of the sum.
        return (uint16_t)(sign | (ck_bits(ck_from_bits(rest) + 0.5f) - ck_bits(0.5f)));
    }
    return (uint16_t)(sign | (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13);
}

static inline float ck_float_from_bfloat(uint16_t x) { return ck_from_bits((uint32_t)x << 16); }

/// To the nearest, ties to even.
static inline uint16_t ck_bfloat_from_float(float x) {
    uint32_t bits = ck_bits(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
