// SPDX-License-Identifier: Apache-2.0
// Byte slots at every level of this machine: the same bytes as plain loops, tails, unaligned and
// shared memory, extreme values; the tile and depthwise slots where the drivers do not reach. What
// goes from element to element is tested by test_codes.c.
#include "bytes.h"
#include "tests.h"

enum { ROUNDS = 300 };

static void windows(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 35);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        size_t taps = (size_t)between(&rng, 1, round % 20 ? 10 : 300);
        struct band x = band_new(taps * n, shift(&rng));
        struct band y = band_new(n, shift(&rng));
        fill_bytes(&rng, (int)mopt__rng_below(&rng, 3), x.data, taps * n);
        const uint8_t *rows[300];
        for (size_t t = 0; t < taps; t++) {
            rows[t] = x.data + t * n;
        }
        kernels->max_u8(rows, taps, n, y.data);
        for (size_t c = 0; c < n; c++) {
            uint8_t most = 0;
            for (size_t t = 0; t < taps; t++) {
                most = rows[t][c] > most ? rows[t][c] : most;
            }
            assert_int_equal(y.data[c], most);
        }
        uint32_t whole = 0;
        for (size_t i = 0; i < taps * n; i++) {
            whole += x.data[i];
        }
        assert_int_equal(kernels->total_u8(x.data, taps * n), whole);
        band_free(&x);
        band_free(&y);
    }
}

static void lookup(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 36);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        struct band x = band_new(n, shift(&rng));
        struct band y = band_new(n, shift(&rng));
        uint8_t table[256];
        fill_bytes(&rng, 0, table, sizeof table);
        fill_bytes(&rng, 0, x.data, n);
        for (size_t i = 0; i < n && n == LENGTH_MOST; i++) {
            x.data[i] = (uint8_t)i; // every byte
        }
        kernels->lookup_u8(x.data, table, y.data, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(y.data[i], table[x.data[i]]);
        }
        kernels->lookup_u8(x.data, table, x.data, n); // in place
        assert_memory_equal(x.data, y.data, n);
        band_free(&x);
        band_free(&y);
    }
}

// ---- The tile: several taps, rows anywhere, an offset, every number of rows and columns
struct tile {
    size_t taps, k, quads;
    int rows, cols;
    struct band *a;           // [taps * rows]
    const uint8_t **pointers; // [taps][tile rows]
    int8_t *b;                // [taps][k][cols]
    int8_t *panel;
    int32_t bias[MOPT_TILE_COLS_MAX];
    float scale[MOPT_TILE_COLS_MAX], shift[MOPT_TILE_COLS_MAX];
};

static void tile_init(struct mopt_rng *rng, const struct mopt_kernels *kernels, size_t offset,
                      struct tile *t)
{
    size_t tile_cols = (size_t)kernels->u8_cols;
    size_t rows = (size_t)kernels->u8_rows;
    t->taps = (size_t)between(rng, 1, 4);
    t->k = (size_t)between(rng, 1, 30);
    t->quads = (t->k + 3) / 4;
    t->a = mopt__calloc(t->taps * rows, sizeof *t->a);
    t->pointers = mopt__calloc(t->taps * rows, sizeof *t->pointers);
    t->b = mopt__calloc(t->taps * t->k, tile_cols);
    t->panel = mopt__malloc_aligned(t->taps * t->quads * tile_cols * 4);
    assert_true(t->a && t->pointers && t->b && t->panel);
    fill_bytes(rng, (int)mopt__rng_below(rng, 5), t->b, t->taps * t->k * tile_cols);
    memset(t->panel, 0, t->taps * t->quads * tile_cols * 4);
    int mode = (int)mopt__rng_below(rng, 5);
    for (size_t i = 0; i < t->taps * rows; i++) {
        // 3 bytes behind k may be read and mean nothing: those of the band.
        t->a[i] = band_new(t->k, shift(rng));
        fill_bytes(rng, mode, t->a[i].data, t->k);
        t->pointers[i] = (int)(i % rows) < t->rows ? t->a[i].data - offset : NULL;
    }
    for (size_t i = 0; i < t->taps * t->k * tile_cols; i++) {
        size_t col = i % tile_cols;
        size_t p = i / tile_cols % t->k;
        size_t tap = i / tile_cols / t->k;
        if ((int)col < t->cols) {
            t->panel[((tap * t->quads + p / 4) * tile_cols + col) * 4 + p % 4] = t->b[i];
        }
    }
    fill_bytes(rng, 0, t->bias, sizeof t->bias);
    fill_scales(rng, 1e-3F, t->scale, MOPT_TILE_COLS_MAX);
    fill_shifts(rng, t->shift, MOPT_TILE_COLS_MAX);
}

static void tile_free(const struct mopt_kernels *kernels, struct tile *t)
{
    for (size_t i = 0; i < t->taps * (size_t)kernels->u8_rows; i++) {
        band_free(&t->a[i]);
    }
    mopt__free(t->a);
    mopt__free(t->pointers);
    mopt__free(t->b);
    mopt__free_aligned(t->panel);
}

static int32_t tile_sum(const struct mopt_kernels *kernels, const struct tile *t, int row, int col)
{
    uint32_t sum = (uint32_t)t->bias[col];
    for (size_t tap = 0; tap < t->taps; tap++) {
        const uint8_t *a = t->a[tap * (size_t)kernels->u8_rows + (size_t)row].data;
        for (size_t p = 0; p < t->k; p++) {
            int32_t b = 1 * t->b[(tap * t->k + p) * (size_t)kernels->u8_cols + (size_t)col];
            sum += (uint32_t)(a[p] * b);
        }
    }
    return (int32_t)sum;
}

static void tile_check(const struct mopt_kernels *kernels, const struct tile *t,
                       const struct mopt_tile_u8 *work)
{
    for (int i = 0; i < t->rows * t->cols; i++) {
        int col = i % t->cols;
        int32_t acc = tile_sum(kernels, t, i / t->cols, col);
        const float *shift = work->shift ? work->shift + col : NULL;
        assert_int_equal(work->c8[(size_t)(i / t->cols) * work->ldc + (size_t)col],
                         want_shifted(acc, t->scale[col], shift, work->zero_point, work->low,
                                      work->high));
    }
}

// With everything in the bounds that plain promises, up to the largest sums.
static void tile_check_plain(const struct mopt_kernels *kernels, struct tile *t,
                             struct mopt_tile_u8 *work)
{
    for (int j = 0; j < t->cols; j++) {
        t->scale[j] = fabsf(t->scale[j]) <= 0.25F ? t->scale[j] : -0.25F;
        t->shift[j] = fabsf(t->shift[j]) <= 0x1p29F ? t->shift[j] : 0x1p29F;
    }
    work->plain = true;
    work->high = 255;
    kernels->tile_u8(work);
    tile_check(kernels, t, work);
    work->shift = NULL;
    kernels->tile_u8(work);
    tile_check(kernels, t, work);
}

static void tiles(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 37);
    for (int rows = 1; rows <= kernels->u8_rows; rows++) {
        for (int cols = 1; cols <= kernels->u8_cols; cols++) {
            struct tile t = {.rows = rows, .cols = cols};
            size_t offset = (size_t)between(&rng, 0, 40);
            tile_init(&rng, kernels, offset, &t);
            size_t ldc = (size_t)cols + (size_t)between(&rng, 0, 3);
            struct band c = band_new(((size_t)rows - 1) * ldc + (size_t)cols, shift(&rng));
            struct mopt_tile_u8 work = {.a = t.pointers,
                                        .offset = offset,
                                        .taps = t.taps,
                                        .k = t.k,
                                        .b = t.panel,
                                        .bias = t.bias,
                                        .scale = t.scale,
                                        .c8 = c.data,
                                        .ldc = ldc,
                                        .zero_point = (int32_t)between(&rng, 0, 255),
                                        .low = 3,
                                        .high = 250,
                                        .rows = rows,
                                        .cols = cols};
            kernels->tile_u8(&work);
            tile_check(kernels, &t, &work);
            work.shift = t.shift;
            kernels->tile_u8(&work);
            tile_check(kernels, &t, &work);
            tile_check_plain(kernels, &t, &work);
            band_free(&c);
            tile_free(kernels, &t);
        }
    }
}

// ---- Depthwise: every number of taps up to 30, of pixels, channels around blocks
static void depthwise_round(const struct mopt_kernels *kernels, struct mopt_rng *rng, size_t taps)
{
    enum { PIXELS = 64 };
    size_t channels = (size_t)between(rng, 1, 140);
    int pixels = (int)between(rng, 1, kernels->dw8_rows);
    size_t cols = (size_t)kernels->dw8_cols;
    size_t w_bytes = (taps + 3) / 4 * 4 * ((channels + cols - 1) / cols * cols);
    assert_true(pixels <= PIXELS && kernels->dw8_cols % 16 == 0);
    const uint8_t *x[30 * PIXELS];
    uint8_t *data = mopt__malloc(taps * PIXELS * channels + MOPT_OVERREAD);
    int8_t *w = mopt__malloc_aligned(w_bytes);
    float *scale = mopt__malloc(channels * sizeof *scale);
    float *shift_by = mopt__malloc(channels * sizeof *shift_by);
    int32_t *bias = mopt__malloc(channels * sizeof *bias);
    assert_true(data && w && scale && shift_by && bias);
    fill_bytes(rng, (int)mopt__rng_below(rng, 5), data, taps * PIXELS * channels);
    memset(w, 0, w_bytes);
    int mode = (int)mopt__rng_below(rng, 5);
    for (size_t i = 0; i < taps * channels; i++) {
        fill_bytes(rng, mode, w + mopt__depthwise_u8_at(cols, channels, i / channels, i % channels),
                   1);
    }
    fill_scales(rng, 1e-3F, scale, channels);
    fill_shifts(rng, shift_by, channels);
    fill_bytes(rng, 0, bias, channels * sizeof *bias);
    for (size_t i = 0; i < taps * PIXELS; i++) {
        x[i] = data + i * channels;
    }
    bool floats = mopt__rng_below(rng, 3) == 0;
    size_t size = floats ? sizeof(float) : 1;
    struct band y = band_new((size_t)pixels * channels * size, size * (shift(rng) % 4));
    bool biased = mopt__rng_below(rng, 4);
    bool added = mopt__rng_below(rng, 2);
    struct mopt_depthwise_u8 work = {.x = x,
                                     .x_step = PIXELS,
                                     .w = w,
                                     .bias = biased ? bias : NULL,
                                     .scale = scale,
                                     .shift = !floats && added ? shift_by : NULL,
                                     .float_bias = floats && added ? shift_by : NULL,
                                     .y = floats ? NULL : y.data,
                                     .yf = floats ? (float *)(void *)y.data : NULL,
                                     .ldy = channels,
                                     .channels = channels,
                                     .taps = taps,
                                     .pixels = pixels,
                                     .zero_point = 77,
                                     .low = 2,
                                     .high = 251,
                                     .float_low = -20,
                                     .float_high = INFINITY};
    kernels->depthwise_u8(&work);
    for (size_t i = 0; i < (size_t)pixels * channels; i++) {
        size_t c = i % channels;
        uint32_t acc = biased ? (uint32_t)bias[c] : 0;
        for (size_t t = 0; t < taps; t++) {
            int32_t factor = 1 * w[mopt__depthwise_u8_at(cols, channels, t, c)];
            acc += (uint32_t)(x[t * PIXELS + i / channels][c] * factor);
        }
        const float *by = added ? shift_by + c : NULL;
        if (floats) {
            float product = (float)(int32_t)acc * scale[c];
            float sum = by ? product + *by : product;
            assert_true(same_float(work.yf[i], sum < -20 ? -20 : sum));
        } else {
            assert_int_equal(y.data[i], want_shifted((int32_t)acc, scale[c], by, 77, 2, 251));
        }
    }
    band_free(&y);
    mopt__free(data);
    mopt__free_aligned(w);
    mopt__free(scale);
    mopt__free(shift_by);
    mopt__free(bias);
}

static void depthwise(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 38);
    for (int round = 0; round < ROUNDS; round++) {
        depthwise_round(kernels, &rng, (size_t)round % 30 + 1);
    }
}

// Product and sum are rounded one after the other: 603 * (1/6) is a little more than 100.5 and
// becomes that, so that 0.5 is left of it, which is even at 0; rounded once it would give 1.
static void unfused(const struct mopt_kernels *kernels)
{
    enum { CHANNELS = MOPT_TILE_COLS_MAX, PIXELS = MOPT_TILE_ROWS_MAX };
    uint8_t zeros[CHANNELS + MOPT_OVERREAD] = {0};
    uint8_t got[PIXELS * CHANNELS];
    int8_t *w = mopt__malloc_aligned((size_t)4 * CHANNELS);
    const uint8_t *rows[PIXELS];
    int32_t bias[CHANNELS];
    float scale[CHANNELS];
    float by[CHANNELS];
    assert_non_null(w);
    memset(w, 0, (size_t)4 * CHANNELS);
    for (size_t i = 0; i < CHANNELS; i++) {
        rows[i % PIXELS] = zeros;
        bias[i] = 603;
        scale[i] = 1.0F / 6;
        by[i] = -100;
    }
    struct mopt_tile_u8 tile = {.a = rows,
                                .taps = 1,
                                .k = 4,
                                .b = w,
                                .bias = bias,
                                .scale = scale,
                                .shift = by,
                                .c8 = got,
                                .ldc = (size_t)kernels->u8_cols,
                                .zero_point = 7,
                                .high = 255,
                                .rows = kernels->u8_rows,
                                .cols = kernels->u8_cols};
    struct mopt_depthwise_u8 work = {.x = rows,
                                     .x_step = PIXELS,
                                     .w = w,
                                     .bias = bias,
                                     .scale = scale,
                                     .shift = by,
                                     .y = got,
                                     .ldy = CHANNELS,
                                     .channels = CHANNELS,
                                     .taps = 1,
                                     .pixels = 1,
                                     .zero_point = 7,
                                     .high = 255};
    kernels->tile_u8(&tile);
    for (int i = 0; i < tile.rows * tile.cols; i++) {
        assert_int_equal(got[i], 7);
    }
    memset(got, 0, sizeof got);
    kernels->depthwise_u8(&work);
    for (size_t i = 0; i < CHANNELS; i++) {
        assert_int_equal(got[i], 7);
    }
    mopt__free_aligned(w);
}

// Every place of the packed weights is used once.
static void test_depthwise_places(void **state)
{
    (void)state;
    for (size_t cols = 16; cols <= 64; cols *= 2) {
        enum { CHANNELS = 70, TAPS = 9, ROOM = 12 * 128 };
        bool used[ROOM] = {false};
        for (size_t i = 0; i < (size_t)CHANNELS * TAPS; i++) {
            size_t at = mopt__depthwise_u8_at(cols, CHANNELS, i % TAPS, i / TAPS);
            assert_true(at < 12 * ((CHANNELS + cols - 1) / cols * cols) && !used[at]);
            used[at] = true;
        }
    }
}

LEVELS(windows)
LEVELS(lookup)
LEVELS(tiles)
LEVELS(depthwise)
LEVELS(unfused)

// ---- Zero points
static void test_fold(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 24);
    for (int round = 0; round < ROUNDS; round++) {
        enum { K = 9, N = 7 };
        int8_t b[K * N];
        int32_t bias[N];
        int32_t b_zero[N];
        int32_t start[N];
        fill_bytes(&rng, 0, b, sizeof b);
        fill_bytes(&rng, 0, bias, sizeof bias);
        int32_t zero = (int32_t)between(&rng, 0, 255);
        for (size_t j = 0; j < N; j++) {
            b_zero[j] = (int32_t)between(&rng, -128, 127);
        }
        bool with_bias = round & 1;
        bool with_zero = round & 2;
        mopt__fold_zero_point(K, N, b, N, 1, with_bias ? bias : NULL, zero,
                              with_zero ? b_zero : NULL, start);
        for (size_t j = 0; j < N; j++) {
            int64_t want = with_bias ? bias[j] : 0;
            for (size_t p = 0; p < K; p++) {
                want -= (int64_t)zero * (b[p * N + j] - (with_zero ? b_zero[j] : 0));
            }
            assert_int_equal(start[j], (int32_t)(uint32_t)(uint64_t)want);
        }
    }
}

int mopt__test_bytes(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows), cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_tiles),   cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_unfused), cmocka_unit_test(test_depthwise_places),
        cmocka_unit_test(test_fold),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
