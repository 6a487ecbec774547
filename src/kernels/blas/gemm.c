// SPDX-License-Identifier: Apache-2.0
// The only file that calls OpenBLAS. It must not know what the matrices mean.
#include <cblas.h>
#include <limits.h>
#include <pthread.h>

#include "kernels/kernels.h"

static pthread_once_t blas_once = PTHREAD_ONCE_INIT;

static void limit_threads(void) // our own pool splits the work
{
    openblas_set_num_threads(1);
}

static bool fits(const struct mopt_gemm *g)
{
    return g->m <= INT_MAX && g->n <= INT_MAX && g->k <= INT_MAX && g->lda <= INT_MAX &&
           g->ldb <= INT_MAX && g->ldc <= INT_MAX;
}

static CBLAS_TRANSPOSE trans(bool yes)
{
    return yes ? CblasTrans : CblasNoTrans;
}

static blasint lead(int64_t value) // BLAS wants at least 1
{
    return value > 0 ? (blasint)value : 1;
}

// Plain loops: the empty sum, and sizes beyond BLAS integers.
static void plain_s(const struct mopt_gemm *g, const float *a, const float *b, float *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < g->k; l++) {
                double x = (double)a[g->trans_a ? l * g->lda + i : i * g->lda + l];
                sum += x * (double)b[g->trans_b ? j * g->ldb + l : l * g->ldb + j];
            }
            double old = g->beta != 0 ? g->beta * (double)c[i * g->ldc + j] : 0;
            c[i * g->ldc + j] = (float)(g->alpha * sum + old);
        }
    }
}

static void plain_d(const struct mopt_gemm *g, const double *a, const double *b, double *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < g->k; l++) {
                double x = a[g->trans_a ? l * g->lda + i : i * g->lda + l];
                sum += x * b[g->trans_b ? j * g->ldb + l : l * g->ldb + j];
            }
            double old = g->beta != 0 ? g->beta * c[i * g->ldc + j] : 0;
            c[i * g->ldc + j] = g->alpha * sum + old;
        }
    }
}

// Products with a single row or column go to the matrix-vector routine, which streams the matrix
// once.
static bool vector_s(const struct mopt_gemm *g, const float *a, const float *b, float *c)
{
    float alpha = (float)g->alpha;
    float beta = (float)g->beta;
    if (g->m == 1) {
        blasint step = g->trans_a ? lead(g->lda) : 1;
        blasint rows = (blasint)(g->trans_b ? g->n : g->k);
        blasint columns = (blasint)(g->trans_b ? g->k : g->n);
        cblas_sgemv(CblasRowMajor, trans(!g->trans_b), rows, columns, alpha, b, lead(g->ldb), a,
                    step, beta, c, 1);
        return true;
    }
    if (g->n == 1) {
        blasint step = g->trans_b ? 1 : lead(g->ldb);
        blasint rows = (blasint)(g->trans_a ? g->k : g->m);
        blasint columns = (blasint)(g->trans_a ? g->m : g->k);
        cblas_sgemv(CblasRowMajor, trans(g->trans_a), rows, columns, alpha, a, lead(g->lda), b,
                    step, beta, c, lead(g->ldc));
        return true;
    }
    return false;
}

void mopt__sgemm(const struct mopt_gemm *g, const float *a, const float *b, float *c)
{
    if (g->m == 0 || g->n == 0) {
        return;
    }
    if (g->k == 0 || !fits(g)) {
        plain_s(g, a, b, c);
        return;
    }
    pthread_once(&blas_once, limit_threads);
    if (vector_s(g, a, b, c)) {
        return;
    }
    cblas_sgemm(CblasRowMajor, trans(g->trans_a), trans(g->trans_b), (blasint)g->m, (blasint)g->n,
                (blasint)g->k, (float)g->alpha, a, lead(g->lda), b, lead(g->ldb), (float)g->beta, c,
                lead(g->ldc));
}

void mopt__dgemm(const struct mopt_gemm *g, const double *a, const double *b, double *c)
{
    if (g->m == 0 || g->n == 0) {
        return;
    }
    if (g->k == 0 || !fits(g)) {
        plain_d(g, a, b, c);
        return;
    }
    pthread_once(&blas_once, limit_threads);
    cblas_dgemm(CblasRowMajor, trans(g->trans_a), trans(g->trans_b), (blasint)g->m, (blasint)g->n,
                (blasint)g->k, g->alpha, a, lead(g->lda), b, lead(g->ldb), g->beta, c,
                lead(g->ldc));
}

enum { TILE_M = 256, TILE_N = 512 };

struct tiles {
    const struct mopt_gemm *g;
    const float *a, *b;
    float *c;
    int64_t across; // tiles along n
    int64_t tile_m, tile_n;
};

static void run_tiles(void *context, int64_t begin, int64_t end, int thread)
{
    const struct tiles *t = context;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = i / t->across * t->tile_m;
        int64_t column = i % t->across * t->tile_n;
        struct mopt_gemm piece = *t->g;
        piece.m = t->g->m - row < t->tile_m ? t->g->m - row : t->tile_m;
        piece.n = t->g->n - column < t->tile_n ? t->g->n - column : t->tile_n;
        mopt__sgemm(&piece, t->a + (piece.trans_a ? row : row * piece.lda),
                    t->b + (piece.trans_b ? column * piece.ldb : column),
                    t->c + row * piece.ldc + column);
    }
}

void mopt__sgemm_pool(const struct mopt_gemm *g, const float *a, const float *b, float *c,
                      struct mopt_pool *pool)
{
    struct tiles t = {g, a, b, c, 1, g->m, g->n};
    bool small = (double)g->m * (double)g->n * (double)g->k < 65536.0;
    if (g->m == 0 || g->n == 0) {
        return;
    }
    if (!small) { // cut along the longer side only: every tile packs its share of the other operand
                  // again
        t.tile_m = g->m >= g->n ? TILE_M : g->m;
        t.tile_n = g->m >= g->n ? g->n : TILE_N;
        t.across = (g->n + t.tile_n - 1) / t.tile_n;
    }
    int64_t down = (g->m + t.tile_m - 1) / t.tile_m;
    mopt__pool_for(pool, down * t.across, 1, run_tiles, &t);
}
