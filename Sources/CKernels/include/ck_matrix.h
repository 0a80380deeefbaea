// Weight matrices, packed for multiplication from the left: y = W x.
//
// A matrix of `rows` outputs by `columns` inputs is cut into panels of 16 rows, the last one filled up with zeros. All
// instruction sets share one layout, in which the numbers of the 16 rows that meet the same inputs lie side by side in
// lines of 64 bytes. One activation, broadcast, then feeds 16 rows (one AVX-512 register, two of AVX2, four of NEON), and
// sums end up one row a lane, so that nothing is ever added across a register.
//
//   fp32   a line for each input k:            w[0][k] w[1][k] … w[15][k]
//   bf16   a line for each pair of inputs:     w[0][k] w[0][k+1] w[1][k] w[1][k+1] … (an odd last input meets a zero)
//   int8   for each block of 32 inputs:        16 scales (float16), then a line for each of 8 quads of inputs:
//                                              w[0][k…k+3] w[1][k…k+3] …, from -127 to 127
//   int4   for each block of 32 inputs:        16 scales (float16), then 4 lines of bytes laid out like int8's: the low
//                                              nibbles of line i are quad i, the high ones quad i + 4; a nibble is w + 8
//
// Inputs past `columns` in the last block are zeros. Activations are quantised for int8 and int4 to 8 bits in the same
// blocks of 32, once for all rows.
//
// Whatever the number of activation rows multiplied at once, each output is the same sum in the same order: over inputs
// for fp32 and bf16, over blocks (each summed exactly, in integers) for int8 and int4. Results are equal to the bit.

#ifndef CK_MATRIX_H
#define CK_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CK_PANEL_ROWS = 16, CK_BLOCK = 32 };

typedef enum { CK_FP32 = 0, CK_BF16 = 1, CK_INT8 = 2, CK_INT4 = 3 } ck_format;

/// What happens to an output after the bias is added.
typedef enum {
    CK_IDENTITY = 0,
    /// GELU by its tanh approximation ("gelu_new", "gelu_pytorch_tanh").
    CK_GELU_TANH = 1,
    /// GELU by the error function.
    CK_GELU_ERF = 2,
} ck_activation_function;

/// 32 activations, quantised: x[k] ≈ scale * q[k].
typedef struct {
    int8_t q[CK_BLOCK];
    float scale;
    /// -8 times the sum of q[k] where k % 4 is 0 or 1, and where it is 2 or 3: what int4's offset of 8 adds too much to
    /// the even and the odd 16-bit sums.
    int16_t offsets[2];
} ck_activation_block;

/// Most rows of activations that lie interleaved.
enum { CK_FLOAT_GROUP = 6, CK_BLOCK_GROUP = 4 };

/// Activations as a multiplication reads them: `count` rows of `columns`.
///
/// Rows lie interleaved in groups, so that the numbers that meet the same weights are neighbours: input k of row r is number
/// (r / group * columns + k) * group + r % group. The last group has room for all of its rows. Blocks likewise.
typedef struct {
    size_t count, columns;
    /// For fp32 and bf16, in groups of `ck_float_group(count)`: a single row lies as it is.
    const float *values;
    /// For bf16 on processors that multiply pairs of bfloat16, laid out like `values`, a pair taking one place of the
    /// two.
    const uint32_t *bfloats;
    /// For int8 and int4, `ck_blocks(columns)` a row, in groups of `ck_block_group(count)`.
    const ck_activation_block *blocks;
} ck_activations;

/// `count` rows in as few groups of at most `most` as can be, all of one size but for the last.
static inline size_t ck_group(size_t count, size_t most) {
    size_t groups = (count + most - 1) / most;
    return groups == 0 ? 1 : (count + groups - 1) / groups;
}

static inline size_t ck_float_group(size_t count) { return ck_group(count, CK_FLOAT_GROUP); }
static inline size_t ck_block_group(size_t count) { return ck_group(count, CK_BLOCK_GROUP); }

/// Where `row` begins among interleaved rows of `length` numbers or blocks each.
static inline size_t ck_interleaved(size_t row, size_t group, size_t length) {
    return row / group * group * length + row % group;
}

/// Where the outputs of a multiplication go.
typedef struct {
    /// Output `r` of activation row `c` is at values[c * stride + r].
    float *values;
    size_t stride;
    /// One a row of the matrix, or NULL.
    const float *bias;
    ck_activation_function function;
    /// Adds to what is in `values` instead of replacing it.
    bool accumulates;
} ck_outputs;

static inline size_t ck_blocks(size_t columns) { return (columns + CK_BLOCK - 1) / CK_BLOCK; }
static inline size_t ck_panels(size_t rows) { return (rows + CK_PANEL_ROWS - 1) / CK_PANEL_ROWS; }

/// Bytes of one panel; a matrix is its panels one after another.
size_t ck_panel_bytes(ck_format format, size_t columns);

/// Packs `rows` (1 to 16) rows of `columns` floats, one after another, into one panel.
void ck_pack_panel(ck_format format, const float *values, size_t rows, size_t columns, uint8_t *panel);

/// Row `row` (0 to 15) of a panel, as floats.
void ck_unpack_row(ck_format format, const uint8_t *panel, size_t row, size_t columns, float *values);

#endif
