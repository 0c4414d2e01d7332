/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_live_store.c: the entries of a live set against a plain list of them, and what is reported
 * against a plain model of the kernel's trie: by the longest match's end, an address is in the set
 * as long as some entry that covers it has not ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "store.h"
#include "util.h"

#define MOST 40 /* entries of the list; few, so that prefixes meet */
#define COMMENTS 3

/* --- prefixes ---------------------------------------------------------------------------- */

static bool covers(const struct live_prefix *outer, const struct live_prefix *inner)
{
	unsigned int whole = outer->len / 8, mask = 0xff00 >> outer->len % 8 & 0xff;

	if (outer->family != inner->family || outer->len > inner->len)
		return false;
	for (unsigned int i = 0; i < whole; i++)
		if (outer->addr[i] != inner->addr[i])
			return false;
	return !mask || !((outer->addr[whole] ^ inner->addr[whole]) & mask);
}

static int compare(const struct live_prefix *a, const struct live_prefix *b)
{
	int r = a->family - b->family;

	r = r ? r : memcmp(a->addr, b->addr, sizeof(a->addr));
	return r ? r : a->len - b->len;
}

static bool same(const struct live_prefix *a, const struct live_prefix *b)
{
	return !compare(a, b);
}

/* Only these bits differ; lengths are around them. */
static const uint8_t bits_v4[] = { 0, 1, 7, 8, 30, 31 };
static const uint8_t bits_v6[] = { 0, 1, 63, 64, 65, 127 };

static struct live_prefix random_prefix(struct rng *rng, bool whole)
{
	struct live_prefix prefix = { .family = (uint8_t)rng_below(rng, N_FAMILIES) };
	const uint8_t *bits = prefix.family == FAMILY_V4 ? bits_v4 : bits_v6;
	uint64_t drawn = rng_u64(rng);
	unsigned int most = prefix.family == FAMILY_V4 ? 32 : 128, pick = drawn >> 32 & 7;

	prefix.len = (uint8_t)(whole || pick >= 6 ? most : bits[pick] + (drawn >> 40 & 1));
	for (unsigned int i = 0; i < 6; i++)
		if (bits[i] < prefix.len && drawn >> i & 1)
			prefix.addr[bits[i] / 8] |= (uint8_t)(0x80 >> bits[i] % 8);
	return prefix;
}

/* --- the list, and the kernel ------------------------------------------------------------ */

struct item {
	struct live_prefix prefix;
	struct live_times times;
	const char *comment;
	uint32_t effective_end; /* the kernel's only */
};

struct list {
	struct item items[MOST];
	size_t n;
};

static struct list list, kernel;
static const char *const comments[COMMENTS] = { NULL, "", "from the log of sshd" };

static struct item *list_find(struct list *in, const struct live_prefix *prefix)
{
	for (size_t i = 0; i < in->n; i++)
		if (same(&in->items[i].prefix, prefix))
			return &in->items[i];
	return NULL;
}

static void list_remove(struct list *in, const struct live_prefix *prefix)
{
	struct item *item = list_find(in, prefix);

	if (item)
		*item = in->items[--in->n];
}

static uint32_t effective_end(const struct live_prefix *prefix)
{
	uint32_t end = 0;

	for (size_t i = 0; i < list.n; i++)
		if (list.items[i].times.end > end && covers(&list.items[i].prefix, prefix))
			end = list.items[i].times.end;
	return end;
}

static void check_view(const struct live_view *view)
{
	const struct item *item = list_find(&list, &view->prefix);

	assert_non_null(item);
	assert_int_equal(view->times.end, item->times.end);
	assert_int_equal(view->times.since, item->times.since);
	assert_int_equal(view->effective_end, effective_end(&view->prefix));
	assert_int_equal(!view->comment, !item->comment);
	if (item->comment)
		assert_string_equal(view->comment, item->comment);
}

static void check_kernel(void)
{
	assert_int_equal(kernel.n, list.n);
	for (size_t i = 0; i < list.n; i++) {
		const struct item *there = list_find(&kernel, &list.items[i].prefix);

		assert_non_null(there);
		assert_int_equal(there->times.end, list.items[i].times.end);
		assert_int_equal(there->times.since, list.items[i].times.since);
		assert_int_equal(there->effective_end, effective_end(&there->prefix));
	}
}

/* What a program finds. */
static bool kernel_has(const struct live_prefix *address, uint32_t now)
{
	const struct item *longest = NULL;

	for (size_t i = 0; i < kernel.n; i++)
		if (covers(&kernel.items[i].prefix, address) &&
		    (!longest || kernel.items[i].prefix.len > longest->prefix.len))
			longest = &kernel.items[i];
	return longest && longest->effective_end > now;
}

static bool list_has(const struct live_prefix *address, uint32_t now)
{
	for (size_t i = 0; i < list.n; i++)
		if (list.items[i].times.end > now && covers(&list.items[i].prefix, address))
			return true;
	return false;
}

/* --- what is reported -------------------------------------------------------------------- */

struct reports {
	const struct live_store *store;
	const struct live_prefix *prefix; /* that was put or removed */
	bool removal;
	bool again;         /* undoing: what had not been told may be told once more */
	size_t n, fails_at; /* 0: never */
	struct live_prefix told[MOST];
};

static int take_report(void *context, const struct live_view *view, bool gone)
{
	struct reports *reports = context;
	bool is_it = same(&view->prefix, reports->prefix);
	struct item *there = list_find(&kernel, &view->prefix);
	struct live_view found;

	assert_true(covers(reports->prefix, &view->prefix));
	assert_int_equal(gone, reports->removal && is_it);
	for (size_t i = 0; i < reports->n; i++) {
		assert_false(same(&reports->told[i], &view->prefix));
		assert_false(reports->removal ? covers(&reports->told[i], &view->prefix)
					      : covers(&view->prefix, &reports->told[i]));
	}
	assert_true(reports->n < MOST);
	reports->told[reports->n++] = view->prefix;
	if (!reports->removal)
		assert_int_equal(is_it, reports->n == 1);
	if (reports->n == reports->fails_at)
		return -EIO;
	if (gone) {
		assert_true(there || reports->again);
		assert_false(live_store_find(reports->store, &view->prefix, &found));
		list_remove(&kernel, &view->prefix);
		return 0;
	}
	check_view(view);
	assert_true(live_store_find(reports->store, &view->prefix, &found));
	assert_int_equal(found.effective_end, view->effective_end);
	/* Nothing is told without need. */
	if (!is_it && !reports->again) {
		assert_non_null(there);
		assert_int_not_equal(there->effective_end, view->effective_end);
	}
	if (!there)
		there = &kernel.items[kernel.n++];
	*there = (struct item){ view->prefix, view->times, NULL, view->effective_end };
	return 0;
}

/* --- random operations ------------------------------------------------------------------- */

static int put(struct live_store *store, struct reports *reports, struct item item)
{
	struct item *there = list_find(&list, &item.prefix);
	struct live_times times = item.times;

	if (there)
		item.times.since = there->times.since;
	else
		there = &list.items[list.n++];
	*there = item;
	return live_store_put(store, &item.prefix, &times, item.comment, take_report, reports);
}

static int take(struct live_store *store, struct reports *reports)
{
	list_remove(&list, reports->prefix);
	reports->removal = true;
	return live_store_remove(store, reports->prefix, take_report, reports);
}

static void random_put(struct live_store *store, struct rng *rng, uint32_t now)
{
	struct live_prefix prefix = random_prefix(rng, false);
	struct item *there = list_find(&list, &prefix), former = { 0 };
	struct item item = { prefix,
			     { rng_percent(rng, 10) ? LIVE_FOREVER : now + rng_below(rng, 30),
			       rng_below(rng, 1000) },
			     comments[rng_below(rng, COMMENTS)],
			     0 };
	struct reports reports = { .store = store, .prefix = &prefix };
	bool was_there = there;
	int r;

	if (!there && list.n == MOST)
		return;
	if (there)
		former = *there;
	if (rng_percent(rng, 5))
		reports.fails_at = 1 + rng_below(rng, 3);
	r = put(store, &reports, item);
	if (!reports.fails_at || reports.n < reports.fails_at) {
		assert_int_equal(r, was_there);
		return;
	}
	assert_int_equal(r, -EIO);
	reports = (struct reports){ .store = store, .prefix = &prefix, .again = true };
	r = was_there ? put(store, &reports, former) : take(store, &reports);
	assert_int_equal(r, was_there);
	check_kernel();
}

static void random_remove(struct live_store *store, struct rng *rng)
{
	struct live_prefix prefix = list.n && rng_percent(rng, 70)
					    ? list.items[rng_below(rng, (uint32_t)list.n)].prefix
					    : random_prefix(rng, false);
	struct reports reports = { .store = store, .prefix = &prefix };
	bool was_there = list_find(&list, &prefix);

	assert_int_equal(take(store, &reports), was_there ? 0 : -ENOENT);
	assert_int_equal(reports.n > 0, was_there);
	if (was_there)
		assert_true(same(&reports.told[reports.n - 1], &prefix));
}

static void remove_ended(struct live_store *store, uint32_t now)
{
	uint32_t earliest = LIVE_FOREVER;
	struct live_view view;

	for (size_t i = 0; i < list.n; i++)
		if (list.items[i].times.end < earliest)
			earliest = list.items[i].times.end;
	assert_int_equal(live_store_next_end(store), earliest);
	assert_int_equal(live_store_ended(store, now, &view), earliest <= now);
	if (earliest <= now) {
		struct reports reports = { .store = store, .prefix = &view.prefix };

		check_view(&view);
		assert_int_equal(view.times.end, earliest);
		assert_int_equal(take(store, &reports), 0);
	}
}

static void check_looking(const struct live_store *store, struct rng *rng, uint32_t now)
{
	struct live_prefix prefix = random_prefix(rng, false), address = random_prefix(rng, true);
	const struct item *longest = NULL, *next = NULL;
	bool from_start = rng_percent(rng, 3);
	struct live_view view;

	for (size_t i = 0; i < list.n; i++) {
		const struct item *item = &list.items[i];

		if (item->times.end > now && covers(&item->prefix, &prefix) &&
		    (!longest || item->prefix.len > longest->prefix.len))
			longest = item;
		if ((from_start || compare(&item->prefix, &prefix) > 0) &&
		    (!next || compare(&item->prefix, &next->prefix) < 0))
			next = item;
	}
	assert_int_equal(live_store_covering(store, &prefix, now, &view), longest != NULL);
	if (longest) {
		assert_true(same(&view.prefix, &longest->prefix));
		check_view(&view);
	}
	assert_int_equal(live_store_next(store, from_start ? NULL : &prefix, &view), next != NULL);
	if (next) {
		assert_true(same(&view.prefix, &next->prefix));
		check_view(&view);
	}
	assert_int_equal(live_store_find(store, &prefix, &view), list_find(&list, &prefix) != NULL);
	assert_int_equal(kernel_has(&address, now), list_has(&address, now));
}

static void check_count(const struct live_store *store)
{
	size_t n[N_FAMILIES] = { 0 };

	for (size_t i = 0; i < list.n; i++)
		n[list.items[i].prefix.family]++;
	assert_int_equal(live_store_count(store, FAMILY_V4), n[FAMILY_V4]);
	assert_int_equal(live_store_count(store, FAMILY_V6), n[FAMILY_V6]);
}

static void test_against_list(void **state)
{
	struct live_store *store = live_store_new();
	const size_t empty = live_store_bytes(store);
	struct rng rng = { 20 };
	uint32_t now = 1000;

	for (unsigned int i = 0; i < 1100000; i++) {
		/* In turns it fills and empties. */
		unsigned int puts = i >> 12 & 1 ? 35 : 60, dice = rng_below(&rng, 100);

		if (dice < puts)
			random_put(store, &rng, now);
		else if (dice < 90)
			random_remove(store, &rng);
		else if (dice < 98)
			remove_ended(store, now);
		else
			now += rng_below(&rng, 4);
		check_looking(store, &rng, now);
		if (i % 64 == 0) {
			check_count(store);
			check_kernel();
		}
		if (i % 50000 == 0) {
			while (list.n)
				random_remove(store, &rng);
			assert_int_equal(live_store_bytes(store), empty);
		}
	}
	list.n = kernel.n = 0;
	live_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_list) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
