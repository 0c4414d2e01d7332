/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm6_tree.c: a B+-tree that is never changed: leaves are filled one after the other with as
 * many entries as they hold, and nodes are built over them from below.
 */
#include "lpm6.h"

#include <string.h>

#include "util.h"

#define LEAF_BYTES (LPM6_LEAF_WORDS * 8)
#define HEAD_BYTES 8
#define HALF_BYTES 4

/* What all leaves of a tree have in common. */
struct shape {
	bool wide;
	unsigned int value_size;
};

struct leaf {
	size_t first, n; /* its starts */
	size_t places;   /* for keys, an even number */
	size_t bytes;    /* that are used */
	uint64_t base;   /* its first key */
	bool led;        /* ahead of the starts, it has an entry at base for what held before */
	unsigned int shift;
};

static size_t key_bytes(const struct shape *shape)
{
	return shape->wide ? 8 : 4;
}

static size_t places_for(size_t entries)
{
	return (entries + 1) / 2 * 2;
}

static size_t leaf_bytes(const struct shape *shape, size_t places, size_t halves)
{
	return HEAD_BYTES + places * (key_bytes(shape) + (1U << shape->value_size)) +
	       halves * HALF_BYTES;
}

/*
 * The leaf from start `first` on, as large as it can be. Its first key must be even, and so must
 * be that of the next: a leaf that would begin with an odd one gets an entry ahead of it, or the
 * last start of the leaf before, which has room for three at least.
 */
static void cut_leaf(const struct start *starts, size_t n, size_t first, const struct shape *shape,
		     struct leaf *ret)
{
	size_t most = shape->wide ? LPM6_MAX_WIDE_PLACES : LPM6_MAX_PLACES;
	uint64_t base = starts[first].key & ~UINT64_C(1), all = 0;
	bool led = starts[first].key & 1;
	size_t halves = 0, end = first;
	unsigned int shift = 63;

	for (; end < n && end - first + led < most; end++) {
		uint64_t distance = starts[end].key - base;
		size_t places = places_for(end - first + led + 1);
		unsigned int needed = all | distance ? __builtin_ctzll(all | distance) : 63;

		if (leaf_bytes(shape, places, halves + starts[end].halves) > LEAF_BYTES ||
		    (!shape->wide && distance >> needed > UINT32_MAX))
			break;
		halves += starts[end].halves;
		all |= distance;
		shift = needed;
	}
	if (end < n && starts[end].key & 1 && starts[end - 1].key == starts[end].key - 1)
		halves -= starts[--end].halves;
	*ret = (struct leaf){ .first = first,
			      .n = end - first,
			      .places = places_for(end - first + led),
			      .base = base,
			      .led = led,
			      .shift = shift };
	ret->bytes = leaf_bytes(shape, ret->places, halves);
}

/* The number of leaves; any number above max if there are more. */
static size_t count_leaves(const struct start *starts, size_t n, const struct shape *shape,
			   size_t max)
{
	size_t leaves = 0;

	for (size_t first = 0; first < n && leaves <= max; leaves++) {
		struct leaf leaf;

		cut_leaf(starts, n, first, shape, &leaf);
		first += leaf.n;
	}
	return leaves;
}

/* Keys that are narrow, unless the starts are so far apart that this takes more leaves. */
static size_t choose_shape(const struct start *starts, size_t n, struct shape *shape)
{
	size_t narrow = count_leaves(starts, n, shape, SIZE_MAX - 1), wide;

	if (narrow == 1)
		return narrow;
	shape->wide = true;
	wide = count_leaves(starts, n, shape, narrow);
	shape->wide = wide < narrow;
	return shape->wide ? wide : narrow;
}

static void put(uint64_t *words, size_t bit, uint64_t number)
{
	words[bit / 64] |= number << bit % 64;
}

/* One entry, at a place, or at all places up to `end`. */
static void write_entry(const struct leaf *leaf, const struct shape *shape, uint64_t key,
			uint32_t value, size_t place, size_t end, uint64_t *words)
{
	size_t values = 8 * (HEAD_BYTES + leaf->places * key_bytes(shape));

	for (; place < end; place++) {
		uint32_t near = (key - leaf->base) >> leaf->shift;

		if (shape->wide)
			words[1 + place] = key;
		else
			memcpy((char *)(words + 1) + place * sizeof(near), &near, sizeof(near));
		put(words, values + (place << (shape->value_size + 3)), value);
	}
}

static void write_leaf(const struct start *starts, const struct leaf *leaf,
		       const struct shape *shape, size_t leaf_words, uint64_t *words)
{
	char *half = (char *)(words + leaf_words);
	size_t place = leaf->led;

	words[0] = (uint64_t)leaf->shift << LPM6_SHIFT_SHIFT | (uint64_t)leaf->places
								       << LPM6_PLACES_SHIFT;
	if (leaf->led)
		write_entry(leaf, shape, leaf->base, starts[leaf->first - 1].after, 0, 1, words);
	for (size_t i = 0; i < leaf->n; i++, place++) {
		const struct start *start = &starts[leaf->first + i];
		size_t end = i + 1 == leaf->n ? leaf->places : place + 1;

		write_entry(leaf, shape, start->key, start->value, place, end, words);
		for (unsigned int j = 0; j < start->halves; j++) {
			uint32_t number = start->word >> (j ? 0 : 32);

			/* Of places with the same key, the last is found. */
			words[0] |= UINT64_C(1) << (end - 1 + j * LPM6_SECOND_SHIFT);
			half -= HALF_BYTES;
			memcpy(half, &number, HALF_BYTES);
		}
	}
}

/* A level of nodes over n children, whose first keys become those of the nodes. */
static int write_nodes(struct tables *tables, uint64_t *keys, size_t n, uint32_t *ret_index)
{
	size_t nodes = (n + LPM6_NODE_WORDS - 1) / LPM6_NODE_WORDS;
	uint64_t *words;
	int r = lpm6_reserve(tables, nodes * LPM6_NODE_WORDS, LPM6_NODE_WORDS, ret_index);

	if (r < 0)
		return r;
	words = tables->lpm6 + *ret_index;
	for (size_t i = 0; i < nodes * LPM6_NODE_WORDS; i++)
		words[i] = i < n ? keys[i] >> 1 : LPM6_NO_CHILD;
	for (size_t i = 0; i < nodes; i++)
		keys[i] = keys[i * LPM6_NODE_WORDS];
	return 0;
}

static unsigned int depth_of(size_t leaves)
{
	unsigned int depth = 0;

	for (; leaves > 1; leaves = (leaves + LPM6_NODE_WORDS - 1) / LPM6_NODE_WORDS)
		depth++;
	return depth;
}

/* The leaves in one piece, and the levels over them. *ret_index is that of their indices. */
static int write_levels(struct tables *tables, const struct start *starts, size_t n,
			const struct shape *shape, size_t leaves, uint32_t *ret_index)
{
	_cleanup_free_ uint64_t *keys = calloc(leaves, sizeof(*keys));
	unsigned int depth = depth_of(leaves);
	size_t first = 0, children = leaves;
	uint32_t index;
	int r;

	if (!keys)
		return -ENOMEM;
	r = lpm6_reserve(tables, 1 + depth, LPM6_NODE_WORDS, ret_index);
	if (r >= 0)
		r = lpm6_reserve(tables, leaves * LPM6_LEAF_WORDS, LPM6_LEAF_WORDS, &index);
	if (r < 0)
		return r;
	tables->lpm6[*ret_index] = index;
	for (size_t i = 0; i < leaves; i++) {
		struct leaf leaf;

		cut_leaf(starts, n, first, shape, &leaf);
		write_leaf(starts, &leaf, shape, LPM6_LEAF_WORDS,
			   tables->lpm6 + index + i * LPM6_LEAF_WORDS);
		keys[i] = leaf.base;
		first += leaf.n;
	}
	for (; r >= 0 && depth > 0; depth--) {
		r = write_nodes(tables, keys, children, &index);
		tables->lpm6[*ret_index + depth] = index;
		children = (children + LPM6_NODE_WORDS - 1) / LPM6_NODE_WORDS;
	}
	return r;
}

/* A tree of one leaf, which takes as many words as it needs. */
static int write_single(struct tables *tables, const struct start *starts, size_t n,
			const struct shape *shape, size_t *ret_words, uint32_t *ret_index)
{
	struct leaf leaf;
	size_t words;
	int r;

	cut_leaf(starts, n, 0, shape, &leaf);
	words = (leaf.bytes + 7) / 8;
	r = lpm6_reserve(tables, words, 1, ret_index);
	if (r < 0)
		return r;
	write_leaf(starts, &leaf, shape, words, tables->lpm6 + *ret_index);
	*ret_words = words;
	return 0;
}

int lpm6_tree(struct tables *tables, const struct start *starts, size_t n, unsigned int value_size,
	      uint64_t *ret_tree)
{
	struct shape shape = { .value_size = value_size };
	size_t leaves = choose_shape(starts, n, &shape), words = LPM6_LEAF_WORDS;
	uint32_t index = 0;
	int r;

	if (leaves > 1)
		r = write_levels(tables, starts, n, &shape, leaves, &index);
	else
		r = write_single(tables, starts, n, &shape, &words, &index);
	if (r < 0)
		return r;
	tables->lpm6_uses |= shape.wide ? LPM6_USES_WIDE : LPM6_USES_NARROW;
	*ret_tree = index | (uint64_t)depth_of(leaves) << LPM6_DEPTH_SHIFT |
		    (uint64_t)value_size << LPM6_VALUE_SHIFT | (uint64_t)words << LPM6_LEAF_SHIFT |
		    (uint64_t)shape.wide << LPM6_WIDE_SHIFT;
	return 0;
}
