// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_live_sets.c: live sets from the call to the kernel's tables: what they let in, and what they hold
 * when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "live_bench.h"
#include "rng.h"
#include "scratch.h"
#include "util.h"

static void test_add_and_remove(void **state)
{
	struct live_bench *bench = *state;

	take_banned(bench, false);
	assert_false(holds(bench, "192.0.2.1"));
	must_add(bench, "192.0.2.1", 60, "sshd");
	must_add(bench, "198.51.100.0/24", 0, NULL);
	must_add(bench, "2001:db8::1", 60, NULL);
	must_add(bench, "2001:db8:1::/48", LIVE_TIMEOUT_DEFAULT, NULL);
	assert_true(holds(bench, "192.0.2.1"));
	assert_false(holds(bench, "192.0.2.2"));
	assert_true(holds(bench, "198.51.100.77"));
	assert_true(holds(bench, "2001:db8::1"));
	assert_true(holds(bench, "2001:db8:1::77"));
	assert_false(holds(bench, "2001:db8::2"));
	assert_int_equal(count_entries(bench), 4);
	assert_int_equal(del_entry(bench, "192.0.2.1"), 1);
	assert_int_equal(del_entry(bench, "192.0.2.1"), 0);
	assert_int_equal(del_entry(bench, "2001:db8:1::/48"), 1);
	assert_false(holds(bench, "192.0.2.1"));
	assert_false(holds(bench, "2001:db8:1::77"));
	assert_int_equal(count_entries(bench), 2);
	expect_silence(&bench->diags);
}

static void test_times_and_comments(void **state)
{
	struct live_bench *bench = *state;
	_cleanup_(live_list_done) struct live_list all = {};

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, "sshd");
	must_add(bench, "192.0.2.2", 0, NULL);
	must_add(bench, "192.0.2.1", 100, NULL); /* the comment stays */
	must_add(bench, "192.0.2.3", 5, "gone");
	must_add(bench, "192.0.2.3", 5, "");
	all = list_entries(bench);
	assert_int_equal(all.n, 3);
	assert_in_range(all.items[0].left, 99, 101);
	assert_string_equal(all.items[0].comment, "sshd");
	assert_int_equal(all.items[1].left, LIVE_FOREVER);
	assert_string_equal(all.items[1].comment, "");
	assert_string_equal(all.items[2].comment, "");
}

static void test_nested(void **state)
{
	struct live_bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 1, NULL);
	must_add(bench, "192.0.2.0/24", 60, NULL);
	must_add(bench, "192.0.2.128/25", 1, NULL);
	sleep(2);
	assert_true(holds(bench, "192.0.2.1")); /* an ended /32 does not uncover its /24 */
	assert_true(holds(bench, "192.0.2.200"));
	live_sets_tick(bench->sets, NULL);
	assert_true(holds(bench, "192.0.2.1"));
	assert_true(holds(bench, "192.0.2.200"));
	assert_int_equal(count_entries(bench), 1);
	must_add(bench, "192.0.2.7", 60, NULL);
	must_add(bench, "192.0.2.0/24", 1, NULL); /* shorter now */
	sleep(2);
	assert_true(holds(bench, "192.0.2.7")); /* an ended /24 does not end its /32 */
	assert_false(holds(bench, "192.0.2.1"));
	live_sets_tick(bench->sets, NULL);
	assert_true(holds(bench, "192.0.2.7"));
	assert_int_equal(count_entries(bench), 1);
}

/* A /64 has a table of its own, as single addresses have. */
static void test_sites(void **state)
{
	struct live_bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "2001:db8:1:2::/64", 1, NULL);
	must_add(bench, "2001:db8:1:2:3::/80", 60, NULL);
	must_add(bench, "2001:db8:1:2::1", 1, NULL);
	assert_true(holds(bench, "2001:db8:1:2::1"));
	assert_true(holds(bench, "2001:db8:1:2:ffff::"));
	assert_true(holds(bench, "2001:db8:1:2:3::1"));
	assert_false(holds(bench, "2001:db8:1:3::1"));
	sleep(2);
	assert_false(holds(bench, "2001:db8:1:2::1"));
	assert_false(holds(bench, "2001:db8:1:2:ffff::"));
	assert_true(holds(bench, "2001:db8:1:2:3::1")); /* an ended /64 does not hide its /80 */
	must_add(bench, "2001:db8:1::/48", 60, NULL);
	assert_true(holds(bench, "2001:db8:1:2::1"));
	live_sets_tick(bench->sets, &bench->diags);
	assert_true(holds(bench, "2001:db8:1:2::1"));
	assert_int_equal(count_entries(bench), 2);
}

static void test_end_without_daemon(void **state)
{
	struct live_bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 1, NULL);
	must_add(bench, "2001:db8::/32", 1, NULL);
	assert_true(packet_holds(bench, "192.0.2.1"));
	sleep(2); /* nobody ticks */
	assert_false(packet_holds(bench, "192.0.2.1"));
	assert_false(packet_holds(bench, "2001:db8::1"));
}

static void test_refusals(void **state)
{
	struct live_bench *bench = *state;
	_cleanup_(policy_freep) struct policy *policy = build_policy();
	struct live_set *set = banned_set(policy);
	_cleanup_(live_result_done) struct live_result result = {};

	set->size = 2;
	set->except.v4 = calloc(1, sizeof(*set->except.v4));
	set->except.v4[0] = (struct prefix_v4){ .addr = 0xc6336400, .len = 24 };
	set->except.n_v4 = 1;
	take_policy(bench, policy);
	result = add_entry(bench, "198.51.100.7", 60, NULL);
	assert_int_equal(result.refused, 1);
	assert_string_equal(result.refusals[0].why, "'banned' never holds 198.51.100.0 to "
						    "198.51.100.255 ('except' in the policy)");
	live_result_done(&result);
	result = add_entry(bench, "198.0.0.0/8", 60, NULL);
	assert_int_equal(result.refused, 1);
	live_result_done(&result);
	result = add_entry(bench, "0.0.0.0/0", 60, NULL);
	assert_non_null(strstr(result.refusals[0].why, "max-width"));
	live_result_done(&result);
	must_add(bench, "192.0.2.1", 1, NULL);
	must_add(bench, "192.0.2.2", 60, NULL);
	result = add_entry(bench, "192.0.2.3", 60, NULL);
	assert_non_null(strstr(result.refusals[0].why, "full"));
	assert_int_equal(bench->diags.n_warnings, 1);
	diags_free(&bench->diags);
	must_add(bench, "192.0.2.2", 60, NULL); /* it is there */
	sleep(2);
	must_add(bench, "192.0.2.3", 60, NULL); /* what has ended makes room */
	assert_int_equal(count_entries(bench), 2);
}

static void test_replace(void **state)
{
	struct live_bench *bench = *state;
	struct live_request items[] = { { prefix_of("192.0.2.0/25"), 60, "new" },
					{ prefix_of("2001:db8::1"), 60, NULL },
					{ prefix_of("198.51.100.1"), 60, NULL } };
	struct live_result result = {};

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, "old");
	must_add(bench, "198.51.100.1", 60, NULL);
	assert_int_equal(
		live_sets_replace(bench->sets, "banned", items, 3, NULL, &result, &bench->diags),
		0);
	assert_int_equal(result.added, 2);
	assert_int_equal(result.changed, 1);
	assert_int_equal(result.removed, 1);
	assert_true(holds(bench, "192.0.2.1"));
	assert_true(holds(bench, "2001:db8::1"));
	assert_false(holds(bench, "192.0.2.200"));
	assert_int_equal(count_entries(bench), 3);
	items[1].prefix = prefix_of("0.0.0.0/0");
	assert_int_equal(
		live_sets_replace(bench->sets, "banned", items, 3, NULL, &result, &bench->diags),
		-EINVAL);
	expect_error(&bench->diags, "nothing has changed");
	assert_int_equal(count_entries(bench), 3);
	live_bench_restart(bench);
	assert_int_equal(count_entries(bench), 3);
	assert_true(packet_holds(bench, "2001:db8::1"));
	assert_int_equal(live_sets_flush(bench->sets, "banned", &result, &bench->diags), 0);
	assert_int_equal(result.removed, 3);
}

static void test_growth(void **state)
{
	struct live_bench *bench = *state;
	enum { N = 5000 };
	_cleanup_free_ struct live_request *items = calloc(N, sizeof(*items));
	struct live_result result = {};

	take_banned(bench, false);
	for (uint32_t i = 0; i < N; i++) {
		items[i].prefix = (struct live_prefix){
			.family = FAMILY_V4,
			.len = 32,
			.addr = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i },
		};
		items[i].timeout = 1000;
	}
	assert_int_equal(
		live_sets_add(bench->sets, "banned", items, N, NULL, &result, &bench->diags), 0);
	assert_int_equal(result.added, N);
	assert_true(holds(bench, "10.0.0.0"));
	assert_true(holds(bench, "10.0.19.135"));
	assert_false(holds(bench, "10.0.19.136"));
	live_bench_restart(bench);
	assert_int_equal(count_entries(bench), N);
}

/* --- many -------------------------------------------------------------------------------- */

#define POOL 400
#define OPERATIONS 1000000

struct expected {
	struct live_prefix prefix;
	bool there;
};

static int compare_kernel(void *context, const struct live_prefix *found,
			  const struct live_times *times, const char *comment)
{
	struct expected *pool = context;

	for (size_t i = 0; i < POOL; i++)
		if (memcmp(&pool[i].prefix, found, sizeof(*found)) == 0) {
			assert_true(pool[i].there);
			return 0;
		}
	fail_msg("the kernel has an entry that nobody added");
	return -EINVAL;
}

static void random_pool(struct rng *rng, struct expected *pool)
{
	for (size_t i = 0; i < POOL; i++) {
		struct live_prefix *made = &pool[i].prefix;

		do {
			uint32_t bits;

			*made = (struct live_prefix){ .family = (uint8_t)rng_below(rng, 2) };
			made->len = made->family == FAMILY_V4 ? (uint8_t)rng_between(rng, 20, 32)
							      : (uint8_t)rng_between(rng, 56, 128);
			made->addr[0] = 10;
			bits = made->len;
			for (uint32_t bit = 16; bit < bits; bit++)
				if (rng_below(rng, 2))
					made->addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			for (size_t j = 0; j < i; j++)
				if (memcmp(&pool[j].prefix, made, sizeof(*made)) == 0)
					made->len = 0; /* once more */
		} while (!made->len);
	}
}

static void test_many_operations(void **state)
{
	struct live_bench *bench = *state;
	struct rng rng = { 5 };
	struct expected *pool = calloc(POOL, sizeof(*pool));
	struct live_result result = {};
	uint64_t bytes = 0;
	uint32_t slot;
	size_t there = 0;

	take_banned(bench, false);
	assert_int_equal(live_maps_find(bench->maps, "banned", &slot), 0);
	random_pool(&rng, pool);
	for (uint32_t i = 1; i <= OPERATIONS; i++) {
		struct expected *one = &pool[rng_below(&rng, POOL)];
		bool wants = rng_below(&rng, 2);

		if (wants) {
			struct live_request request = { one->prefix, 1000 + rng_below(&rng, 1000),
							rng_below(&rng, 20) ? NULL : "noted" };

			live_sets_add(bench->sets, "banned", &request, 1, NULL, &result,
				      &bench->diags);
			assert_int_equal(result.added, !one->there);
		} else {
			live_sets_del(bench->sets, "banned", &one->prefix, 1, &result,
				      &bench->diags);
			assert_int_equal(result.removed, one->there);
		}
		there += wants - one->there;
		one->there = wants;
		if (i % (OPERATIONS / 10))
			continue;
		assert_int_equal(live_maps_each(bench->maps, slot, compare_kernel, pool), 0);
		assert_int_equal(count_entries(bench), there);
		if (i == OPERATIONS / 10) {
			struct live_set_states states = {};

			live_sets_status(bench->sets, NULL, &states, &bench->diags);
			bytes = states.items[0].bytes;
			live_set_states_done(&states);
		}
	}
	{
		struct live_set_states states = {};

		live_sets_status(bench->sets, NULL, &states, &bench->diags);
		assert_in_range(states.items[0].bytes, 1, 2 * bytes);
		live_set_states_done(&states);
	}
	free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, live_bench_set_up, live_bench_tear_down)
		TEST(test_add_and_remove),
		TEST(test_times_and_comments),
		TEST(test_nested),
		TEST(test_sites),
		TEST(test_end_without_daemon),
		TEST(test_refusals),
		TEST(test_replace),
		TEST(test_growth),
		TEST(test_many_operations),
#undef TEST
	};

	return cmocka_run_group_tests_name("live sets", tests, scratch_setup, scratch_teardown);
}
