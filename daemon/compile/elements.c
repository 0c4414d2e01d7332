/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * elements.c: a natural merge sort: runs that are in order are found, and neighbours merged
 * until one is left. A sorted list costs one pass, and k of them log k.
 */
#include "elements.h"

#include <string.h>

#include "util.h"

static bool element_after(const struct element *a, const struct element *b)
{
	if (a->hi != b->hi)
		return a->hi > b->hi;
	if (a->lo != b->lo)
		return a->lo > b->lo;
	if (a->len != b->len)
		return a->len > b->len;
	return a->set > b->set;
}

/* Ends of the runs, ascending; the last is n. The number of runs, or -ENOMEM. */
static ssize_t find_runs(const struct element *elements, size_t n, size_t **ret)
{
	size_t *ends = NULL, used = 0, capacity = 0;

	for (size_t i = 1; i <= n; i++) {
		if (i < n && !element_after(&elements[i - 1], &elements[i]))
			continue;
		if (array_reserve((void **)&ends, &capacity, used + 1, sizeof(*ends)) < 0) {
			free(ends);
			return -ENOMEM;
		}
		ends[used++] = i;
	}
	*ret = ends;
	return used;
}

static void merge(const struct element *a, const struct element *a_end, const struct element *b,
		  const struct element *b_end, struct element *out)
{
	while (a < a_end && b < b_end)
		*out++ = element_after(a, b) ? *b++ : *a++;
	memcpy(out, a, (a_end - a) * sizeof(*a));
	memcpy(out + (a_end - a), b, (b_end - b) * sizeof(*b));
}

/* Merge each pair of neighbouring runs from one array into the other; the number left. */
static size_t merge_pairs(const struct element *from, struct element *to, size_t *ends, size_t n)
{
	size_t begin = 0, left = 0;

	for (size_t i = 0; i < n; i += 2) {
		size_t middle = ends[i], end = i + 1 < n ? ends[i + 1] : middle;

		merge(from + begin, from + middle, from + middle, from + end, to + begin);
		ends[left++] = begin = end;
	}
	return left;
}

int elements_sort(struct element *elements, size_t n)
{
	_cleanup_free_ struct element *other = NULL;
	_cleanup_free_ size_t *ends = NULL;
	struct element *from = elements, *to;
	ssize_t runs = find_runs(elements, n, &ends);

	if (runs <= 1)
		return runs < 0 ? runs : 0;
	to = other = prefer_large_pages(malloc(n * sizeof(*other)), n * sizeof(*other));
	if (!other)
		return -ENOMEM;
	while (runs > 1) {
		struct element *swap = from;

		runs = merge_pairs(from, to, ends, runs);
		from = to;
		to = swap;
	}
	if (from != elements)
		memcpy(elements, from, n * sizeof(*elements));
	return 0;
}
