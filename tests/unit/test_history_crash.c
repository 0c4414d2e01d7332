/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_history_crash.c: whatever happens to the daemon, the power or the disk, the next open finds
 * what was acknowledged, and of what was not all or nothing: a child dies in front of each system
 * call in turn, and each fails in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "history_calls.h"
#include "history_case.h"
#include "util.h"

#define N_LISTS 3 /* that the policies have in turn; those that are added later have others */

/* What a daemon does, in a history that is full, so that with each policy an old one goes. */
enum { ADDED = 1, CONFIRMED, REPEATED, BOOTED, DONE };
#define OLD 5 /* is put in force again */

static void live(void)
{
	const struct history_origin again = { .who = "root", .state = HISTORY_CONFIRMED };
	struct diags diags = { 0 };
	struct history *history = NULL;
	uint64_t id;

	if (history_open(state_dir, &history, &diags) < 0)
		_exit(1);
	shared->mishaps.on = true;
	if (try_add(history, 100, 100, HISTORY_PENDING, &id, &diags) == 0)
		shared->n_acknowledged++;
	if (history_set_state(history, id, HISTORY_CONFIRMED, &diags) == 0)
		shared->n_acknowledged++;
	if (history_repeat(history, OLD, &again, &id, &diags) == 0)
		shared->n_acknowledged++;
	if (history_booted(history, &diags) == 0)
		shared->n_acknowledged++;
	shared->n_acknowledged++;
	_exit(0);
}

/* The history as it was before. */
static void restore(void)
{
	run("rm -rf %s; cp -a %s.full %s", folder, folder, folder);
	calls_begin();
	shared->n_acknowledged = 0;
}

static int setup_full(void **state)
{
	struct history *history;

	if (!shared)
		calls_init();
	memset(shared, 0, sizeof(*shared));
	if (setup(state) < 0)
		return -1;
	history = open_good();
	for (unsigned int i = 1; i <= HISTORY_KEPT; i++)
		add(history, i, i % N_LISTS, i == 2 ? HISTORY_REVERTED : HISTORY_CONFIRMED);
	history_close(history);
	run("cp -a %s %s.full", folder, folder);
	restore();
	return 0;
}

static int teardown_full(void **state)
{
	shared->mishaps.on = false;
	return teardown(state);
}

/* The new policy, and what became of it; then the old one, again. Returns how many are new. */
static unsigned int check_new(struct history *history, int came)
{
	const struct history_entry *added = history_find(history, HISTORY_KEPT + 1);
	const struct history_entry *again = history_find(history, HISTORY_KEPT + 2);

	assert_true(added || came < ADDED);
	if (!added)
		return 0;
	check_entry(history, added->id, 100, 100, added->state);
	assert_true(added->state == HISTORY_CONFIRMED ||
		    (came < CONFIRMED && added->state == HISTORY_PENDING));
	assert_true(came >= ADDED || added->state == HISTORY_PENDING);
	assert_true(again || came < REPEATED);
	if (!again)
		return 1;
	assert_true(came >= CONFIRMED);
	check_entry(history, again->id, OLD, OLD % N_LISTS, HISTORY_CONFIRMED);
	return 2;
}

static void check_survived(void)
{
	const int came = shared->n_acknowledged;
	struct history *history;
	unsigned int n_new, n = 0, extra;

	shared->mishaps.on = false;
	history = open_good();
	n_new = check_new(history, came);
	while (history_at(history, n))
		n++;
	/* What is to go may be there yet: the first, then the third, as the second was reverted last. */
	extra = n - HISTORY_KEPT;
	assert_true(n >= HISTORY_KEPT && extra <= n_new);
	assert_non_null(history_find(history, 2));
	for (uint64_t id = 4; id <= HISTORY_KEPT; id += 8)
		check_entry(history, id, (unsigned int)id, id % N_LISTS, HISTORY_CONFIRMED);
	if (came >= BOOTED)
		assert_false(history_is_first_since_boot(history));
	/* And nothing else. */
	assert_int_equal(count_lists(), N_LISTS + !!n_new);
	assert_int_equal(access(in_folder("new"), F_OK), -1);
	assert_int_equal(access(in_folder("gone"), F_OK), -1);
	history_close(history);
	history = open_good();
	assert_int_equal(add(history, 50, 50, HISTORY_CONFIRMED), HISTORY_KEPT + n_new + 1);
	history_close(history);
	history = open_good();
	check_entry(history, HISTORY_KEPT + n_new + 1, 50, 50, HISTORY_CONFIRMED);
	history_close(history);
}

static bool run_child(enum mishap mishap, int calls)
{
	mishap_prepare(&shared->mishaps, mishap, 0, calls);
	shared->mishaps.on = false; /* until the history is open */
	return mishap_in_child(&shared->mishaps, live);
}

/* seed negative: the power stays. */
static void die_everywhere(enum mishap mishap, int seed)
{
	int calls;

	for (calls = 0; run_child(mishap, calls); calls++) {
		if (seed >= 0)
			lose_power(seed ? (unsigned int)(seed + calls) : 0);
		check_survived();
		restore();
	}
	assert_true(calls > 40);
	assert_int_equal(shared->n_acknowledged, DONE);
	if (seed >= 0)
		lose_power((unsigned int)seed);
	check_survived();
	print_message("died at %d calls\n", calls);
}

static void death(void **state)
{
	die_everywhere(MISHAP_DIES, -1);
}

static void death_halfway(void **state)
{
	die_everywhere(MISHAP_DIES_HALFWAY, -1);
}

static void power(void **state)
{
	die_everywhere(MISHAP_DIES, 0);
}

static void power_in_part(void **state)
{
	die_everywhere(MISHAP_DIES, 1);
	restore();
	die_everywhere(MISHAP_DIES, 1000);
}

/* --- calls that fail --------------------------------------------------------------------- */

static unsigned int count(const struct history *history)
{
	unsigned int n = 0;

	while (history_at(history, n))
		n++;
	return n;
}

/* Said, with the remedy; what was there is there; and it works again when there is room. */
static bool add_fails(int error, int calls)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_good();
	uint64_t id = 0;
	int r;

	mishap_prepare(&shared->mishaps, MISHAP_FAILS, error, calls);
	r = try_add(history, 100, 100, HISTORY_PENDING, &id, &diags);
	shared->mishaps.on = false;
	if (r < 0) {
		assert_true(shared->mishaps.happened);
		assert_int_equal(r, -error);
		assert_int_equal(diags.n, 1);
		assert_said(&diags, 0, SEVERITY_ERROR, NULL,
			    error == ENOSPC ? "make room" : "errors of the disk");
		assert_memory_equal(diags.items[0].file, folder, strlen(folder));
		assert_int_equal(count(history), HISTORY_KEPT);
		assert_int_equal(id, 0);
		assert_int_equal(count_lists(), N_LISTS);
		shared->n_acknowledged = 0;
		assert_int_equal(add(history, 100, 100, HISTORY_PENDING), HISTORY_KEPT + 1);
	}
	shared->n_acknowledged = ADDED;
	history_close(history);
	check_survived();
	restore();
	return r < 0;
}

static void no_space(void **state)
{
	const int errors[] = { ENOSPC, EIO };

	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		int calls = 0, failed = 0;

		do
			failed += add_fails(errors[e], calls++);
		while (shared->mishaps.happened);
		assert_true(failed > 10);
	}
}

static void state_fails(void **state)
{
	int failed = 0;

	for (int calls = 0;; calls++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct history *history = open_good();
		int r;

		mishap_prepare(&shared->mishaps, MISHAP_FAILS, ENOSPC, calls);
		r = history_set_state(history, 20, HISTORY_REVERTED, &diags);
		shared->mishaps.on = false;
		if (r < 0) {
			failed++;
			assert_said(&diags, 0, SEVERITY_ERROR, in_folder("20"), "make room");
			assert_int_equal(history_find(history, 20)->state, HISTORY_CONFIRMED);
			assert_int_equal(history_set_state(history, 20, HISTORY_REVERTED, &diags),
					 0);
		}
		history_close(history);
		history = open_good();
		check_entry(history, 20, 20, 20 % N_LISTS, HISTORY_REVERTED);
		history_close(history);
		restore();
		if (!shared->mishaps.happened)
			break;
	}
	assert_true(failed >= 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_full, teardown_full)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(death),         CASE(death_halfway), CASE(power),
		CASE(power_in_part), CASE(no_space),      CASE(state_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
