#include "ck_checksum.h"

#include <string.h>

enum { LANES = 8 };

// Fletcher's checksum on eight lanes of 64 bits: sums of the words, and sums of those sums, which tell order.
uint64_t ck_checksum(const void *bytes, size_t count) {
    const char *next = bytes;
    uint64_t sums[LANES] = {0}, orders[LANES] = {0}, words[LANES];
    size_t lines = count / sizeof words;
    for (size_t line = 0; line < lines; line++, next += sizeof words) {
        memcpy(words, next, sizeof words);
        for (int lane = 0; lane < LANES; lane++) {
            sums[lane] += words[lane];
            orders[lane] += sums[lane];
        }
    }
    memset(words, 0, sizeof words);
    memcpy(words, next, count % sizeof words);
    uint64_t value = count;
    for (int lane = 0; lane < LANES; lane++) {
        sums[lane] += words[lane];
        orders[lane] += sums[lane];
        value = (value ^ sums[lane]) * 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 32) ^ orders[lane]) * 0xC2B2AE3D27D4EB4F;
    }
    return value ^ (value >> 29);
}
