// SPDX-License-Identifier: Apache-2.0
// Written by golden.py: do not edit.
// clang-format off
#ifndef MOPT_TESTS_UNIT_DATA_GOLDEN_CV_H
#define MOPT_TESTS_UNIT_DATA_GOLDEN_CV_H

#include "golden.h"

static const struct golden_resize GOLDEN_CV[] = {
    {37, 23, 1, 16, 16, MOPT_KERNEL_CV_LINEAR, 0xab14fe3c},
    {37, 23, 3, 64, 48, MOPT_KERNEL_CV_LINEAR, 0xc5f9b898},
    {50, 40, 3, 7, 31, MOPT_KERNEL_CV_LINEAR, 0xb03c1305},
    {8, 8, 3, 8, 20, MOPT_KERNEL_CV_LINEAR, 0x8d1b7c8b},
    {8, 8, 3, 20, 8, MOPT_KERNEL_CV_LINEAR, 0xd124a2f1},
    {1, 9, 1, 5, 4, MOPT_KERNEL_CV_LINEAR, 0x2cc4ec9d},
    {120, 90, 3, 64, 48, MOPT_KERNEL_CV_LINEAR, 0xbb43408c},
    {5, 4, 1, 1, 1, MOPT_KERNEL_CV_LINEAR, 0xa7684c11},
    {333, 200, 1, 31, 19, MOPT_KERNEL_CV_LINEAR, 0xc1f0e1eb},
    {64, 64, 3, 32, 32, MOPT_KERNEL_CV_LINEAR, 0xb5abb082},
};

#endif
