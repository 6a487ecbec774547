// SPDX-License-Identifier: Apache-2.0
// Winograd's minimal filtering F(4x4,3x3) and F(2x2,3x3) by the matrices of Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks": V = B' d B for a tile of input, Y = A' M A for its
// output.
#include "kernels/slots.h"

enum { T = 6 };

static const float input4[T][T] = {
    {4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
    {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1},
};
static const float input2[T][T] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const float output4[T][T] = {{1, 1, 1, 1, 1, 0},
                                    {0, 1, -1, 2, -2, 0},
                                    {0, 1, 1, 4, 4, 0},
                                    {0, 1, -1, 8, -8, 1}};
static const float output2[T][T] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

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

void mopt__winograd_in_f32_ref(int t, const float *const *x, float *v, size_t v_step,
                               size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        float d[T][T] = {{0}}, out[T][T] = {{0}};
        for (int f = 0; f < t * t; f++) {
            d[f / t][f % t] = x[f][c];
        }
        both_sides(t == 6 ? input4 : input2, t, t, d, out);
        for (int f = 0; f < t * t; f++) {
            v[(size_t)f * v_step + c] = out[f / t][f % t];
        }
    }
}

static float clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

void mopt__winograd_out_f32_ref(int t, const struct mopt_winograd_out *work)
{
    int size = t - 2;
    for (size_t c = 0; c < work->channels; c++) {
        float d[T][T] = {{0}}, out[T][T] = {{0}};
        for (int f = 0; f < t * t; f++) {
            d[f / t][f % t] = work->m[(size_t)f * work->m_step + c];
        }
        both_sides(t == 6 ? output4 : output2, size, t, d, out);
        for (int p = 0; p < size * size; p++) {
            float sum = out[p / size][p % size] + (work->bias ? work->bias[c] : 0);
            if (work->y[p] && work->residual && work->residual[p]) {
                sum += work->residual[p][c];
            }
            if (work->y[p]) {
                work->y[p][c] = clamp(sum, work->low, work->high);
            }
        }
    }
}
