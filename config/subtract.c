/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * subtract.c: a set of prefixes without the addresses of another, see subtract.h. Of two prefixes
 * one holds the other or they are disjoint; so in ascending order, the wider first, one pass over
 * both is enough. Addresses of IPv4 are looked at as the upper bits of IPv6's: then what follows is
 * the same for both families.
 */
#include "subtract.h"

#include "sort.h"
#include "util.h"

/* One family's prefixes of a set. */
struct view {
	struct prefix_set *set;
	enum family family;
};

static size_t view_n(const struct view *view)
{
	return view->family == FAMILY_V4 ? view->set->n_v4 : view->set->n_v6;
}

static struct prefix_v6 view_at(const struct view *view, size_t i)
{
	const struct prefix_v4 *v4 = &view->set->v4[i];

	if (view->family == FAMILY_V6)
		return view->set->v6[i];
	return (struct prefix_v6){ .hi = (uint64_t)v4->addr << 32, .len = v4->len };
}

static void view_put(const struct view *view, size_t i, const struct prefix_v6 *prefix)
{
	if (view->family == FAMILY_V6)
		view->set->v6[i] = *prefix;
	else
		view->set->v4[i] = (struct prefix_v4){ (uint32_t)(prefix->hi >> 32), prefix->len };
}

static void view_truncate(const struct view *view, size_t n)
{
	if (view->family == FAMILY_V6)
		view->set->n_v6 = n;
	else
		view->set->n_v4 = n;
}

static bool covers(const struct prefix_v6 *wide, const struct prefix_v6 *narrow)
{
	unsigned int len = wide->len;

	if (len > narrow->len)
		return false;
	if (!len)
		return true;
	if (len <= 64)
		return (wide->hi ^ narrow->hi) >> (64 - len) == 0;
	return wide->hi == narrow->hi && (wide->lo ^ narrow->lo) >> (128 - len) == 0;
}

static bool is_behind(const struct prefix_v6 *a, const struct prefix_v6 *b)
{
	return a->hi != b->hi ? a->hi > b->hi : a->lo > b->lo;
}

/* Both halves; the prefix is not a single address. */
static void split(const struct prefix_v6 *prefix, struct prefix_v6 halves[2])
{
	uint8_t len = prefix->len + 1;

	halves[0] = halves[1] = *prefix;
	halves[0].len = halves[1].len = len;
	if (len <= 64)
		halves[1].hi |= 1ULL << (64 - len);
	else
		halves[1].lo |= 1ULL << (128 - len);
}

/* Of those in order, the ones that are not inside of another. */
static void drop_covered(const struct view *view)
{
	size_t n = view_n(view), kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct prefix_v6 prefix = view_at(view, i), last;

		if (kept) {
			last = view_at(view, kept - 1);
			if (covers(&last, &prefix))
				continue;
		}
		view_put(view, kept++, &prefix);
	}
	view_truncate(view, kept);
}

/* What is left, as it grows. */
struct result {
	struct prefix_set set;
	size_t v4_capacity, v6_capacity;
	size_t most;
};

static int emit(struct result *result, enum family family, const struct prefix_v6 *prefix)
{
	struct prefix_set *set = &result->set;
	const struct view view = { set, family };

	if (set->n_v4 + set->n_v6 == result->most)
		return -E2BIG;
	if (family == FAMILY_V4 ? array_reserve((void **)&set->v4, &result->v4_capacity,
						set->n_v4 + 1, sizeof(*set->v4)) < 0
				: array_reserve((void **)&set->v6, &result->v6_capacity,
						set->n_v6 + 1, sizeof(*set->v6)) < 0)
		return -ENOMEM;
	view_put(&view, view_n(&view), prefix);
	view_truncate(&view, view_n(&view) + 1);
	return 0;
}

/* The prefix without the exceptions [first, end), all of which it covers. Each halving goes on with
 * an exception, so that the depth is at most 128. */
static int cut(struct result *result, const struct prefix_v6 *prefix, const struct view *except,
	       size_t first, size_t end)
{
	struct prefix_v6 halves[2], exception;
	size_t middle = first;
	int r;

	if (first == end)
		return emit(result, except->family, prefix);
	exception = view_at(except, first);
	if (exception.len == prefix->len)
		return 0;
	split(prefix, halves);
	for (size_t high = end; middle < high;) { /* the first one in the upper half */
		size_t i = middle + (high - middle) / 2;

		exception = view_at(except, i);
		if (covers(&halves[0], &exception))
			middle = i + 1;
		else
			high = i;
	}
	r = cut(result, &halves[0], except, first, middle);
	return r < 0 ? r : cut(result, &halves[1], except, middle, end);
}

static int subtract_family(struct result *result, const struct view *view,
			   const struct view *except)
{
	size_t n = view_n(view), n_except = view_n(except), next = 0;

	for (size_t i = 0; i < n; i++) {
		struct prefix_v6 prefix = view_at(view, i), exception;
		size_t end;
		bool gone = false;
		int r;

		for (; next < n_except; next++) { /* past those that end before it */
			exception = view_at(except, next);
			gone = covers(&exception, &prefix);
			if (gone || !is_behind(&prefix, &exception))
				break;
		}
		if (gone)
			continue;
		for (end = next; end < n_except; end++) {
			exception = view_at(except, end);
			if (!covers(&prefix, &exception))
				break;
		}
		r = cut(result, &prefix, except, next, end);
		if (r < 0)
			return r;
		next = end;
	}
	return 0;
}

int set_order(struct prefix_set *set)
{
	int r = sort_v4(set->v4, set->n_v4);

	if (!r)
		r = sort_v6(set->v6, set->n_v6);
	if (r < 0)
		return r;
	drop_covered(&(struct view){ set, FAMILY_V4 });
	drop_covered(&(struct view){ set, FAMILY_V6 });
	return 0;
}

int set_subtract(struct prefix_set *set, struct prefix_set *except, size_t most)
{
	struct result result = { .most = most };
	int r = set_order(set);

	if (!r)
		r = set_order(except);
	for (enum family family = FAMILY_V4; family <= FAMILY_V6 && !r; family++)
		r = subtract_family(&result, &(struct view){ set, family },
				    &(struct view){ except, family });
	if (r < 0) {
		free(result.set.v4);
		free(result.set.v6);
		return r;
	}
	free(set->v4);
	free(set->v6);
	set->v4 = result.set.v4;
	set->n_v4 = result.set.n_v4;
	set->v6 = result.set.v6;
	set->n_v6 = result.set.n_v6;
	return 0;
}
