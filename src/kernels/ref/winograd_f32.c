// SPDX-License-Identifier: Apache-2.0
// Winograd's minimal filtering F(4x4,3x3) and F(2x2,3x3) by the matrices of Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks": V = B' d B for a tile of input, U = G g G' for its
// weights, Y = A' M A for its output. G is kept in whole numbers; what it was multiplied by is
// taken out of A.
#include "kernels/slots.h"

enum { T = MOPT_WINOGRAD_T, LINE = MOPT_WINOGRAD_LINE };

static const float input4[T][T] = {
    {4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
    {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1},
};
static const float input2[T][T] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const float output4[T][T] = {{1.0F / 4, -1.0F / 6, -1.0F / 6, 1.0F / 24, 1.0F / 24, 0},
                                    {0, -1.0F / 6, 1.0F / 6, 1.0F / 12, -1.0F / 12, 0},
                                    {0, -1.0F / 6, -1.0F / 6, 1.0F / 6, 1.0F / 6, 0},
                                    {0, -1.0F / 6, 1.0F / 6, 1.0F / 3, -1.0F / 3, 1}};
static const float output2[T][T] = {{1, 0.5F, 0.5F, 0}, {0, 0.5F, -0.5F, -1}};

// y[rows][rows] = matrix[rows][t] x[t][t] matrix'.
static void both_sides(const float matrix[T][T], int rows, int t, float x[T][T], float y[T][T])
{
    float half[T][T] = {{0}};
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < t; j++) {
            half[i][j] = 0;
            for (int p = 0; p < t; p++) {
                half[i][j] += matrix[i][p] * x[p][j];
            }
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < rows; j++) {
            y[i][j] = 0;
            for (int p = 0; p < t; p++) {
                y[i][j] += half[i][p] * matrix[j][p];
            }
        }
    }
}

void mopt__winograd_in_f32_ref(int t, const struct mopt_winograd_in *work)
{
    for (size_t c = 0; c < work->channels; c++) {
        float d[T][T] = {{0}}, out[T][T] = {{0}};
        for (int i = 0; i < t; i++) {
            for (int j = work->first; j < work->last && work->row[i]; j++) {
                d[i][j] = work->row[i][(size_t)(j - work->first) * work->step + c];
            }
        }
        both_sides(t == T ? input4 : input2, t, t, d, out);
        float *v = work->v + c / LINE * work->line_step + c % LINE;
        for (int f = 0; f < t * t; f++) {
            v[(size_t)f * work->v_step] = out[f / t][f % t];
        }
    }
}

void mopt__winograd_filter_f32_ref(bool far, const float *g, size_t n, float *u)
{
    for (size_t i = 0; i < n; i++) {
        float sum = g[i] + (far ? 4 : 1) * g[2 * n + i], middle = (far ? 2 : 1) * g[n + i];
        u[i] = sum + middle;
        u[n + i] = sum - middle;
    }
}

void mopt__winograd_product_f32_ref(const struct mopt_winograd_product *work)
{
    for (size_t at = 0; at < work->rows * work->cols; at++) {
        size_t r = at / work->cols, j = at % work->cols;
        if (j >= work->used) {
            continue;
        }
        float sum = work->accumulate ? work->m[at] : 0;
        for (size_t p = 0; p < work->k; p++) {
            sum += work->v[p / LINE * work->line_step + r * LINE + p % LINE] *
                   work->u[p * work->cols + j];
        }
        work->m[at] = sum;
    }
}

static const float filter4[T][3] = {{1, 0, 0}, {1, 1, 1},  {1, -1, 1},
                                    {1, 2, 4}, {1, -2, 4}, {0, 0, 1}};

// Frequency f of the weights w[9], `step` floats apart.
static float frequency(const float *w, size_t step, size_t f)
{
    float sum = 0;
    for (size_t q = 0; q < 3; q++) {
        float column = 0;
        for (size_t p = 0; p < 3; p++) {
            column += filter4[f / T][p] * w[(p * 3 + q) * step];
        }
        sum += filter4[f % T][q] * column;
    }
    return sum;
}

void mopt__winograd_few_f32_ref(const struct mopt_winograd_few *work)
{
    enum { ROWS = MOPT_WINOGRAD_FEW };
    for (size_t f = 0; f < (size_t)T * T; f++) {
        for (size_t at = 0; at < ROWS * work->cols; at++) {
            size_t r = at / work->cols, j = at % work->cols;
            float *m = work->m + f * work->m_step + r * work->row_step + j;
            const float *v = work->v + f * work->v_step + r * LINE;
            float sum = work->accumulate ? *m : 0;
            for (size_t c = 0; c < work->k; c++) {
                sum += v[c / LINE * ROWS * LINE + c % LINE] *
                       frequency(work->w + c * 9 * work->cols + j, work->cols, f);
            }
            *m = sum;
        }
    }
}

static float clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

static void put_pixels(const struct mopt_winograd_out *work, float out[T][T], size_t c)
{
    for (size_t i = 0; i < (size_t)work->rows; i++) {
        for (size_t j = 0; j < (size_t)work->cols; j++) {
            float sum = out[i][j] + (work->bias ? work->bias[c] : 0);
            if (work->residual) {
                sum += work->residual[i * work->residual_row + j * work->residual_step + c];
            }
            work->y[i * work->y_row + j * work->y_step + c] = clamp(sum, work->low, work->high);
        }
    }
}

void mopt__winograd_out_f32_ref(int t, const struct mopt_winograd_out *work)
{
    for (size_t c = 0; c < work->channels; c++) {
        float d[T][T] = {{0}}, out[T][T] = {{0}};
        for (int f = 0; f < t * t; f++) {
            d[f / t][f % t] = work->m[(size_t)f * work->m_step + c];
        }
        both_sides(t == T ? output4 : output2, t - 2, t, d, out);
        put_pixels(work, out, c);
    }
}
