/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_sort.c: the radix sort of prefixes against qsort(): keys that differ in one byte only, in a
 * few, in all; in order, in reverse, repeated; numbers around powers of 256.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sort.h"
#include "util.h"

#define MAX 66000

static struct prefix_v4 v4[MAX], v4_expected[MAX];
static struct prefix_v6 v6[MAX], v6_expected[MAX];

static uint64_t random_bits(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13; /* Marsaglia's xorshift */
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dULL;
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

static int compare_v4(const void *left, const void *right)
{
	const struct prefix_v4 *a = left, *b = right;

	return COMPARE(a->addr, b->addr) ?: COMPARE(a->len, b->len);
}

static int compare_v6(const void *left, const void *right)
{
	const struct prefix_v6 *a = left, *b = right;

	return COMPARE(a->hi, b->hi) ?: COMPARE(a->lo, b->lo) ?: COMPARE(a->len, b->len);
}

/* Keys whose bits are drawn where the mask has them. */
static void fill(size_t n, uint64_t hi_mask, uint64_t lo_mask, uint8_t len_mask)
{
	for (size_t i = 0; i < n; i++) {
		v6[i] = (struct prefix_v6){ random_bits() & hi_mask, random_bits() & lo_mask,
					    (uint8_t)random_bits() & len_mask };
		v4[i] = (struct prefix_v4){ (uint32_t)(v6[i].hi >> 32), v6[i].len & 0x3f };
	}
}

static void check(size_t n)
{
	memcpy(v4_expected, v4, n * sizeof(*v4));
	memcpy(v6_expected, v6, n * sizeof(*v6));
	qsort(v4_expected, n, sizeof(*v4), compare_v4);
	qsort(v6_expected, n, sizeof(*v6), compare_v6);
	assert_int_equal(sort_v4(v4, n), 0);
	assert_int_equal(sort_v6(v6, n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(compare_v4(&v4[i], &v4_expected[i]), 0);
		assert_int_equal(compare_v6(&v6[i], &v6_expected[i]), 0);
	}
}

static void each_byte_alone(void **state)
{
	for (int byte = 0; byte < 8; byte++) {
		fill(1000, 0xffULL << 8 * byte, 0, 0);
		check(1000);
		fill(1000, 0, 0xffULL << 8 * byte, 0);
		check(1000);
	}
	fill(1000, 0, 0, 0xff);
	check(1000);
}

static void any_bytes(void **state)
{
	for (int i = 0; i < 300; i++) {
		size_t n = random_bits() % 600;

		/* few bits: many keys repeat in their upper bytes */
		fill(n, random_bits() & random_bits() & random_bits(),
		     random_bits() & random_bits() & random_bits(), (uint8_t)random_bits());
		check(n);
	}
}

static void numbers(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 255, 256, 257, 65535, 65536, 65537 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(sizes[i], ~0ULL, ~0ULL, 0xff);
		check(sizes[i]);
		check(sizes[i]);                            /* in order now */
		for (size_t j = 0; j < sizes[i] / 2; j++) { /* and in reverse */
			struct prefix_v4 first4 = v4[j];
			struct prefix_v6 first6 = v6[j];

			v4[j] = v4[sizes[i] - 1 - j];
			v4[sizes[i] - 1 - j] = first4;
			v6[j] = v6[sizes[i] - 1 - j];
			v6[sizes[i] - 1 - j] = first6;
		}
		check(sizes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_alone),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
