// Operations on vectors of floats.

#ifndef CK_VECTOR_H
#define CK_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Most queries that attend at once.
enum { CK_ATTENDING = 4 };

/// Keys and values of one head for the positions that a query attends to.
typedef struct {
    /// Position `p` of these is at element p * stride; float16 where `half` is set, else float.
    const void *keys, *values;
    size_t stride;
    size_t positions;
    bool half;
} ck_attended;

typedef struct {
    /// (x - mean) / sqrt(variance + epsilon) * weight + bias; `bias` may be NULL.
    void (*layer_norm)(
        const float *x, const float *weight, const float *bias, float epsilon, size_t count, float *y);
    /// x / sqrt(mean of squares + epsilon) * weight.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t count, float *y);
    /// x = silu(x) * up.
    void (*silu_multiply)(float *x, const float *up, size_t count);
    /// One head, in place: pairs (x[2i], x[2i+1]) turned by angle i, for i below `pairs` (GPT-J, CodeGen).
    void (*rotate_interleaved)(float *x, const float *cosines, const float *sines, size_t pairs);
    /// One head, in place: pairs (x[i], x[i+pairs]) turned by angle i, for i below `pairs` (Llama).
    void (*rotate_halves)(float *x, const float *cosines, const float *sines, size_t pairs);
    /// softmax(scale * query · keys) * values for one head and `count` queries, 1 to CK_ATTENDING, of positions that follow
    /// each other: the first attends to `cache->positions` positions and each further one to one more. Queries and outputs
    /// are `query_stride` and `output_stride` floats apart; `scores` is working memory of CK_ATTENDING times as many floats
    /// as the last attends to. Each output is the same to the bit as that of its query alone.
    void (*attend)(
        const float *queries, size_t query_stride, size_t count, const ck_attended *cache, size_t dimension, float scale,
        float *scores, float *outputs, size_t output_stride);
    void (*float_from_half)(const uint16_t *x, size_t count, float *y);
    void (*half_from_float)(const float *x, size_t count, uint16_t *y);
    void (*float_from_bfloat)(const uint16_t *x, size_t count, float *y);
} ck_vector_operations;

#endif
