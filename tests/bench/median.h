/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * median.h: what many noisy measurements have in common.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

static inline int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value that a share of them (0 .. 1) does not exceed; sorts them. n > 0. */
static inline double quantile(double *values, size_t n, double share)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return values[(size_t)(share * (double)(n - 1) + 0.5)];
}

static inline double median(double *values, size_t n)
{
	return quantile(values, n, 0.5);
}
