/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm6.c: IPv6 intervals to the entries of trees; see abi.h for the layout.
 *
 * Upper halves that are not cut are most of the address space. Where one is, mostly by a single
 * prefix, as in a list of hosts, its entry says so, and also what holds behind it: so it needs no
 * second entry that ends it. Any other way to cut an upper half makes a tree of its lower halves.
 */
#include "lpm6.h"

#include <string.h>

#include "util.h"

#define FIRST_BUCKETS 1024

struct starts {
	struct start *items;
	size_t n, capacity;
};

/* The lower halves of one upper half: a piece of builder.lower. */
struct group {
	size_t upper; /* its entry */
	size_t first, n;
};

struct builder {
	struct tables *tables;
	struct starts upper, lower;
	struct group *groups;
	size_t n_groups, groups_capacity;
	uint64_t *values; /* each once */
	size_t n_values, values_capacity;
	uint32_t *buckets; /* number + 1, by hash; 0: empty */
	size_t n_buckets;  /* a power of two */
};

int lpm6_reserve(struct tables *tables, size_t n, size_t align, uint32_t *ret_index)
{
	size_t index = (tables->n_lpm6 + align - 1) / align * align;
	int r;

	if (n > LPM_MAX_WORDS || index + n > LPM_MAX_WORDS)
		return -E2BIG;
	r = array_reserve((void **)&tables->lpm6, &tables->lpm6_capacity, index + n,
			  sizeof(*tables->lpm6));
	if (r < 0)
		return r;
	memset(tables->lpm6 + tables->n_lpm6, 0,
	       (index + n - tables->n_lpm6) * sizeof(*tables->lpm6));
	tables->n_lpm6 = index + n;
	*ret_index = index;
	return 0;
}

/* --- values ------------------------------------------------------------------------------- */

static uint32_t *find_bucket(const struct builder *builder, uint64_t value)
{
	size_t mask = builder->n_buckets - 1;
	size_t i = (value * 0x9e3779b97f4a7c15ULL) >> 32 & mask;

	while (builder->buckets[i] && builder->values[builder->buckets[i] - 1] != value)
		i = (i + 1) & mask;
	return &builder->buckets[i];
}

static int grow_buckets(struct builder *builder)
{
	size_t n = builder->n_buckets ? 2 * builder->n_buckets : FIRST_BUCKETS;
	uint32_t *buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	free(builder->buckets);
	builder->buckets = buckets;
	builder->n_buckets = n;
	for (size_t i = 0; i < builder->n_values; i++)
		*find_bucket(builder, builder->values[i]) = i + 1;
	return 0;
}

/* The number of the value, in order of their first use. */
static int number_value(struct builder *builder, uint32_t row, uint32_t other, uint64_t kind,
			uint32_t *ret)
{
	uint64_t value = kind << LPM6_KIND_SHIFT | (uint64_t)other << LPM6_ROW_BITS | row;
	uint32_t *bucket;
	int r;

	if (builder->n_values * 2 >= builder->n_buckets) {
		r = grow_buckets(builder);
		if (r < 0)
			return r;
	}
	bucket = find_bucket(builder, value);
	if (!*bucket) {
		r = array_reserve((void **)&builder->values, &builder->values_capacity,
				  builder->n_values + 1, sizeof(*builder->values));
		if (r < 0)
			return r;
		builder->values[builder->n_values++] = value;
		*bucket = builder->n_values;
	}
	*ret = *bucket - 1;
	return 0;
}

/* --- entries ------------------------------------------------------------------------------ */

static int add_start(struct builder *builder, struct starts *starts, uint64_t key, uint32_t row,
		     uint32_t other, uint64_t kind)
{
	struct start *start;
	int r = array_reserve((void **)&starts->items, &starts->capacity, starts->n + 1,
			      sizeof(*starts->items));

	if (r < 0)
		return r;
	start = &starts->items[starts->n++];
	*start = (struct start){ .key = key, .halves = kind == LPM6_LOWER ? 2 : 0 };
	r = number_value(builder, row, other, kind, &start->value);
	if (r < 0)
		return r;
	return number_value(builder, other, other, LPM6_PLAIN, &start->after);
}

static int add_plain(struct builder *builder, struct starts *starts, uint64_t key, uint32_t row)
{
	return add_start(builder, starts, key, row, row, LPM6_PLAIN);
}

/* The prefix of lower halves that begins at lo has the row, but for the lowest `bits` bits. */
static int add_prefix(struct builder *builder, uint64_t key, uint64_t lo, uint64_t bits,
		      uint32_t row, uint32_t other)
{
	bool low = bits < 32 && lo >> 32 == 0;
	int r = add_start(builder, &builder->upper, key, row, other, low ? bits | LPM6_LOW : bits);
	struct start *start = &builder->upper.items[builder->upper.n - 1];

	if (r < 0)
		return r;
	start->halves = low || bits >= 32 ? 1 : 2;
	start->word = low ? lo << 32 : lo;
	return 0;
}

/* The intervals within one upper half, as a tree of their own, of which the upper half's entry is
 * the next. `before` is the row in force where it begins. */
static int add_lower(struct builder *builder, const struct interval *items, size_t n,
		     uint32_t before)
{
	struct starts *lower = &builder->lower;
	size_t first = lower->n;
	int r = 0;

	if (items[0].lo != 0)
		r = add_plain(builder, lower, 0, before);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (i + 1 < n && items[i + 1].lo == items[i].lo + 1) {
			/* A single address says what holds behind it. */
			r = add_start(builder, lower, items[i].lo, items[i].row, items[i + 1].row,
				      LPM6_POINT);
			i++;
		} else {
			r = add_plain(builder, lower, items[i].lo, items[i].row);
		}
	}
	if (r >= 0)
		r = array_reserve((void **)&builder->groups, &builder->groups_capacity,
				  builder->n_groups + 1, sizeof(*builder->groups));
	if (r < 0)
		return r;
	builder->groups[builder->n_groups++] =
		(struct group){ builder->upper.n, first, lower->n - first };
	return 0;
}

/* Is what is cut out of the upper half a prefix, with the same row before and behind? Then
 * *ret_bits is how many lowest bits do not count. next: the interval behind the upper half. */
static bool is_prefix(const struct interval *items, size_t n, const struct interval *next,
		      uint32_t before, uint64_t *ret_bits)
{
	uint64_t size;

	if (n == 2 && items[1].row == before)
		size = items[1].lo - items[0].lo;
	else if (n == 1 && items[0].lo != 0 && next && next->hi == items[0].hi + 1 &&
		 next->lo == 0 && next->row == before)
		size = -items[0].lo;
	else
		return false;
	*ret_bits = __builtin_ctzll(size);
	return (size & (size - 1)) == 0 && (items[0].lo & (size - 1)) == 0;
}

/* The entries of the upper halves. `row` is what holds behind the last one. */
static int split_halves(struct builder *builder, const struct intervals *intervals)
{
	const struct interval *items = intervals->items, *end = items + intervals->n, *next;
	struct starts *upper = &builder->upper;
	uint32_t row = 0;
	/* At most one start for each: grown bit by bit, copies of it would cost more than its work. */
	int r = array_reserve((void **)&upper->items, &upper->capacity, intervals->n,
			      sizeof(*upper->items));

	for (const struct interval *item = items; r >= 0 && item < end; item = next) {
		const struct interval *behind;
		uint64_t key = item->hi, bits;
		bool first = item == items;

		for (next = item + 1; next < end && next->hi == key; next++)
			;
		behind = next < end ? next : NULL;
		/* Said already by the entry ahead. */
		if (!first && item->lo == 0 && item->row == row && ++item == next)
			continue;
		if (next == item + 1 && item->lo == 0) {
			if (behind && behind->hi == key + 1 && behind->lo == 0) {
				r = add_start(builder, upper, key, item->row, behind->row,
					      LPM6_POINT);
				row = behind->row;
			} else {
				r = add_plain(builder, upper, key, item->row);
				row = item->row;
			}
		} else if (!first && is_prefix(item, next - item, behind, row, &bits)) {
			r = add_prefix(builder, key, item->lo, bits, item->row, row);
		} else {
			r = add_lower(builder, item, next - item, row);
			row = next[-1].row;
			if (r >= 0)
				r = add_start(builder, upper, key, 0, row, LPM6_LOWER);
		}
	}
	return r;
}

/* --- the table ---------------------------------------------------------------------------- */

static void note_uses(struct builder *builder)
{
	for (size_t i = 0; i < builder->n_values; i++) {
		uint64_t kind = builder->values[i] >> LPM6_KIND_SHIFT;

		if (kind < LPM6_POINT || kind & LPM6_LOW)
			builder->tables->lpm6_uses |= LPM6_USES_PREFIX;
		if (kind == LPM6_LOWER)
			builder->tables->lpm6_uses |= LPM6_USES_LOWER;
	}
}

static int lay_out(struct builder *builder, uint64_t *ret_tree, uint32_t *ret_values)
{
	unsigned int size = builder->n_values <= 256 ? 0 : builder->n_values <= 65536 ? 1 : 2;
	struct tables *tables = builder->tables;
	uint32_t past;
	int r = lpm6_reserve(tables, builder->n_values, 1, ret_values);

	if (r < 0)
		return r;
	memcpy(tables->lpm6 + *ret_values, builder->values,
	       builder->n_values * sizeof(*builder->values));
	note_uses(builder);
	for (size_t i = 0; r >= 0 && i < builder->n_groups; i++) {
		const struct group *group = &builder->groups[i];

		r = lpm6_tree(tables, builder->lower.items + group->first, group->n, size,
			      &builder->upper.items[group->upper].word);
	}
	if (r >= 0)
		r = lpm6_tree(tables, builder->upper.items, builder->upper.n, size, ret_tree);
	/* The program reads whole leaves. */
	return r < 0 ? r : lpm6_reserve(tables, LPM6_LEAF_WORDS, 1, &past);
}

static void builder_done(struct builder *builder)
{
	free(builder->upper.items);
	free(builder->lower.items);
	free(builder->groups);
	free(builder->values);
	free(builder->buckets);
}

int lpm6_build(struct tables *tables, const struct intervals *intervals, uint64_t *ret_tree,
	       uint32_t *ret_values)
{
	_cleanup_(builder_done) struct builder builder = { .tables = tables };
	int r = split_halves(&builder, intervals);

	return r < 0 ? r : lay_out(&builder, ret_tree, ret_values);
}
