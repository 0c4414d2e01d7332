// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_live_sets.c: live sets from the call to the kernel's tables: what they let in, what they
 * hold when, what the next daemon finds, and what a reboot leaves.
 */
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "build-policy.h"
#include "kernel.h"
#include "live_maps.h"
#include "live_prefix.h"
#include "live_sets.h"
#include "rng.h"
#include "scratch.h"
#include "util.h"

struct bench {
	struct pins pins;
	struct live_maps *maps;
	struct live_sets *sets;
	char state_dir[64];
	struct diags diags;
};

static struct live_prefix prefix(const char *text)
{
	char why[LIVE_PREFIX_WHY];
	struct live_prefix ret;

	if (live_prefix_parse(text, &ret, why) < 0)
		fail_msg("%s: %s", text, why);
	return ret;
}

/* --- the bench --------------------------------------------------------------------------- */

static void open_sets(struct bench *bench)
{
	assert_int_equal(live_maps_open(&bench->pins, &bench->maps, &bench->diags), 0);
	assert_int_equal(live_sets_new(bench->maps, bench->state_dir, &bench->sets, &bench->diags),
			 0);
}

static void close_sets(struct bench *bench)
{
	bench->sets = live_sets_free(bench->sets);
	bench->maps = live_maps_close(bench->maps);
}

/* Another daemon, whatever became of the first. */
static void restart(struct bench *bench)
{
	close_sets(bench);
	open_sets(bench);
}

/* The kernel forgets everything. */
static void reboot(struct bench *bench)
{
	close_sets(bench);
	assert_int_equal(pins_remove(&bench->pins, "live"), 0);
	open_sets(bench);
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	snprintf(bench->state_dir, sizeof(bench->state_dir), "/tmp/xgt-live-XXXXXX");
	assert_non_null(mkdtemp(bench->state_dir));
	scratch_open(&bench->pins);
	open_sets(bench);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	char command[128];

	close_sets(bench);
	pins_close(&bench->pins);
	diags_free(&bench->diags);
	snprintf(command, sizeof(command), "rm -rf %s", bench->state_dir);
	assert_int_equal(system(command), 0);
	free(bench);
	return scratch_clear(state);
}

/* --- policies ---------------------------------------------------------------------------- */

/* A policy with one live set, as the loader makes it. */
static struct live_set *banned(struct policy *policy)
{
	uint32_t index = build_live_set(policy, "banned");

	return &policy->live_sets[index];
}

static void take(struct bench *bench, const struct policy *policy)
{
	assert_int_equal(live_sets_prepare(bench->sets, policy->live_sets, policy->n_live_sets,
					   &bench->diags),
			 0);
	live_sets_take(bench->sets, policy->live_sets, policy->n_live_sets, &bench->diags);
}

static void take_banned(struct bench *bench, bool persist)
{
	_cleanup_(policy_freep) struct policy *policy = build_policy();

	banned(policy)->persist = persist;
	take(bench, policy);
	expect_silence(&bench->diags);
}

/* --- what is there ----------------------------------------------------------------------- */

static struct live_result add(struct bench *bench, const char *text, int64_t timeout,
			      const char *comment)
{
	struct live_request request = { prefix(text), timeout, comment };
	struct live_result result = {};

	assert_int_equal(live_sets_add(bench->sets, "banned", &request, 1, &result, &bench->diags),
			 0);
	return result;
}

static void must_add(struct bench *bench, const char *text, int64_t timeout, const char *comment)
{
	struct live_result result = add(bench, text, timeout, comment);

	assert_int_equal(result.refused, 0);
	assert_int_equal(result.added + result.changed, 1);
}

static uint64_t del(struct bench *bench, const char *text)
{
	struct live_prefix which = prefix(text);
	struct live_result result = {};

	assert_int_equal(live_sets_del(bench->sets, "banned", &which, 1, &result, &bench->diags),
			 0);
	assert_int_equal(result.removed + result.missing, 1);
	return result.removed;
}

static bool is_v4(enum live_table table)
{
	return table == LIVE_HOSTS_V4 || table == LIVE_NETS_V4;
}

/* What a packet would find: as xdp/live.h asks. */
static bool packet_holds(struct bench *bench, const char *address)
{
	struct live_prefix host = prefix(address);
	struct live_state state;
	struct live_entry entry;
	uint32_t slot, zero = 0;

	if (live_maps_find(bench->maps, "banned", &slot) < 0)
		return false;
	assert_int_equal(bpf_map_lookup_elem(live_maps_state_fd(bench->maps), &zero, &state), 0);
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++) {
		uint32_t index = LIVE_INDEX(slot, state.banks >> slot & 1), id;
		bool is_net = table == LIVE_NETS_V4 || table == LIVE_NETS_V6, on;
		struct live_key key = { .len = host.len };
		_cleanup_close_ int fd = -1;

		if (!(state.filled[table] >> slot & 1) ||
		    is_v4(table) != (host.family == FAMILY_V4))
			continue;
		memcpy(key.addr, host.addr, sizeof(key.addr));
		assert_int_equal(
			bpf_map_lookup_elem(live_maps_tables_fd(bench->maps, table), &index, &id),
			0);
		fd = bpf_map_get_fd_by_id(id);
		assert_true(fd >= 0);
		if (bpf_map_lookup_elem(fd, is_net ? (void *)&key : key.addr, &entry) != 0)
			continue;
		on = entry.until == LIVE_UNTIL_FOREVER ||
		     entry.until > live_maps_jiffies(bench->maps);
		if (on || table == LIVE_HOSTS_V4 || table == LIVE_HOSTS_V6)
			return on;
	}
	return false;
}

static bool holds(struct bench *bench, const char *address)
{
	struct live_prefix which = prefix(address);
	struct live_listed listed;
	int r = live_sets_test(bench->sets, "banned", &which, &listed, &bench->diags);

	assert_true(r >= 0);
	assert_int_equal(r, packet_holds(bench, address));
	return r;
}

static struct live_list list(struct bench *bench)
{
	struct live_list ret = {};

	assert_int_equal(live_sets_list(bench->sets, "banned", NULL, SIZE_MAX, &ret, &bench->diags),
			 0);
	return ret;
}

static size_t count(struct bench *bench)
{
	_cleanup_(live_list_done) struct live_list all = list(bench);

	return all.n;
}

/* --- tests ------------------------------------------------------------------------------- */

static void test_add_and_remove(void **state)
{
	struct bench *bench = *state;

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
	assert_int_equal(count(bench), 4);
	assert_int_equal(del(bench, "192.0.2.1"), 1);
	assert_int_equal(del(bench, "192.0.2.1"), 0);
	assert_int_equal(del(bench, "2001:db8:1::/48"), 1);
	assert_false(holds(bench, "192.0.2.1"));
	assert_false(holds(bench, "2001:db8:1::77"));
	assert_int_equal(count(bench), 2);
	expect_silence(&bench->diags);
}

static void test_times_and_comments(void **state)
{
	struct bench *bench = *state;
	_cleanup_(live_list_done) struct live_list all = {};

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, "sshd");
	must_add(bench, "192.0.2.2", 0, NULL);
	must_add(bench, "192.0.2.1", 100, NULL); /* the comment stays */
	must_add(bench, "192.0.2.3", 5, "gone");
	must_add(bench, "192.0.2.3", 5, "");
	all = list(bench);
	assert_int_equal(all.n, 3);
	assert_in_range(all.items[0].left, 99, 101);
	assert_string_equal(all.items[0].comment, "sshd");
	assert_int_equal(all.items[1].left, LIVE_FOREVER);
	assert_string_equal(all.items[1].comment, "");
	assert_string_equal(all.items[2].comment, "");
}

static void test_nested(void **state)
{
	struct bench *bench = *state;

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
	assert_int_equal(count(bench), 1);
	must_add(bench, "192.0.2.7", 60, NULL);
	must_add(bench, "192.0.2.0/24", 1, NULL); /* shorter now */
	sleep(2);
	assert_true(holds(bench, "192.0.2.7")); /* an ended /24 does not end its /32 */
	assert_false(holds(bench, "192.0.2.1"));
	live_sets_tick(bench->sets, NULL);
	assert_true(holds(bench, "192.0.2.7"));
	assert_int_equal(count(bench), 1);
}

/* A /64 has a table of its own, as single addresses have. */
static void test_sites(void **state)
{
	struct bench *bench = *state;

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
	assert_int_equal(count(bench), 2);
}

static void test_end_without_daemon(void **state)
{
	struct bench *bench = *state;

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
	struct bench *bench = *state;
	_cleanup_(policy_freep) struct policy *policy = build_policy();
	struct live_set *set = banned(policy);
	_cleanup_(live_result_done) struct live_result result = {};

	set->size = 2;
	set->except.v4 = calloc(1, sizeof(*set->except.v4));
	set->except.v4[0] = (struct prefix_v4){ .addr = 0xc6336400, .len = 24 };
	set->except.n_v4 = 1;
	take(bench, policy);
	result = add(bench, "198.51.100.7", 60, NULL);
	assert_int_equal(result.refused, 1);
	assert_string_equal(result.refusals[0].why, "'banned' never holds 198.51.100.0 to "
						    "198.51.100.255 ('except' in the policy)");
	live_result_done(&result);
	result = add(bench, "198.0.0.0/8", 60, NULL);
	assert_int_equal(result.refused, 1);
	live_result_done(&result);
	result = add(bench, "0.0.0.0/0", 60, NULL);
	assert_non_null(strstr(result.refusals[0].why, "max-width"));
	live_result_done(&result);
	must_add(bench, "192.0.2.1", 1, NULL);
	must_add(bench, "192.0.2.2", 60, NULL);
	result = add(bench, "192.0.2.3", 60, NULL);
	assert_non_null(strstr(result.refusals[0].why, "full"));
	assert_int_equal(bench->diags.n_warnings, 1);
	diags_free(&bench->diags);
	must_add(bench, "192.0.2.2", 60, NULL); /* it is there */
	sleep(2);
	must_add(bench, "192.0.2.3", 60, NULL); /* what has ended makes room */
	assert_int_equal(count(bench), 2);
}

static void test_replace(void **state)
{
	struct bench *bench = *state;
	struct live_request items[] = { { prefix("192.0.2.0/25"), 60, "new" },
					{ prefix("2001:db8::1"), 60, NULL },
					{ prefix("198.51.100.1"), 60, NULL } };
	struct live_result result = {};

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, "old");
	must_add(bench, "198.51.100.1", 60, NULL);
	assert_int_equal(live_sets_replace(bench->sets, "banned", items, 3, &result, &bench->diags),
			 0);
	assert_int_equal(result.added, 2);
	assert_int_equal(result.changed, 1);
	assert_int_equal(result.removed, 1);
	assert_true(holds(bench, "192.0.2.1"));
	assert_true(holds(bench, "2001:db8::1"));
	assert_false(holds(bench, "192.0.2.200"));
	assert_int_equal(count(bench), 3);
	items[1].prefix = prefix("0.0.0.0/0");
	assert_int_equal(live_sets_replace(bench->sets, "banned", items, 3, &result, &bench->diags),
			 -EINVAL);
	expect_error(&bench->diags, "nothing has changed");
	assert_int_equal(count(bench), 3);
	restart(bench);
	assert_int_equal(count(bench), 3);
	assert_true(packet_holds(bench, "2001:db8::1"));
	assert_int_equal(live_sets_flush(bench->sets, "banned", &result, &bench->diags), 0);
	assert_int_equal(result.removed, 3);
}

static void test_growth(void **state)
{
	struct bench *bench = *state;
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
	assert_int_equal(live_sets_add(bench->sets, "banned", items, N, &result, &bench->diags), 0);
	assert_int_equal(result.added, N);
	assert_true(holds(bench, "10.0.0.0"));
	assert_true(holds(bench, "10.0.19.135"));
	assert_false(holds(bench, "10.0.19.136"));
	restart(bench);
	assert_int_equal(count(bench), N);
}

static void test_restart(void **state)
{
	struct bench *bench = *state;
	_cleanup_(live_list_done) struct live_list all = {};

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, "a comment");
	must_add(bench, "192.0.2.0/24", 0, NULL);
	must_add(bench, "2001:db8::/32", 2, NULL);
	restart(bench);
	all = list(bench);
	assert_int_equal(all.n, 3);
	assert_int_equal(all.items[0].prefix.len, 24);
	assert_string_equal(all.items[1].comment, "a comment");
	assert_in_range(all.items[1].left, 58, 61);
	assert_true(holds(bench, "192.0.2.1"));
	sleep(3);
	assert_false(holds(bench, "2001:db8::1"));
	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
}

static void test_parked(void **state)
{
	struct bench *bench = *state;
	_cleanup_(policy_freep) struct policy *none = build_policy();
	struct live_request request = { prefix("192.0.2.2"), 60, NULL };
	struct live_set_states states = {};
	struct live_result result = {};
	uint32_t slot;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	take(bench, none);
	assert_int_equal(bench->diags.n_warnings, 1);
	diags_free(&bench->diags);
	assert_int_equal(live_sets_status(bench->sets, "banned", &states, &bench->diags), 0);
	assert_true(states.items[0].parked);
	live_set_states_done(&states);
	assert_int_equal(live_sets_add(bench->sets, "banned", &request, 1, &result, &bench->diags),
			 -EINVAL);
	expect_error(&bench->diags, "no policy names");
	take_banned(bench, false);
	assert_true(holds(bench, "192.0.2.1"));
	take(bench, none);
	diags_free(&bench->diags);
	assert_int_equal(live_sets_flush(bench->sets, "banned", &result, &bench->diags), 0);
	assert_int_equal(live_maps_find(bench->maps, "banned", &slot), -ENOENT);
	assert_int_equal(live_sets_flush(bench->sets, "banned", &result, &bench->diags), -ENOENT);
	expect_error(&bench->diags, "there is no live set 'banned'");
}

static void test_reboot(void **state)
{
	struct bench *bench = *state;
	_cleanup_(live_list_done) struct live_list all = {};

	take_banned(bench, true);
	must_add(bench, "192.0.2.1", 60, "a comment");
	must_add(bench, "192.0.2.2", 60, NULL);
	must_add(bench, "192.0.2.3", 1, NULL);
	must_add(bench, "2001:db8::/32", 0, NULL);
	assert_int_equal(del(bench, "192.0.2.2"), 1);
	sleep(2);
	reboot(bench);
	take_banned(bench, true);
	all = list(bench);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.items[0].comment, "a comment");
	assert_in_range(all.items[0].left, 56, 60);
	assert_int_equal(all.items[1].left, LIVE_FOREVER);
	assert_true(holds(bench, "192.0.2.1"));
	assert_false(holds(bench, "192.0.2.2"));
	assert_false(holds(bench, "192.0.2.3"));
	assert_true(holds(bench, "2001:db8::1"));
}

static void test_reboot_without_persist(void **state)
{
	struct bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	reboot(bench);
	take_banned(bench, false);
	assert_int_equal(count(bench), 0);
}

/* Persistence asked for later keeps what is there. */
static void test_persist_later(void **state)
{
	struct bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	take_banned(bench, true);
	reboot(bench);
	take_banned(bench, true);
	assert_true(holds(bench, "192.0.2.1"));
}

/* The disk is broken: bans are in force, and it is said. */
static void test_no_disk(void **state)
{
	struct bench *bench = *state;
	struct live_set_states states = {};
	char path[128];

	take_banned(bench, true);
	close_sets(bench);
	snprintf(path, sizeof(path), "%s/live/banned.journal", bench->state_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	open_sets(bench);
	{
		_cleanup_(policy_freep) struct policy *policy = build_policy();

		banned(policy)->persist = true;
		take(bench, policy);
	}
	assert_true(bench->diags.n_warnings > 0);
	diags_free(&bench->diags);
	must_add(bench, "192.0.2.1", 60, NULL);
	diags_free(&bench->diags);
	assert_true(holds(bench, "192.0.2.1"));
	assert_int_equal(live_sets_status(bench->sets, NULL, &states, &bench->diags), 0);
	assert_non_null(states.items[0].journal_error);
	live_set_states_done(&states);
	assert_int_equal(rmdir(path), 0);
	must_add(bench, "192.0.2.2", 60, NULL);
	take_banned(bench, true); /* mended: all of it is written */
	reboot(bench);
	take_banned(bench, true);
	assert_int_equal(count(bench), 2);
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
	struct bench *bench = *state;
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

			live_sets_add(bench->sets, "banned", &request, 1, &result, &bench->diags);
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
		assert_int_equal(count(bench), there);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_add_and_remove),
		TEST(test_times_and_comments),
		TEST(test_nested),
		TEST(test_sites),
		TEST(test_end_without_daemon),
		TEST(test_refusals),
		TEST(test_replace),
		TEST(test_growth),
		TEST(test_restart),
		TEST(test_parked),
		TEST(test_reboot),
		TEST(test_reboot_without_persist),
		TEST(test_persist_later),
		TEST(test_no_disk),
		TEST(test_many_operations),
#undef TEST
	};

	return cmocka_run_group_tests_name("live sets", tests, scratch_setup, scratch_teardown);
}
