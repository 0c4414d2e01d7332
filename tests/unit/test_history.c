/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_history.c: policies that were in force are kept whole, in order, with what is said of them;
 * old ones go, with their lists; what boots is the last that was confirmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "history_case.h"
#include "util.h"

static struct history *reopen(struct history *history)
{
	history_close(history);
	return open_good();
}

static void set_state(struct history *history, uint64_t id, enum history_state state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };

	assert_int_equal(history_set_state(history, id, state, &diags), 0);
	assert_int_equal(diags.n, 0);
}

static uint64_t last_confirmed(const struct history *history)
{
	const struct history_entry *entry = history_last_confirmed(history);

	return entry ? entry->id : 0;
}

static mode_t mode_of(const char *path)
{
	struct stat stat_now;

	assert_int_equal(lstat(path, &stat_now), 0);
	return stat_now.st_mode & 07777;
}

/* --- entries ----------------------------------------------------------------------------- */

static void empty(void **state)
{
	struct history *history = open_good();
	_cleanup_(diags_free) struct diags diags = { 0 };
	char path[PATH_MAX];

	assert_null(history_at(history, 0));
	assert_null(history_find(history, 0));
	assert_null(history_last_confirmed(history));
	assert_int_equal(history_path(history, 3, path, &diags), -ENOENT);
	assert_said(&diags, 0, SEVERITY_ERROR, NULL, "no policy 3");
	assert_int_equal(history_set_state(history, 3, HISTORY_CONFIRMED, &diags), -ENOENT);
	assert_int_equal(mode_of(folder), 0700);
	history_close(reopen(history));
	history_close(NULL);
}

static void round_trip(void **state)
{
	struct history *history = open_good();
	uint64_t before = realtime_usec();

	assert_int_equal(add(history, 1, 1, HISTORY_CONFIRMED), 1);
	assert_int_equal(add(history, 2, 1, HISTORY_PENDING), 2);
	assert_int_equal(add(history, 3, 2, HISTORY_REVERTED), 3);
	for (int i = 0; i < 2; i++) {
		const struct history_entry *entry = history_at(history, 0);

		assert_non_null(entry);
		assert_string_equal(entry->who, "root");
		assert_string_equal(entry->why, "a test");
		assert_true(entry->when_usec >= before && entry->when_usec <= realtime_usec());
		check_entry(history, 1, 1, 1, HISTORY_CONFIRMED);
		check_entry(history, 2, 2, 1, HISTORY_PENDING);
		check_entry(history, 3, 3, 2, HISTORY_REVERTED);
		assert_int_equal(history_at(history, 2)->id, 3);
		assert_null(history_at(history, 3));
		assert_int_equal(last_confirmed(history), 1);
		assert_int_equal(count_lists(), 2);
		history = reopen(history);
	}
	assert_int_equal(mode_of(in_folder("1")), 0700);
	assert_int_equal(mode_of(in_folder("1/policy.yaml")), 0600);
	assert_int_equal(mode_of(in_folder("1/about")), 0600);
	assert_int_equal(mode_of(in_folder("lists")), 0700);
	history_close(history);
}

/* An unchanged list is neither written nor touched. */
static void lists_are_shared(void **state)
{
	struct history *history = open_good();
	struct stat before, after;

	add(history, 1, 1, HISTORY_CONFIRMED);
	run("mv %s/* %s/the-list", in_folder("lists"), state_dir);
	run("n=$(sha256sum <%s/the-list); mv %s/the-list %s/${n%%%% *}", state_dir, state_dir,
	    in_folder("lists")); /* its name is its SHA-256 */
	assert_int_equal(stat(in_folder("lists"), &before), 0);
	add(history, 2, 1, HISTORY_CONFIRMED);
	assert_int_equal(stat(in_folder("lists"), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_int_equal(count_lists(), 1);
	check_entry(history, 2, 2, 1, HISTORY_CONFIRMED);
	history_close(history);
}

static void who_and_why(void **state)
{
	static const struct {
		const char *said, *kept;
	} cases[] = {
		{ "", NULL },
		{ "NOC-4711: gr\xc3\xbc\xc3\x9f", "NOC-4711: gr\xc3\xbc\xc3\x9f" },
		{ "a\nb\tc\x1b[2J\x7f", "a?b?c?[2J?" },
		{ "\xff\xc3(\xed\xa0\x80\xc2\x85\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8", "?"
										       "?("
										       "?"
										       "?"
										       "?"
										       "?"
										       "?"
										       "?"
										       "?" },
		{ "sum 00\n", "sum 00?" },
	};
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_good();
	struct policy *policy = make_policy(1, 1);
	char text[700] = "x";
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct history_origin origin = { .who = cases[i].said, .why = cases[i].said };

		assert_int_equal(history_add(history, policy, &origin, &id, &diags), 0);
		history = reopen(history);
		assert_string_equal(history_find(history, id)->who,
				    cases[i].kept ? cases[i].kept : "?");
		if (cases[i].kept)
			assert_string_equal(history_find(history, id)->why, cases[i].kept);
		else
			assert_null(history_find(history, id)->why);
	}
	/* Cut between characters. */
	for (size_t i = 0; i < 300; i++)
		memcpy(text + 2 * i + 1, "\xc3\xbc", 3);
	assert_int_equal(
		history_add(history, policy, &(struct history_origin){ .who = text }, &id, &diags),
		0);
	history = reopen(history);
	assert_int_equal(strlen(history_find(history, id)->who), HISTORY_TEXT - 1);
	assert_memory_equal(history_find(history, id)->who, text, HISTORY_TEXT - 1);
	assert_null(history_find(history, id)->why);
	policy_free(policy);
	history_close(history);
}

static void states(void **state)
{
	struct history *history = open_good();

	assert_string_equal(history_state_name(HISTORY_PENDING), "pending");
	assert_null(history_state_name((enum history_state)3));
	add(history, 1, 1, HISTORY_CONFIRMED);
	add(history, 2, 2, HISTORY_PENDING);
	assert_int_equal(last_confirmed(history), 1);
	set_state(history, 2, HISTORY_CONFIRMED);
	assert_int_equal(last_confirmed(history), 2);
	history = reopen(history);
	check_entry(history, 2, 2, 2, HISTORY_CONFIRMED);
	set_state(history, 2, HISTORY_REVERTED);
	assert_int_equal(last_confirmed(history), 1);
	history = reopen(history);
	check_entry(history, 2, 2, 2, HISTORY_REVERTED);
	assert_int_equal(count_in(in_folder("2")), 2);
	history_close(history);
}

/* Back to an entry: a new one of the same policy, which shares its lists. */
static void repeat(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	const struct history_origin origin = { .who = "root", .why = "rollback to 1" };
	struct history *history = open_good();
	uint64_t id = 0;

	add(history, 1, 1, HISTORY_CONFIRMED);
	add(history, 2, 2, HISTORY_CONFIRMED);
	set_state(history, 2, HISTORY_REVERTED);
	assert_int_equal(history_repeat(history, 1, &origin, &id, &diags), 0);
	assert_int_equal(id, 3);
	assert_int_equal(history_repeat(history, 9, &origin, &id, &diags), -ENOENT);
	history = reopen(history);
	check_entry(history, 3, 1, 1, HISTORY_CONFIRMED);
	assert_string_equal(history_find(history, 3)->why, "rollback to 1");
	assert_int_equal(last_confirmed(history), 3);
	assert_int_equal(count_lists(), 2);
	history_close(history);
}

/* A text that was reverted, until it is in force again, whatever its lists hold. */
static void refuses(void **state)
{
	struct policy *first = make_policy(1, 1), *second = make_policy(2, 1);
	struct history *history = open_good();

	add(history, 1, 1, HISTORY_CONFIRMED);
	assert_null(history_refuses(history, first->text_hash));
	add(history, 2, 1, HISTORY_PENDING);
	assert_null(history_refuses(history, second->text_hash));
	set_state(history, 2, HISTORY_REVERTED);
	assert_int_equal(history_refuses(history, second->text_hash)->id, 2);
	assert_null(history_refuses(history, first->text_hash));
	history = reopen(history);
	assert_int_equal(history_refuses(history, second->text_hash)->id, 2);
	add(history, 2, 1, HISTORY_PENDING);
	assert_null(history_refuses(history, second->text_hash));
	set_state(history, 3, HISTORY_REVERTED);
	assert_int_equal(history_refuses(history, second->text_hash)->id, 3);
	policy_free(first);
	policy_free(second);
	history_close(history);
}

/* --- old ones ---------------------------------------------------------------------------- */

static void pruning(void **state)
{
	struct history *history = open_good();

	add(history, 1, 1, HISTORY_CONFIRMED);
	add(history, 2, 2, HISTORY_CONFIRMED); /* the last one */
	add(history, 3, 3, HISTORY_PENDING);
	add(history, 4, 4, HISTORY_REVERTED);
	add(history, 5, 5, HISTORY_REVERTED); /* the last one */
	for (unsigned int i = 6; i < 6 + HISTORY_KEPT; i++)
		add(history, i, 6, HISTORY_PENDING);
	for (uint64_t id = 6; id < 6 + HISTORY_KEPT; id++)
		set_state(history, id, HISTORY_PENDING);
	for (int i = 0; i < 2; i++) {
		assert_null(history_find(history, 1));
		check_entry(history, 2, 2, 2, HISTORY_CONFIRMED);
		check_entry(history, 3, 3, 3, HISTORY_PENDING);
		assert_null(history_find(history, 4));
		check_entry(history, 5, 5, 5, HISTORY_REVERTED);
		assert_int_equal(history_at(history, 0)->id, 2);
		assert_int_equal(history_at(history, 2 + HISTORY_KEPT)->id, 5 + HISTORY_KEPT);
		assert_null(history_at(history, 3 + HISTORY_KEPT));
		assert_int_equal(count_lists(), 4);
		assert_int_equal(access(in_folder("1"), F_OK), -1);
		assert_int_equal(access(in_folder("gone"), F_OK), -1);
		history = reopen(history);
	}
	for (uint64_t id = 2; id < 6 + HISTORY_KEPT; id++)
		if (history_find(history, id))
			set_state(history, id, HISTORY_CONFIRMED);
	add(history, 100, 7, HISTORY_CONFIRMED);
	assert_int_equal(history_at(history, 0)->id, 7);
	assert_int_equal(count_lists(), 2);
	history_close(history);
}

/* Numbers are not used again, even if somebody removes the last folder. */
static void numbers(void **state)
{
	struct history *history = open_good();

	add(history, 1, 1, HISTORY_CONFIRMED);
	add(history, 2, 1, HISTORY_CONFIRMED);
	history_close(history);
	run("rm -r %s", in_folder("2"));
	history = open_good();
	assert_int_equal(add(history, 3, 1, HISTORY_CONFIRMED), 3);
	history_close(history);
	run("rm %s; mkdir %s/999999999999999998 %s/0 %s/07 %s/4x", in_folder("last"), folder,
	    folder, folder, folder);
	{
		_cleanup_(diags_free) struct diags diags = { 0 };
		uint64_t id = 0;

		history = open_with(&diags);
		assert_int_equal(diags.n, 1);
		assert_int_equal(add(history, 4, 1, HISTORY_CONFIRMED), 999999999999999999);
		assert_int_equal(try_add(history, 5, 1, HISTORY_CONFIRMED, &id, &diags),
				 -EOVERFLOW);
		check_entry(history, 999999999999999999, 4, 1, HISTORY_CONFIRMED);
		history_close(history);
	}
}

/* --- boots ------------------------------------------------------------------------------- */

static void boots(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_good();
	FILE *file;

	assert_true(history_is_first_since_boot(history));
	history = reopen(history);
	assert_true(history_is_first_since_boot(history)); /* that one came to nothing */
	assert_int_equal(history_booted(history, &diags), 0);
	assert_false(history_is_first_since_boot(history));
	history = reopen(history);
	assert_false(history_is_first_since_boot(history));
	history_close(history);
	file = fopen(in_folder("boot"), "w");
	fputs("00000000-0000-0000-0000-000000000000\n", file);
	fclose(file);
	history = open_good();
	assert_true(history_is_first_since_boot(history));
	assert_int_equal(history_booted(history, &diags), 0);
	history = reopen(history);
	assert_false(history_is_first_since_boot(history));
	history_close(history);
	assert_int_equal(truncate(in_folder("boot"), 0), 0);
	history = open_good();
	assert_true(history_is_first_since_boot(history));
	history_close(history);
}

/* --- more than fits ---------------------------------------------------------------------- */

/* Literal prefixes stand in the policy file itself, in full. */
static void too_large(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_good();
	struct policy *policy = make_policy(1, 1);
	struct prefix_set *set = &policy->sets[0];
	const size_t n = 900000;
	uint64_t id = 77;

	assert_string_equal(set->name, "few");
	free(set->v4);
	set->v4 = calloc(n, sizeof(*set->v4));
	for (size_t i = 0; i < n; i++)
		set->v4[i] = (struct prefix_v4){ 0xc0a80000 + 2 * (uint32_t)i, 32 };
	set->n_v4 = n;
	strcpy(set->name, ""); /* and so it has no name */
	assert_int_equal(
		history_add(history, policy, &(struct history_origin){ .who = "x" }, &id, &diags),
		-EFBIG);
	assert_said(&diags, 0, SEVERITY_ERROR, NULL, "16 MiB");
	assert_int_equal(id, 77);
	assert_int_equal(count_lists(), 0);
	policy_free(policy);
	assert_int_equal(add(history, 1, 1, HISTORY_CONFIRMED), 1);
	history_close(history);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(empty),   CASE(round_trip), CASE(lists_are_shared), CASE(who_and_why),
		CASE(states),  CASE(repeat),     CASE(refuses),          CASE(pruning),
		CASE(numbers), CASE(boots),      CASE(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
