// SPDX-License-Identifier: GPL-2.0-only
/* live_bench.c: see live_bench.h. */
#include "live_bench.h"

#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "live_prefix.h"
#include "scratch.h"
#include "util.h"

struct live_prefix prefix_of(const char *text)
{
	char why[LIVE_PREFIX_WHY];
	struct live_prefix ret;

	if (live_prefix_parse(text, &ret, why) < 0)
		fail_msg("%s: %s", text, why);
	return ret;
}

/* --- the bench --------------------------------------------------------------------------- */

void live_bench_open(struct live_bench *bench)
{
	assert_int_equal(live_maps_open(&bench->pins, &bench->maps, &bench->diags), 0);
	assert_int_equal(live_sets_new(bench->maps, bench->state_dir, &bench->sets, &bench->diags),
			 0);
}

void live_bench_close(struct live_bench *bench)
{
	bench->sets = live_sets_free(bench->sets);
	bench->maps = live_maps_close(bench->maps);
}

void live_bench_restart(struct live_bench *bench)
{
	live_bench_close(bench);
	live_bench_open(bench);
}

void live_bench_reboot(struct live_bench *bench)
{
	live_bench_close(bench);
	assert_int_equal(pins_remove(&bench->pins, "live"), 0);
	live_bench_open(bench);
}

int live_bench_set_up(void **state)
{
	struct live_bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	snprintf(bench->state_dir, sizeof(bench->state_dir), "/tmp/xgt-live-XXXXXX");
	assert_non_null(mkdtemp(bench->state_dir));
	scratch_open(&bench->pins);
	live_bench_open(bench);
	*state = bench;
	return 0;
}

int live_bench_tear_down(void **state)
{
	struct live_bench *bench = *state;
	char command[128];

	live_bench_close(bench);
	pins_close(&bench->pins);
	diags_free(&bench->diags);
	snprintf(command, sizeof(command), "rm -rf %s", bench->state_dir);
	assert_int_equal(system(command), 0);
	free(bench);
	return scratch_clear(state);
}

/* --- policies ---------------------------------------------------------------------------- */

struct live_set *banned_set(struct policy *policy)
{
	uint32_t index = build_live_set(policy, "banned");

	return &policy->live_sets[index];
}

void take_policy(struct live_bench *bench, const struct policy *policy)
{
	assert_int_equal(live_sets_prepare(bench->sets, policy->live_sets, policy->n_live_sets,
					   &bench->diags),
			 0);
	live_sets_take(bench->sets, policy->live_sets, policy->n_live_sets, &bench->diags);
}

void take_banned(struct live_bench *bench, bool persist)
{
	_cleanup_(policy_freep) struct policy *policy = build_policy();

	banned_set(policy)->persist = persist;
	take_policy(bench, policy);
	expect_silence(&bench->diags);
}

/* --- what is there ----------------------------------------------------------------------- */

struct live_result add_entry(struct live_bench *bench, const char *text, int64_t timeout,
			     const char *comment)
{
	struct live_request request = { prefix_of(text), timeout, comment };
	struct live_result result = {};

	assert_int_equal(
		live_sets_add(bench->sets, "banned", &request, 1, NULL, &result, &bench->diags), 0);
	return result;
}

void must_add(struct live_bench *bench, const char *text, int64_t timeout, const char *comment)
{
	struct live_result result = add_entry(bench, text, timeout, comment);

	assert_int_equal(result.refused, 0);
	assert_int_equal(result.added + result.changed, 1);
}

uint64_t del_entry(struct live_bench *bench, const char *text)
{
	struct live_prefix which = prefix_of(text);
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

bool packet_holds(struct live_bench *bench, const char *address)
{
	struct live_prefix host = prefix_of(address);
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

bool holds(struct live_bench *bench, const char *address)
{
	struct live_prefix which = prefix_of(address);
	struct live_listed listed;
	int r = live_sets_test(bench->sets, "banned", &which, &listed, &bench->diags);

	assert_true(r >= 0);
	assert_int_equal(r, packet_holds(bench, address));
	return r;
}

struct live_list list_entries(struct live_bench *bench)
{
	struct live_list ret = {};

	assert_int_equal(live_sets_list(bench->sets, "banned", NULL, SIZE_MAX, &ret, &bench->diags),
			 0);
	return ret;
}

size_t count_entries(struct live_bench *bench)
{
	_cleanup_(live_list_done) struct live_list all = list_entries(bench);

	return all.n;
}
