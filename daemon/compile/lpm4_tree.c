/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm4_tree.c: IPv4 intervals to a tree of tables, for as long as that is small; see abi.h for the
 * layout. It takes more memory than the forms of lpm4.c, but all addresses go the same way through
 * it: without branches, two look-ups and whatever else a packet needs run side by side.
 */
#include "intervals.h"

#include <string.h>

#include "util.h"

struct tree {
	struct tables *tables;
	size_t first, max_words; /* of the tree */
	unsigned int stride, steps;
	uint32_t *row_words;               /* by row: index of its word, or 0 */
	const struct interval *item, *end; /* item is in force at the address in hand */
};

static int reserve(struct tree *tree, size_t n, uint32_t *ret_index)
{
	struct tables *tables = tree->tables;
	int r;

	if (tables->n_lpm4 + n - tree->first > tree->max_words)
		return -E2BIG;
	r = array_reserve((void **)&tables->lpm4, &tables->lpm4_capacity, tables->n_lpm4 + n,
			  sizeof(*tables->lpm4));
	if (r < 0)
		return r;
	memset(tables->lpm4 + tables->n_lpm4, 0, n * sizeof(*tables->lpm4));
	*ret_index = tables->n_lpm4;
	tables->n_lpm4 += n;
	return 0;
}

/* The word that has the row and leads to itself. */
static int row_word(struct tree *tree, uint32_t row, uint64_t *ret)
{
	uint32_t *index = &tree->row_words[row];
	int r = *index ? 0 : reserve(tree, 1, index);

	if (r < 0)
		return r;
	*ret = (uint64_t)*index << LPM4_TREE_INDEX_SHIFT | (uint64_t)row << LPM4_TREE_ROW_SHIFT;
	tree->tables->lpm4[*index] = *ret;
	return 0;
}

static uint32_t address_of(const struct interval *interval)
{
	return interval->hi >> 32;
}

static int build_node(struct tree *tree, uint32_t begin, unsigned int left, unsigned int depth,
		      uint64_t *ret);

/* A table of the addresses from begin on that differ in the lower `left` bits. */
static int build_table(struct tree *tree, uint32_t begin, unsigned int left, unsigned int stride,
		       unsigned int depth, uint32_t *ret_index)
{
	int r = reserve(tree, 1U << stride, ret_index);

	for (uint32_t i = 0; r >= 0 && i < 1U << stride; i++) {
		uint64_t word = 0;

		r = build_node(tree, begin + (i << (left - stride)), left - stride, depth, &word);
		tree->tables->lpm4[*ret_index + i] = word;
	}
	return r;
}

/* The word for such addresses: a row, if all have the same. depth: tables on the way to it, but
 * for the first. */
static int build_node(struct tree *tree, uint32_t begin, unsigned int left, unsigned int depth,
		      uint64_t *ret)
{
	uint32_t last = begin | ((UINT64_C(1) << left) - 1), index;
	int r;

	while (tree->item + 1 < tree->end && address_of(tree->item + 1) <= begin)
		tree->item++;
	if (tree->item + 1 == tree->end || address_of(tree->item + 1) > last)
		return row_word(tree, tree->item->row, ret);
	if (tree->steps < depth + 1)
		tree->steps = depth + 1;
	r = build_table(tree, begin, left, tree->stride, depth + 1, &index);
	*ret = (uint64_t)index << LPM4_TREE_INDEX_SHIFT | ((1U << tree->stride) - 1);
	return r;
}

int lpm4_tree_build(struct tables *tables, const struct intervals *intervals, unsigned int stride,
		    size_t max_words, struct lpm4_tree *ret)
{
	struct tree tree = { .tables = tables,
			     .first = tables->n_lpm4,
			     .max_words = max_words,
			     .stride = stride,
			     .item = intervals->items,
			     .end = intervals->items + intervals->n };
	uint32_t last_row = 0, root = 0;
	int r;

	for (size_t i = 0; i < intervals->n; i++)
		if (intervals->items[i].row > last_row)
			last_row = intervals->items[i].row;
	tree.row_words = calloc((size_t)last_row + 1, sizeof(*tree.row_words));
	if (!tree.row_words)
		return -ENOMEM;
	/* Index 0 would look like none. */
	r = tables->n_lpm4 ? 0 : reserve(&tree, 1, &root);
	if (r >= 0)
		r = build_table(&tree, 0, 32, LPM4_TREE_ROOT_BITS, 0, &root);
	free(tree.row_words);
	if (r < 0) {
		tables->n_lpm4 = tree.first;
		return r;
	}
	*ret = (struct lpm4_tree){ .root = root, .stride = stride, .steps = tree.steps };
	return 0;
}
