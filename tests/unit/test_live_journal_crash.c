/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_live_journal_crash.c: what was acknowledged is read again, whatever happens to the daemon,
 * the power or the disk: a child dies in front of each system call in turn, and each fails in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "journal.h"
#include "journal_calls.h"
#include "journal_case.h"
#include "util.h"

/* --- death, and the power ---------------------------------------------------------------- */

#define BATCH 5

/* What a daemon does: adds, acknowledges, compacts (all entries but the first half of the batches
 * were removed), adds again. In n_acknowledged is how far it came. */
enum { ADDED_1 = 1, ADDED_2, COMPACTED, ADDED_3, DONE };

static void add_batch(struct journal *journal, unsigned int first)
{
	struct diags diags = { 0 };

	for (unsigned int i = 0; i < BATCH; i++)
		add(journal, first + i);
	if (journal_sync(journal, &diags) == 0)
		shared->n_acknowledged++;
	diags_free(&diags);
}

static void live(void)
{
	unsigned int range[] = { 100, 100 + BATCH };
	struct journal *journal = NULL;
	struct diags diags = { 0 };

	if (open_seen(&journal, &diags) < 0)
		_exit(1);
	add_batch(journal, 0);
	add_batch(journal, 100);
	/* Of 0 to 4 nothing is present; where a record says `gone`, it is one that is added here. */
	if (journal_compact(journal, next_of, range, &diags) == 0)
		shared->n_acknowledged++;
	add_batch(journal, 200);
	shared->n_acknowledged++;
	_exit(0);
}

static bool begins_with(unsigned int at, unsigned int first)
{
	char comment[LIVE_COMMENT_MAX + 1];
	struct journal_record record = nth(first, comment);

	return at < seen.n &&
	       !memcmp(&seen.records[at].prefix, &record.prefix, sizeof(record.prefix));
}

/* A whole batch is here, or a beginning of the last. Returns how many. */
static unsigned int take_batch(unsigned int at, unsigned int first)
{
	unsigned int n = 0;

	while (n < BATCH && begins_with(at + n, first + n)) {
		check_range(at + n, first + n, 1);
		n++;
	}
	return n;
}

static void check_survived(void)
{
	const int came = shared->n_acknowledged;
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct journal *journal = NULL;
	unsigned int n, at = 0;

	shared->mishaps.on = false;
	assert_int_equal(open_seen(&journal, &diags), 0);
	assert_int_equal(diags.n_errors, 0);
	if (begins_with(0, 0)) {
		/* The old one: what was removed is back only if the compaction did not end. */
		assert_true(came < COMPACTED);
		at = take_batch(0, 0);
		if (came >= ADDED_1)
			assert_int_equal(at, BATCH);
		if (came >= ADDED_2)
			assert_int_equal(seen.n, 2 * BATCH);
	}
	n = take_batch(at, 100);
	if (came >= ADDED_2)
		assert_int_equal(n, BATCH);
	at += n;
	n = take_batch(at, 200);
	if (came >= ADDED_3)
		assert_int_equal(n, BATCH);
	assert_int_equal(at + n, seen.n); /* nothing twice, nothing else */
	assert_int_equal(access(new_path, F_OK), -1);
	/* And it goes on. */
	add(journal, 300);
	sync_good(journal);
	journal_close(journal);
	n = (unsigned int)seen.n;
	journal_close(open_good());
	assert_int_equal(seen.n, n + 1);
	check_range(n, 300, 1);
}

static bool run_child(enum mishap mishap, int calls)
{
	mishap_prepare(&shared->mishaps, mishap, 0, calls);
	return mishap_in_child(&shared->mishaps, live);
}

static void die_everywhere(enum mishap mishap, bool power)
{
	int calls;

	for (calls = 0; run_child(mishap, calls); calls++) {
		if (power)
			lose_power();
		check_survived();
		assert_int_equal(calls_teardown(NULL), 0);
		assert_int_equal(calls_setup(NULL), 0);
	}
	assert_true(calls > 15);
	assert_int_equal(shared->n_acknowledged, DONE);
	check_survived();
	print_message("died at %d calls\n", calls);
}

static void test_death(void **state)
{
	die_everywhere(MISHAP_DIES, false);
}

static void test_death_halfway(void **state)
{
	die_everywhere(MISHAP_DIES_HALFWAY, false);
}

static void test_power(void **state)
{
	die_everywhere(MISHAP_DIES, true);
}

/* --- calls that fail --------------------------------------------------------------------- */

/* No room: said, with the file and the remedy; what was there is there, what is added later too. */
static void test_no_space(void **state)
{
	const int errors[] = { ENOSPC, EIO };
	int calls = 0;

	for (size_t e = 0; e < ARRAY_SIZE(errors); e++)
		for (calls = 0;; calls++) {
			_cleanup_(diags_free) struct diags diags = { 0 };
			struct journal *journal = open_good();
			int r;

			add(journal, 0);
			sync_good(journal);
			add(journal, 1);
			add(journal, 2);
			shared->mishaps.mishap = MISHAP_FAILS;
			shared->mishaps.error = errors[e];
			shared->mishaps.calls_left = calls;
			shared->mishaps.happened = false;
			shared->mishaps.on = true;
			r = journal_sync(journal, &diags);
			shared->mishaps.on = false;
			assert_int_equal(r, shared->mishaps.happened ? -errors[e] : 0);
			if (shared->mishaps.happened) {
				assert_said(&diags, 0, SEVERITY_ERROR, 0,
					    errors[e] == ENOSPC ? "make room"
								: "errors of the disk");
				assert_string_equal(diags.items[0].file, path);
			}
			/* What failed is not there: not at once, and not behind what comes. */
			if (calls % 2) {
				add(journal, 3);
				sync_good(journal);
			}
			journal_close(journal);
			journal_close(open_good());
			check_range(0, 0, 1);
			assert_int_equal(unlink(path), 0);
			if (!shared->mishaps.happened)
				break;
			assert_int_equal(seen.n, 1 + calls % 2);
			check_range(1, 3, calls % 2);
		}
	assert_int_equal(calls, 2); /* pwrite(), fdatasync() */
}

/* A torn record that could not be cut off does not swallow the next one. */
static void test_torn_stays(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct journal *journal = open_good();
	off_t before;

	add(journal, 0);
	sync_good(journal);
	before = file_size();
	add(journal, 10); /* a long one */
	shared->mishaps.mishap = MISHAP_FAILS;
	shared->mishaps.error = ENOSPC;
	shared->mishaps.calls_left = 0;
	shared->mishaps.on = true;
	assert_int_equal(journal_sync(journal, &diags), -ENOSPC);
	assert_int_equal(file_size(), before);
	/* The first call of the next one is write() again; it fails, and so does cutting. */
	add(journal, 10);
	shared->mishaps.calls_left = 0;
	shared->mishaps.mishap = MISHAP_FAILS;
	assert_int_equal(journal_sync(journal, &diags), -ENOSPC);
	shared->mishaps.on = false;
	add(journal, 1);
	sync_good(journal);
	journal_close(journal);
	journal_close(open_good());
	assert_int_equal(seen.n, 2);
	check_range(0, 0, 2);
}

static void test_compaction_fails(void **state)
{
	unsigned int n_failed = 0;

	for (int calls = 0;; calls++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		unsigned int range[] = { 0, 3000 };
		struct journal *journal = open_good();
		int r;

		for (unsigned int i = 0; i < 4000; i++)
			add(journal, i);
		sync_good(journal);
		assert_true(journal_is_wasteful(journal, 1000));
		assert_false(journal_is_wasteful(journal, 3000));
		shared->mishaps.mishap = MISHAP_FAILS;
		shared->mishaps.error = ENOSPC;
		shared->mishaps.calls_left = calls;
		shared->mishaps.happened = false;
		shared->mishaps.on = true;
		r = journal_compact(journal, next_of, range, &diags);
		shared->mishaps.on = false;
		if (!shared->mishaps.happened) {
			assert_int_equal(r, 0);
			journal_close(journal);
			break;
		}
		if (r < 0) {
			n_failed++;
			assert_said(&diags, 0, SEVERITY_ERROR, 0, "make room");
			assert_false(journal_is_wasteful(journal, 100)); /* for a while */
		}
		add(journal, 4000);
		shared->mishaps.on = true;
		sync_good(journal);
		shared->mishaps.on = false;
		/* What is acknowledged is in a file whose name is on the disk. */
		assert_false(shared->renamed);
		journal_close(journal);
		journal_close(open_good());
		assert_true(seen.n == 4001 || seen.n == 3001);
		check_range(0, 0, (unsigned int)seen.n - 1);
		check_range(seen.n - 1, 4000, 1);
		unlink(path);
	}
	assert_true(n_failed > 5);
	journal_close(open_good());
	assert_int_equal(seen.n, 3000);
	check_range(0, 0, 3000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_death),    CASE(test_death_halfway), CASE(test_power),
		CASE(test_no_space), CASE(test_torn_stays),    CASE(test_compaction_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
