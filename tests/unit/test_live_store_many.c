/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_live_store_many.c: live sets of a million entries, and of the deepest nesting: memory, time,
 * order; and memory that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "store.h"
#include "util.h"

/* --- memory that runs out ---------------------------------------------------------------- */

static long allocations_left = -1; /* -1: without end */

void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static bool runs_out(void)
{
	if (allocations_left < 0)
		return false;
	if (!allocations_left)
		return true;
	allocations_left--;
	return false;
}

void *__wrap_malloc(size_t size)
{
	return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return runs_out() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return runs_out() ? NULL : __real_strdup(text);
}

/* --- many -------------------------------------------------------------------------------- */

static int compare(const struct live_prefix *a, const struct live_prefix *b)
{
	int r = a->family - b->family;

	r = r ? r : memcmp(a->addr, b->addr, sizeof(a->addr));
	return r ? r : a->len - b->len;
}

static int count_report(void *context, const struct live_view *view, bool gone)
{
	++*(size_t *)context;
	return 0;
}

/* The i-th of many different addresses, in no order: an odd factor permutes 2^32. */
static struct live_prefix nth(enum family family, uint32_t i)
{
	struct live_prefix prefix = { .family = (uint8_t)family,
				      .len = family == FAMILY_V4 ? 32 : 128 };
	uint32_t drawn = i * 2654435761U;

	for (unsigned int byte = 0; byte < 4; byte++)
		prefix.addr[byte + (family == FAMILY_V6) * 6] = (uint8_t)(drawn >> 8 * byte);
	return prefix;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct same_walk {
	const struct live_store *store;
	struct live_view view;
	size_t n;
};

/* Is it what live_store_next() gives? */
static int check_same(void *context, const struct live_view *view)
{
	struct same_walk *walk = context;
	struct live_prefix last = walk->view.prefix;

	assert_true(live_store_next(walk->store, walk->n++ ? &last : NULL, &walk->view));
	assert_int_equal(compare(&view->prefix, &walk->view.prefix), 0);
	assert_int_equal(view->effective_end, walk->view.effective_end);
	assert_int_equal(view->times.end, walk->view.times.end);
	return 0;
}

static int stop_at_once(void *context, const struct live_view *view)
{
	return -7;
}

static void check_order(const struct live_store *store, size_t expected)
{
	struct same_walk walk = { .store = store };
	struct live_view view, last;
	size_t n = 0;

	assert_int_equal(live_store_each(store, check_same, &walk), 0);
	assert_int_equal(walk.n, expected);
	assert_int_equal(live_store_each(store, stop_at_once, NULL), expected ? -7 : 0);

	for (bool any = live_store_next(store, NULL, &view); any; n++) {
		last = view;
		any = live_store_next(store, &last.prefix, &view);
		if (any)
			assert_true(compare(&view.prefix, &last.prefix) > 0);
	}
	assert_int_equal(n, expected);
}

static void fill_and_empty(enum family family, uint32_t many, size_t bytes_an_entry)
{
	struct live_store *store = live_store_new();
	const size_t empty = live_store_bytes(store);
	double start = seconds(), filled, halved;
	struct live_view view;
	uint32_t end = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < many; i++) {
		struct live_prefix prefix = nth(family, i);

		assert_int_equal(live_store_put(store, &prefix,
						&(struct live_times){ i * 40503U % 65536, i }, NULL,
						count_report, &n),
				 0);
	}
	filled = seconds();
	assert_int_equal(n, many);
	assert_int_equal(live_store_count(store, family), many);
	print_message("%zu bytes an entry of IPv%d, ", live_store_bytes(store) / many,
		      family == FAMILY_V4 ? 4 : 6);
	assert_in_range(live_store_bytes(store) / many, 1, bytes_an_entry);

	for (uint32_t i = 0; i < many; i += 2) {
		struct live_prefix prefix = nth(family, i);

		assert_int_equal(live_store_remove(store, &prefix, count_report, &n), 0);
	}
	halved = seconds();
	print_message("%.0f ns to put, %.0f ns to remove one\n", (filled - start) * 1e9 / many,
		      (halved - filled) * 2e9 / many);
	/* What is gone takes no memory, but for two chunks of each of three pools. */
	assert_true(live_store_bytes(store) < many / 2 * bytes_an_entry + 6 * 1024 * 48);
	for (uint32_t i = 0; i < many; i++) {
		struct live_prefix prefix = nth(family, i);

		assert_int_equal(live_store_find(store, &prefix, &view), i % 2);
		if (i % 2)
			assert_int_equal(view.times.since, i);
	}
	check_order(store, many / 2);

	while (live_store_ended(store, LIVE_FOREVER - 1, &view)) {
		assert_true(view.times.end >= end);
		end = view.times.end;
		assert_int_equal(view.times.end, view.times.since * 40503U % 65536);
		assert_int_equal(live_store_remove(store, &view.prefix, count_report, &n), 0);
	}
	assert_int_equal(live_store_count(store, family), 0);
	assert_int_equal(live_store_bytes(store), empty);
	live_store_free(store);
}

static void test_many(void **state)
{
	fill_and_empty(FAMILY_V4, 1000000, 64);
	fill_and_empty(FAMILY_V6, 200000, 96);
}

/* A prefix above all others: each is told once, in time that grows with them. */
static void test_above_many(void **state)
{
	const struct live_prefix top = { .family = FAMILY_V4, .len = 8, .addr = { 10 } };
	struct live_store *store = live_store_new();
	double spent[2];

	for (uint32_t turn = 0; turn < 2; turn++) {
		const uint32_t most = turn ? 200000 : 25000;
		size_t n = 0;
		double start;

		for (uint32_t i = (uint32_t)live_store_count(store, FAMILY_V4); i < most; i++) {
			struct live_prefix prefix = { .family = FAMILY_V4, .len = 32 };
			uint32_t drawn = i * 2654435761U;

			memcpy(prefix.addr,
			       (uint8_t[]){ 10, (uint8_t)(drawn >> 8), (uint8_t)i,
					    (uint8_t)(i >> 8) },
			       4);
			prefix.addr[1] = (uint8_t)(i >> 16 | (drawn & 0xf0));
			assert_int_equal(live_store_put(store, &prefix,
							&(struct live_times){ 100 + i % 2, i },
							NULL, count_report, &n),
					 0);
		}
		n = 0;
		start = seconds();
		assert_int_equal(live_store_put(store, &top, &(struct live_times){ 101, 0 }, NULL,
						count_report, &n),
				 0);
		assert_int_equal(n, 1 + most / 2); /* half of them end no earlier */
		n = 0;
		assert_int_equal(live_store_remove(store, &top, count_report, &n), 0);
		assert_int_equal(n, 1 + most / 2);
		spent[turn] = seconds() - start;
	}
	print_message("above 25,000: %.1f ms, above 200,000: %.1f ms\n", spent[0] * 1e3,
		      spent[1] * 1e3);
	/* 8 times as many; memory that is further away costs more; the square would be 64 times. */
	assert_true(spent[1] < 30 * spent[0] + 0.05);
	live_store_free(store);
}

/* One of each length, each within the others. */
static void test_deepest(void **state)
{
	struct live_store *store = live_store_new();
	const struct live_times times = { 100, 1 };
	struct live_prefix prefix = { .family = FAMILY_V6 };
	struct live_view view;
	size_t n = 0;

	for (unsigned int len = 0; len <= 128; len++) {
		prefix.len = (uint8_t)len;
		assert_int_equal(live_store_put(store, &prefix, &times, NULL, count_report, &n), 0);
		/* And one beside it, so that the way has forks, too. */
		if (len) {
			struct live_prefix beside = prefix;

			beside.addr[(len - 1) / 8] |= (uint8_t)(0x80 >> (len - 1) % 8);
			assert_int_equal(
				live_store_put(store, &beside, &times, NULL, count_report, &n), 0);
		}
	}
	assert_int_equal(n, 257);
	n = 0;
	prefix.len = 0;
	assert_int_equal(live_store_put(store, &prefix, &(struct live_times){ 200, 1 }, "all",
					count_report, &n),
			 1);
	assert_int_equal(n, 257);
	prefix.len = 128;
	assert_true(live_store_covering(store, &prefix, 150, &view));
	assert_int_equal(view.prefix.len, 0);
	assert_string_equal(view.comment, "all");
	assert_true(live_store_find(store, &prefix, &view));
	assert_int_equal(view.effective_end, 200);
	check_order(store, 257);
	n = 0;
	prefix.len = 0;
	assert_int_equal(live_store_remove(store, &prefix, count_report, &n), 0);
	assert_int_equal(n, 257);
	live_store_free(store);
}

/* With each allocation that fails, nothing has changed; and removing needs none. */
static void test_no_memory(void **state)
{
	struct live_store *store = live_store_new();
	size_t n = 0, refused = 0;

	for (uint32_t i = 0; i < 5000; i++) {
		struct live_prefix prefix = nth(i % 2 ? FAMILY_V4 : FAMILY_V6, i);
		int r = -ENOMEM;

		for (long left = 0; r == -ENOMEM; left++) {
			size_t count = live_store_count(store, prefix.family);
			struct live_view view;

			assert_true(left < 12);
			allocations_left = left;
			r = live_store_put(store, &prefix, &(struct live_times){ i, i }, "why",
					   count_report, &n);
			allocations_left = -1;
			assert_int_equal(live_store_count(store, prefix.family), count + !r);
			assert_int_equal(live_store_find(store, &prefix, &view), !r);
			refused += r == -ENOMEM;
		}
		assert_int_equal(r, 0);
	}
	assert_true(refused > 5000);
	assert_int_equal(n, 5000);
	allocations_left = 0;
	for (uint32_t i = 0; i < 5000; i++) {
		struct live_prefix prefix = nth(i % 2 ? FAMILY_V4 : FAMILY_V6, i);

		assert_int_equal(live_store_remove(store, &prefix, count_report, &n), 0);
	}
	allocations_left = -1;
	assert_int_equal(n, 10000);
	live_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_above_many),
		cmocka_unit_test(test_deepest),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
