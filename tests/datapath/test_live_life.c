// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_live_life.c: what the next daemon finds of live sets, and what a reboot leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "live_bench.h"
#include "probe.h"
#include "scratch.h"
#include "util.h"

static void test_restart(void **state)
{
	struct live_bench *bench = *state;
	_cleanup_(live_list_done) struct live_list all = {};

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, "a comment");
	must_add(bench, "192.0.2.0/24", 0, NULL);
	must_add(bench, "2001:db8::/32", 2, NULL);
	live_bench_restart(bench);
	all = list_entries(bench);
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
	struct live_bench *bench = *state;
	_cleanup_(policy_freep) struct policy *none = build_policy();
	struct live_request request = { prefix_of("192.0.2.2"), 60, NULL };
	struct live_set_states states = {};
	struct live_result result = {};
	uint32_t slot;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	take_policy(bench, none);
	assert_int_equal(bench->diags.n_warnings, 1);
	diags_free(&bench->diags);
	assert_int_equal(live_sets_status(bench->sets, "banned", &states, &bench->diags), 0);
	assert_true(states.items[0].parked);
	live_set_states_done(&states);
	assert_int_equal(
		live_sets_add(bench->sets, "banned", &request, 1, NULL, &result, &bench->diags),
		-EINVAL);
	expect_error(&bench->diags, "no policy names");
	take_banned(bench, false);
	assert_true(holds(bench, "192.0.2.1"));
	take_policy(bench, none);
	diags_free(&bench->diags);
	assert_int_equal(live_sets_flush(bench->sets, "banned", &result, &bench->diags), 0);
	assert_int_equal(live_maps_find(bench->maps, "banned", &slot), -ENOENT);
	assert_int_equal(live_sets_flush(bench->sets, "banned", &result, &bench->diags), -ENOENT);
	expect_error(&bench->diags, "there is no live set 'banned'");
}

/* What a policy lets in no more goes when it comes in force, whenever the entries came. */
static void test_stricter_policy(void **state)
{
	struct live_bench *bench = *state;
	_cleanup_(policy_freep) struct policy *policy = build_policy();
	struct live_set *set = banned_set(policy);

	set->persist = true;
	take_banned(bench, true);
	must_add(bench, "198.51.100.7", 60, NULL);
	must_add(bench, "192.0.2.1", 60, NULL);
	must_add(bench, "203.0.112.0/23", 60, NULL);
	take_banned(bench, true);
	assert_int_equal(count_entries(bench), 3);
	set->except.v4 = calloc(1, sizeof(*set->except.v4));
	assert_non_null(set->except.v4);
	set->except.v4[0] = (struct prefix_v4){ .addr = 0xc6336400, .len = 24 };
	set->except.n_v4 = 1;
	take_policy(bench, policy);
	assert_int_equal(bench->diags.n_warnings, 1);
	diags_free(&bench->diags);
	assert_false(holds(bench, "198.51.100.7"));
	assert_int_equal(count_entries(bench), 2);
	set->widest[FAMILY_V4] = 24;
	take_policy(bench, policy);
	assert_int_equal(bench->diags.n_warnings, 1);
	diags_free(&bench->diags);
	assert_int_equal(count_entries(bench), 1);
	take_policy(bench, policy);
	expect_silence(&bench->diags);

	/* After a reboot, entries from the disk; after a restart, those of the kernel. */
	take_banned(bench, true);
	must_add(bench, "198.51.100.7", 60, NULL);
	live_bench_reboot(bench);
	take_policy(bench, policy);
	diags_free(&bench->diags);
	assert_int_equal(count_entries(bench), 1);
	take_banned(bench, true);
	must_add(bench, "198.51.100.7", 60, NULL);
	live_bench_restart(bench);
	take_policy(bench, policy);
	diags_free(&bench->diags);
	assert_int_equal(count_entries(bench), 1);
}

static void test_reboot(void **state)
{
	struct live_bench *bench = *state;
	_cleanup_(live_list_done) struct live_list all = {};

	take_banned(bench, true);
	must_add(bench, "192.0.2.1", 60, "a comment");
	must_add(bench, "192.0.2.2", 60, NULL);
	must_add(bench, "192.0.2.3", 1, NULL);
	must_add(bench, "2001:db8::/32", 0, NULL);
	assert_int_equal(del_entry(bench, "192.0.2.2"), 1);
	sleep(2);
	live_bench_reboot(bench);
	take_banned(bench, true);
	all = list_entries(bench);
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
	struct live_bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	live_bench_reboot(bench);
	take_banned(bench, false);
	assert_int_equal(count_entries(bench), 0);
}

/* Persistence asked for later keeps what is there. */
static void test_persist_later(void **state)
{
	struct live_bench *bench = *state;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	take_banned(bench, true);
	live_bench_reboot(bench);
	take_banned(bench, true);
	assert_true(holds(bench, "192.0.2.1"));
}

/* The disk is broken: bans are in force, and it is said. */
static void test_no_disk(void **state)
{
	struct live_bench *bench = *state;
	struct live_set_states states = {};
	char path[128];

	take_banned(bench, true);
	live_bench_close(bench);
	snprintf(path, sizeof(path), "%s/live/banned.journal", bench->state_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	live_bench_open(bench);
	{
		_cleanup_(policy_freep) struct policy *policy = build_policy();

		banned_set(policy)->persist = true;
		take_policy(bench, policy);
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
	live_bench_reboot(bench);
	take_banned(bench, true);
	assert_int_equal(count_entries(bench), 2);
}

/* A policy with the live set "banned", and another that the daemon knows nothing of; what is in either is
 * dropped. */
static struct probe *open_probe(struct live_maps *live, struct policy *policy,
				struct tables **tables, struct diags *diags)
{
	struct probe *probe = NULL;
	uint32_t ruleset = build_ruleset(policy, "p", VERDICT_PASS);

	build_live_address(build_rule(policy, ruleset, "ours", VERDICT_DROP), ADDRESS_SRC,
			   build_live_set(policy, "ours"));
	build_live_address(build_rule(policy, ruleset, "banned", VERDICT_DROP), ADDRESS_SRC,
			   build_live_set(policy, "banned"));
	build_interface(policy, "lan", ruleset);
	assert_int_equal(tables_compile(policy, tables, diags), 0);
	assert_int_equal(probe_open_live(policy, *tables, 0, true, live, &probe, diags), 0);
	return probe;
}

static enum verdict judge(struct probe *probe, uint32_t source)
{
	uint8_t frame[34] = { [12] = 0x08, [14] = 0x45, [17] = 20, [22] = 64, [23] = 253 };
	struct probe_answer answer;

	for (int i = 0; i < 4; i++)
		frame[26 + i] = (uint8_t)(source >> (24 - 8 * i));
	assert_int_equal(probe_run(probe, frame, sizeof(frame), &answer, NULL), 0);
	return (enum verdict)answer.trace.verdict;
}

/* Who looks on sees entries come and go, and a replacement; and can change nothing. */
static void test_view(void **state)
{
	struct live_bench *bench = *state;
	_cleanup_(policy_freep) struct policy *policy = build_policy();
	struct live_request request = { prefix_of("192.0.2.9"), 60, NULL };
	const struct live_times times = { .end = LIVE_FOREVER };
	struct live_prefix prefix = prefix_of("192.0.2.77");
	struct live_result result = {};
	struct tables *tables = NULL;
	struct live_maps *view = NULL;
	struct probe *probe;
	uint32_t slot, ours;

	take_banned(bench, false);
	must_add(bench, "192.0.2.1", 60, NULL);
	assert_int_equal(live_maps_view(scratch_path, &view, &bench->diags), 0);
	assert_int_equal(live_maps_find(view, "ours", &slot), -ENOENT);
	probe = open_probe(view, policy, &tables, &bench->diags);
	expect_silence(&bench->diags);
	assert_int_equal(judge(probe, 0xc0000201), VERDICT_DROP);
	assert_int_equal(judge(probe, 0xc0000202), VERDICT_PASS);
	must_add(bench, "192.0.2.2", 60, NULL);
	must_add(bench, "192.0.3.0/24", 60, NULL);
	assert_int_equal(judge(probe, 0xc0000202), VERDICT_DROP);
	assert_int_equal(judge(probe, 0xc0000303), VERDICT_DROP);
	assert_int_equal(
		live_sets_replace(bench->sets, "banned", &request, 1, NULL, &result, &bench->diags),
		0);
	assert_int_equal(judge(probe, 0xc0000201), VERDICT_PASS);
	assert_int_equal(judge(probe, 0xc0000209), VERDICT_DROP);

	/* Its set has no entries, and the daemon knows nothing of it. */
	assert_int_equal(live_maps_find(view, "ours", &ours), 0);
	assert_null(live_maps_name(bench->maps, ours));
	assert_int_equal(live_maps_find(view, "banned", &slot), 0);
	assert_true(live_maps_put(view, slot, &prefix, &times, LIVE_FOREVER, NULL) < 0);
	assert_true(live_maps_forget(view, slot) < 0);
	assert_int_equal(judge(probe, 0xc000024d), VERDICT_PASS);
	assert_int_equal(judge(probe, 0xc0000209), VERDICT_DROP);
	probe_close(probe);
	tables_free(tables);
	live_maps_close(view);
	assert_true(holds(bench, "192.0.2.9"));
	assert_int_equal(count_entries(bench), 1);
}

static void test_view_of_nothing(void **state)
{
	struct live_bench *bench = *state;
	struct live_maps *view = NULL;

	live_bench_close(bench);
	assert_int_equal(pins_remove(&bench->pins, "live"), 0);
	assert_int_equal(live_maps_view(scratch_path, &view, &bench->diags), -ENOENT);
	expect_silence(&bench->diags);
	assert_null(view);
	live_bench_open(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, live_bench_set_up, live_bench_tear_down)
		TEST(test_restart),
		TEST(test_parked),
		TEST(test_stricter_policy),
		TEST(test_reboot),
		TEST(test_reboot_without_persist),
		TEST(test_persist_later),
		TEST(test_no_disk),
		TEST(test_view),
		TEST(test_view_of_nothing),
#undef TEST
	};

	return cmocka_run_group_tests_name("the life of live sets", tests, scratch_setup,
					   scratch_teardown);
}
