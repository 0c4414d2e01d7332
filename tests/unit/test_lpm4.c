/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_lpm4.c: every form that the IPv4 table has for a part of the address space: each /16 of a
 * policy gets prefixes of other numbers, lengths and places, and the rows of all its addresses
 * are compared with what was painted, prefix by prefix. All forms must have come up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "rng.h"
#include "tables_check.h"
#include "util.h"

#define SIZE 65536 /* addresses of a /16 */
#define FIRST 0x0a000000U
#define STRAYS 4000 /* prefixes elsewhere, for which a tree would be too large */

/* What is drawn for a /16: n prefixes of sets below n_sets, no longer than 32 and no shorter than
 * `shortest`, all among the first `width` addresses from a random multiple of it on. */
struct drawing {
	uint32_t n, n_sets, shortest, width;
};

static struct policy *one_rule_each(uint32_t n_sets)
{
	struct policy *policy = build_policy();
	char name[NAME_LEN];

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	for (uint32_t i = 0; i < n_sets; i++) {
		snprintf(name, sizeof(name), "set-%u", i);
		build_address(build_rule(policy, 0, name, VERDICT_NONE), ADDRESS_SRC,
			      build_set(policy, name));
	}
	return policy;
}

/* bits: the row of each address of the /16. */
static void draw(struct rng *rng, struct policy *policy, const struct drawing *drawing,
		 uint32_t slash16, uint64_t *bits)
{
	uint32_t origin = rng_below(rng, SIZE / drawing->width) * drawing->width;

	for (uint32_t i = 0; i < drawing->n; i++) {
		uint32_t set = rng_below(rng, drawing->n_sets);
		uint8_t len = (uint8_t)(drawing->shortest + rng_below(rng, 33 - drawing->shortest));
		uint32_t size = 1U << (32 - len), low;

		if (drawing->shortest == 24)
			size = 256, len = 24;
		low = (origin + rng_below(rng, drawing->width)) & ~(size - 1);
		build_prefix_v4(policy, set, slash16 + low, len);
		for (uint32_t address = low; address < low + size; address++)
			bits[address] |= UINT64_C(1) << set;
	}
}

static void check_all(const struct tables *tables, uint32_t slash16, const uint64_t *bits)
{
	for (uint32_t low = 0; low < SIZE; low++) {
		uint32_t row = lookup_v4(tables, &tables->configs[0], ADDRESS_SRC, slash16 + low);
		uint64_t found = row_word(tables, row, 0);

		if (found != bits[low])
			fail_msg("%08x: row %llx, not %llx", slash16 + low,
				 (unsigned long long)found, (unsigned long long)bits[low]);
	}
}

/* A policy of so many sets, with as many prefixes in each /16: the forms that it takes. */
static uint32_t check_drawings(struct rng *rng, uint32_t n_sets, uint32_t number)
{
	static const uint32_t widths[] = { 16, 256, 4096, SIZE }, shortest[] = { 24, 27, 32 };
	static uint64_t bits[ARRAY_SIZE(widths) * ARRAY_SIZE(shortest)][SIZE];
	struct policy *policy = one_rule_each(n_sets);
	struct tables *tables;
	uint32_t kinds, n = 0;

	memset(bits, 0, sizeof(bits));
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
		for (size_t j = 0; j < ARRAY_SIZE(shortest); j++, n++)
			draw(rng, policy,
			     &(struct drawing){ number, n_sets, shortest[j], widths[i] },
			     FIRST + 2 * n * SIZE, bits[n]);
	for (uint32_t i = 0; i < STRAYS; i++)
		build_prefix_v4(policy, 0, 0x80000000 | (uint32_t)rng_u64(rng), 32);
	tables = compiled(policy);
	assert_int_equal(tables->configs[0].lpm4_stride[ADDRESS_SRC], 0);
	check_lpm(tables);
	for (uint32_t i = 0; i < n; i++)
		check_all(tables, FIRST + 2 * i * SIZE, bits[i]);
	kinds = tables->lpm4_kinds;
	tables_free(tables);
	policy_free(policy);
	return kinds;
}

static void test_every_form(void **state)
{
	static const uint32_t numbers[] = { 1,  2,   3,   4,   5,    7,    8,    9,  10,
					    12, 16,  17,  20,  31,   32,   33,   34, 64,
					    65, 100, 250, 500, 1000, 3000, 20000 };
	static const uint32_t n_sets[] = { 1, 2, 5, 40 };
	struct rng rng = { 10 };
	uint32_t kinds = 0;

	for (size_t i = 0; i < ARRAY_SIZE(n_sets); i++)
		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++)
			kinds |= check_drawings(&rng, n_sets[i], numbers[j]);
	assert_int_equal(kinds, (1U << (LPM4_TABLE + 1)) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
