// The loops around the tiles: which panels meet which columns when, so that what is used again is still in a cache.
//
// A tile is one or more panels by one or more columns (rows of activations, as columns of the product), all of whose sums
// are computed at once. Each instruction set's file defines, before it includes this,
//
//   tile_fp32, tile_bf16(panels, columns, w, panel_bytes, x, group, inputs, sums)
//   tile_int8, tile_int4(panels, columns, w, panel_bytes, x, group, blocks, sums)
//   CK_BFLOAT_PAIRS: 1 where tile_bf16 reads pairs of bfloat16 as activations, 0 where it reads floats
//   FLOAT_REGISTER_COLUMNS, INTEGER_REGISTER_COLUMNS: how many pairs of a panel and a column fit in the registers
//
// Tiles add to sums[panel][column][16]. Their first two arguments are constants, so that the compiler unrolls the loops over
// them and keeps the sums in registers.

/// Bytes of activations that stay in a core's second-level cache while all panels of a share pass by, and of weights that
/// stay in the first-level cache while the activations pass by.
enum { CACHED_ACTIVATIONS = 320 << 10, CACHED_WEIGHTS = 20 << 10 };

enum { MOST_COLUMNS_AT_A_TIME = 240 };

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/// How the inputs of a format are counted: those in a block, that cannot be divided.
static inline __attribute__((always_inline)) size_t inputs_at_least(ck_format format) {
    return format == CK_FP32 ? 1 : format == CK_BF16 ? 2 : CK_BLOCK;
}

/// Adds inputs `first` to `end` to a tile's sums.
TILE add_tile(
    ck_format format, int panels, int columns, const uint8_t *w, size_t panel_bytes, const ck_activations *x,
    size_t column, size_t first, size_t end, float *sums) {
    size_t unit = inputs_at_least(format);
    w += first / unit * ck_panel_bytes(format, unit);
    if (format == CK_FP32 || format == CK_BF16) {
        size_t group = ck_float_group(x->count);
        size_t start = ck_interleaved(column, group, x->columns);
        const float *values = x->values + start + first * group;
        if (format == CK_BF16 && CK_BFLOAT_PAIRS) values = (const float *)x->bfloats + start + first / 2 * group;
        if (format == CK_FP32) tile_fp32(panels, columns, w, panel_bytes, values, group, end - first, sums);
        if (format == CK_BF16) tile_bf16(panels, columns, w, panel_bytes, values, group, end - first, sums);
    } else {
        size_t group = ck_block_group(x->count), block = first / CK_BLOCK, blocks = ck_blocks(end - first);
        const ck_activation_block *start = x->blocks + ck_interleaved(column, group, ck_blocks(x->columns)) + block * group;
        if (format == CK_INT8) tile_int8(panels, columns, w, panel_bytes, start, group, blocks, sums);
        if (format == CK_INT4) tile_int4(panels, columns, w, panel_bytes, start, group, blocks, sums);
    }
}

/// A tile of as many columns as `columns` says.
TILE add_tile_of(
    ck_format format, size_t columns, const uint8_t *w, size_t panel_bytes, const ck_activations *x, size_t column,
    size_t first, size_t end, float *sums) {
    switch (columns) {
    case 1: add_tile(format, 1, 1, w, panel_bytes, x, column, first, end, sums); break;
    case 2: add_tile(format, 1, 2, w, panel_bytes, x, column, first, end, sums); break;
    case 3: add_tile(format, 1, 3, w, panel_bytes, x, column, first, end, sums); break;
    case 4: add_tile(format, 1, 4, w, panel_bytes, x, column, first, end, sums); break;
    case 5: if (format < CK_INT8) add_tile(format, 1, 5, w, panel_bytes, x, column, first, end, sums); break;
    case 6: if (format < CK_INT8) add_tile(format, 1, 6, w, panel_bytes, x, column, first, end, sums); break;
    }
}

/// All panels by a single tile's columns, several panels at a time as long as there are as many. One sum is a chain of
/// additions that each wait for the one before; many side by side keep the arithmetic units busy.
TILE multiply_narrow(
    ck_format format, int panels, int columns, const uint8_t *weights, size_t panel_bytes, size_t rows, size_t *panel,
    size_t last, const ck_activations *x, const ck_outputs *y) {
    for (; *panel + (size_t)panels <= last; *panel += (size_t)panels) {
        float sums[4 * 6 * CK_PANEL_ROWS] = {0};
        add_tile(format, panels, columns, weights + *panel * panel_bytes, panel_bytes, x, 0, 0, x->columns, sums);
        for (int i = 0; i < panels * columns; i++) {
            finish_panel(
                sums + i * CK_PANEL_ROWS, *panel + (size_t)(i / columns), rows, y, (size_t)(i % columns));
        }
    }
}

/// One panel by columns `start` to `end`, a stretch of the inputs at a time.
TILE multiply_panel(
    ck_format format, const uint8_t *w, size_t panel_bytes, size_t panel, size_t rows, const ck_activations *x,
    size_t start, size_t end, size_t group, const ck_outputs *y) {
    float sums[MOST_COLUMNS_AT_A_TIME * CK_PANEL_ROWS];
    memset(sums, 0, (end - start) * CK_PANEL_ROWS * sizeof(float));
    size_t stretch = CACHED_WEIGHTS / ck_panel_bytes(format, CK_BLOCK) * CK_BLOCK;
    for (size_t first = 0; first < x->columns; first += stretch) {
        for (size_t column = start; column < end; column += group) {
            add_tile_of(
                format, smaller(group, end - column), w, panel_bytes, x, column, first,
                smaller(first + stretch, x->columns), sums + (column - start) * CK_PANEL_ROWS);
        }
    }
    for (size_t column = start; column < end; column++) {
        finish_panel(sums + (column - start) * CK_PANEL_ROWS, panel, rows, y, column);
    }
}

TILE multiply(
    ck_format format, const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x,
    const ck_outputs *y) {
    size_t panel_bytes = ck_panel_bytes(format, x->columns), panel = first;
    int room = format < CK_INT8 ? FLOAT_REGISTER_COLUMNS : INTEGER_REGISTER_COLUMNS;
    if (x->count == 1) {
        if (room >= 4) multiply_narrow(format, 4, 1, weights, panel_bytes, rows, &panel, last, x, y);
    } else if (x->count == 2) {
        if (room >= 4) multiply_narrow(format, 2, 2, weights, panel_bytes, rows, &panel, last, x, y);
    } else if (x->count == 3) {
        if (room >= 6) multiply_narrow(format, 2, 3, weights, panel_bytes, rows, &panel, last, x, y);
    }
    bool floats = format < CK_INT8;
    size_t group = floats ? ck_float_group(x->count) : ck_block_group(x->count);
    size_t bytes = floats ? x->columns * sizeof(float) : ck_blocks(x->columns) * sizeof(ck_activation_block);
    size_t step = smaller(CACHED_ACTIVATIONS / bytes, MOST_COLUMNS_AT_A_TIME) / group * group;
    if (step < group) step = group;
    for (size_t start = 0; start < x->count; start += step) {
        size_t end = smaller(start + step, x->count);
        for (size_t p = panel; p < last; p++) {
            multiply_panel(format, weights + p * panel_bytes, panel_bytes, p, rows, x, start, end, group, y);
        }
    }
}

static void multiply_fp32(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y) {
    multiply(CK_FP32, weights, rows, first, last, x, y);
}

static void multiply_bf16(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y) {
    multiply(CK_BF16, weights, rows, first, last, x, y);
}

static void multiply_int8(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y) {
    multiply(CK_INT8, weights, rows, first, last, x, y);
}

static void multiply_int4(
    const uint8_t *weights, size_t rows, size_t first, size_t last, const ck_activations *x, const ck_outputs *y) {
    multiply(CK_INT4, weights, rows, first, last, x, y);
}
