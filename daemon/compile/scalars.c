/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scalars.c: from the ranges that rules name to a direct array, value -> class. The values at
 * which any rule's condition changes cut the domain into elementary intervals; the row of each is
 * worked out once, and intervals of equal rows are one class. What becomes of the classes is
 * fold.c's affair.
 */
#include "classes.h"

#include <string.h>

#include "util.h"

/* At this value, from here on, the rule's bit is flipped. */
struct edge {
	uint32_t value;
	uint32_t bit;
};

struct edges {
	struct edge *items;
	size_t n, capacity;
};

static int edge_add(struct edges *edges, uint32_t value, uint32_t bit)
{
	int r = array_reserve((void **)&edges->items, &edges->capacity, edges->n + 1,
			      sizeof(*edges->items));

	if (r < 0)
		return r;
	edges->items[edges->n++] = (struct edge){ value, bit };
	return 0;
}

static int edge_compare(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->bit < y->bit ? -1 : x->bit > y->bit;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return 0;
}

/* The edges of one condition. Ranges may overlap or touch: they are merged first. */
static int add_match(struct edges *edges, const struct scalar_match *match, uint32_t bit,
		     uint32_t domain)
{
	_cleanup_free_ struct range *ranges = NULL;
	int r;

	ranges = calloc(match->n_ranges + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	if (match->n_ranges)
		memcpy(ranges, match->ranges, match->n_ranges * sizeof(*ranges));
	qsort(ranges, match->n_ranges, sizeof(*ranges), range_compare);
	for (size_t i = 0; i < match->n_ranges;) {
		uint32_t first = ranges[i].first;
		uint64_t end = (uint64_t)ranges[i].last + 1; /* exclusive */

		for (i++; i < match->n_ranges && ranges[i].first <= end; i++)
			if ((uint64_t)ranges[i].last + 1 > end)
				end = (uint64_t)ranges[i].last + 1;
		if (first >= domain || first >= end)
			continue;
		r = edge_add(edges, first, bit);
		if (r >= 0 && end < domain)
			r = edge_add(edges, end, bit);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A rule without an ethertype condition holds for IP only: that is its condition. */
static const struct range ip_ranges[] = {
	{ ETHERTYPE_IPV4, ETHERTYPE_IPV4 },
	{ ETHERTYPE_IPV6, ETHERTYPE_IPV6 },
};
static const struct scalar_match ip_match = {
	.present = true,
	.ranges = (struct range *)ip_ranges,
	.n_ranges = ARRAY_SIZE(ip_ranges),
};

static const struct scalar_match *match_of(const struct rule *rule, enum scalar_field field)
{
	if (field == FIELD_ETHERTYPE && !rule->scalar[field].present)
		return &ip_match;
	return &rule->scalar[field];
}

/* Write value -> class for all values, walking the sorted edges; row holds the bits of value 0 on
 * entry. */
static int fill_array(struct compiler *compiler, const struct edges *edges, uint64_t *row,
		      struct classes *classes, uint32_t domain)
{
	uint32_t value = 0;
	size_t i = 0;
	int r;

	while (value < domain) {
		uint32_t end, number;

		for (; i < edges->n && edges->items[i].value == value; i++) {
			compiler->at_rule = edges->items[i].bit;
			row[edges->items[i].bit / ROW_WORD_BITS] ^=
				1ULL << edges->items[i].bit % ROW_WORD_BITS;
		}
		r = rows_intern(&classes->rows, row, &number);
		if (r < 0)
			return r;
		if (number >= MAX_SCALAR_ROWS)
			return -E2BIG;
		end = i < edges->n ? edges->items[i].value : domain;
		while (value < end)
			classes->array[1 + value++] = number;
	}
	return 0;
}

/* The class of packets without the field: rules that do not look at it, and no other. */
static int fill_absent(struct compiler *compiler, enum scalar_field field, struct classes *classes)
{
	uint64_t *row = compiler->scratch;
	const struct rule *rule;
	uint32_t number;
	int r;

	memset(row, 0, compiler->tables->row_words * sizeof(*row));
	FOR_EACH_RULE (compiler, s, i, rule, bit)
		if (!match_of(rule, field)->present)
			row_set(row, bit);
	r = rows_intern(&classes->rows, row, &number);
	classes->array[0] = number;
	return r;
}

int scalar_classes(struct compiler *compiler, enum scalar_field field, struct classes *classes)
{
	uint32_t domain = scalar_field_domain(field);
	struct edges edges = {};
	const struct rule *rule;
	int r;

	r = classes_init(classes, compiler->tables->row_words, ROWS_MAX_WORDS, 1 + domain);
	if (r >= 0)
		r = fill_absent(compiler, field, classes);
	FOR_EACH_RULE (compiler, s, i, rule, bit) {
		const struct scalar_match *match = match_of(rule, field);

		if (match->present && match->negated)
			row_set(compiler->scratch, bit);
		if (r >= 0 && match->present)
			r = add_match(&edges, match, bit, domain);
	}
	if (r >= 0) {
		if (edges.n)
			qsort(edges.items, edges.n, sizeof(*edges.items), edge_compare);
		r = fill_array(compiler, &edges, compiler->scratch, classes, domain);
	}
	free(edges.items);
	return r;
}
