/* SPDX-License-Identifier: GPL-2.0-only */
/* tables_lookup6.c: the IPv6 trees as the program sees them, see tables_lookup.h. */
#include "tables_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t word6(const struct tables *tables, uint64_t index)
{
	assert_true(index < tables->n_lpm6);
	return tables->lpm6[index];
}

/* A tree's reference taken apart. */
struct tree6 {
	const struct tables *tables;
	uint64_t index;
	unsigned int depth, value_bytes, leaf_words;
	bool wide;
};

static struct tree6 tree6_of(const struct tables *tables, uint64_t reference)
{
	struct tree6 tree = {
		.tables = tables,
		.index = reference & UINT32_MAX,
		.depth = reference >> 32 & 0xff,
		.value_bytes = 1U << (reference >> 40 & 0xff),
		.leaf_words = reference >> 48 & 0xff,
		.wide = reference >> 56 & 1,
	};

	assert_true(tree.depth <= LPM6_MAX_DEPTH);
	assert_in_range(tree.value_bytes, 1, 4);
	assert_in_range(tree.leaf_words, 2, LPM6_LEAF_WORDS);
	assert_true(tree.depth == 0 || tree.leaf_words == LPM6_LEAF_WORDS);
	return tree;
}

struct leaf6 {
	const struct tree6 *tree;
	uint64_t index, base, head;
	unsigned int places;
};

/* The program reads leaves as a whole, however long they are. */
static struct leaf6 leaf6_at(const struct tree6 *tree, uint64_t index, uint64_t base)
{
	uint64_t head = word6(tree->tables, index);
	unsigned int places = head >> 56;

	assert_true(index + LPM6_LEAF_WORDS <= tree->tables->n_lpm6);
	assert_in_range(places, 2, tree->wide ? 12 : 24);
	assert_int_equal(places % 2, 0);
	return (struct leaf6){ tree, index, base, head, places };
}

static struct leaf6 find_leaf6(const struct tree6 *tree, uint64_t key)
{
	const struct tables *tables = tree->tables;
	uint64_t base = 0, number = 0;

	if (tree->depth == 0)
		return leaf6_at(tree, tree->index, 0);
	for (unsigned int level = 1; level <= tree->depth; level++) {
		uint64_t node = word6(tables, tree->index + level) + 8 * number;
		unsigned int child = 0;

		assert_int_equal(node % 8, 0);
		for (unsigned int i = 1; i < 8; i++) {
			uint64_t first = word6(tables, node + i);

			assert_true(word6(tables, node + i - 1) < first || first == LPM6_NO_CHILD);
			if (first != LPM6_NO_CHILD && 2 * first <= key)
				child = i;
		}
		base = 2 * word6(tables, node + child);
		number = 8 * number + child;
	}
	assert_true(base <= key);
	return leaf6_at(tree, word6(tables, tree->index) + LPM6_LEAF_WORDS * number, base);
}

static uint64_t leaf6_word(const struct leaf6 *leaf, uint64_t i)
{
	assert_true(i < leaf->tree->leaf_words);
	return word6(leaf->tree->tables, leaf->index + i);
}

static uint64_t leaf6_key(const struct leaf6 *leaf, unsigned int place)
{
	uint32_t near[2];
	uint64_t word;

	if (leaf->tree->wide)
		return leaf6_word(leaf, 1 + place);
	word = leaf6_word(leaf, 1 + place / 2);
	memcpy(near, &word, sizeof(near));
	return leaf->base + ((uint64_t)near[place % 2] << (leaf->head >> 48 & 0xff));
}

static uint32_t leaf6_value(const struct leaf6 *leaf, unsigned int place)
{
	const struct tree6 *tree = leaf->tree;
	unsigned int bits = 8 * tree->value_bytes;
	unsigned int bit = 64 + leaf->places * (tree->wide ? 64 : 32) + place * bits;

	return (uint32_t)(leaf6_word(leaf, bit / 64) >> bit % 64 & ((UINT64_C(1) << bits) - 1));
}

static unsigned int leaf6_halves(const struct leaf6 *leaf, unsigned int place)
{
	unsigned int first = leaf->head >> place & 1, second = leaf->head >> (24 + place) & 1;

	assert_true(first || !second);
	return first + second;
}

/* An entry's word, of which a half that it does not have is 0. */
static uint64_t leaf6_own_word(const struct leaf6 *leaf, unsigned int place)
{
	unsigned int at = 2 * leaf->tree->leaf_words - 1;
	uint64_t halves[2] = {};

	assert_true(leaf6_halves(leaf, place) > 0);
	for (unsigned int i = 0; i < place; i++)
		at -= leaf6_halves(leaf, i);
	for (unsigned int i = 0; i < leaf6_halves(leaf, place); i++, at--) {
		uint64_t word = leaf6_word(leaf, at / 2);
		uint32_t both[2];

		memcpy(both, &word, sizeof(both));
		halves[i] = both[at % 2];
	}
	return halves[0] << 32 | halves[1];
}

static unsigned int find_place6(const struct leaf6 *leaf, uint64_t key)
{
	unsigned int found = 0;

	assert_true(leaf6_key(leaf, 0) == leaf->base);
	for (unsigned int i = 1; i < leaf->places; i++) {
		assert_true(leaf6_key(leaf, i - 1) <= leaf6_key(leaf, i));
		if (leaf6_key(leaf, i) <= key)
			found = i;
	}
	return found;
}

static uint64_t value6(const struct tables *tables, uint32_t values, uint32_t number)
{
	uint64_t value = word6(tables, (uint64_t)values + number);

	existing_row(tables, value & LPM6_ROW_MASK);
	existing_row(tables, value >> LPM6_ROW_BITS & LPM6_ROW_MASK);
	assert_true(value >> LPM6_KIND_SHIFT <= LPM6_LOWER ||
		    (value >> LPM6_KIND_SHIFT) - LPM6_LOW < 32);
	return value;
}

/* lower: of the address, or NULL in a tree of lower halves. */
static uint32_t search6(const struct tables *tables, uint64_t reference, uint32_t values,
			uint64_t key, const uint64_t *lower)
{
	struct tree6 tree = tree6_of(tables, reference);
	struct leaf6 leaf = find_leaf6(&tree, key);
	unsigned int place = find_place6(&leaf, key);
	uint64_t value = value6(tables, values, leaf6_value(&leaf, place));
	unsigned int kind = value >> LPM6_KIND_SHIFT;
	bool inside = leaf6_key(&leaf, place) == key;

	if (kind == LPM6_PLAIN) {
		inside = true;
	} else if (inside && kind != LPM6_POINT) {
		uint64_t word = leaf6_own_word(&leaf, place);

		assert_non_null(lower);
		if (kind == LPM6_LOWER)
			return search6(tables, word, values, *lower, NULL);
		if (kind >= LPM6_LOW)
			inside = (word >> 32 ^ *lower) >> (kind - LPM6_LOW) == 0;
		else
			inside = (word ^ *lower) >> kind == 0;
	}
	return value >> (inside ? 0 : LPM6_ROW_BITS) & LPM6_ROW_MASK;
}

uint32_t lookup_v6(const struct tables *tables, const struct ruleset_config *config,
		   unsigned int field, u128 address)
{
	uint64_t lower = (uint64_t)address;

	return search6(tables, config->lpm6_tree[field], config->lpm6_values[field],
		       (uint64_t)(address >> 64), &lower);
}

static void check_tree6(const struct tables *tables, const struct ruleset_config *config,
			uint64_t reference, uint32_t values, bool lower);

/* All that the entries say exists, and what they need is told to the program. */
static void check_leaf6(const struct leaf6 *leaf, const struct ruleset_config *config,
			uint32_t values, bool lower)
{
	const struct tables *tables = leaf->tree->tables;

	for (unsigned int i = 0; i < leaf->places; i++) {
		bool last = i + 1 == leaf->places || leaf6_key(leaf, i) != leaf6_key(leaf, i + 1);
		uint64_t value = value6(tables, values, leaf6_value(leaf, i));
		unsigned int kind = value >> LPM6_KIND_SHIFT;

		find_place6(leaf, leaf6_key(leaf, i));
		if (!last || kind == LPM6_PLAIN || kind == LPM6_POINT) {
			assert_int_equal(leaf6_halves(leaf, i), 0);
			continue;
		}
		if (kind == LPM6_LOWER || kind < 32)
			assert_int_equal(leaf6_halves(leaf, i), 2);
		assert_false(lower);
		leaf6_own_word(leaf, i);
		if (kind == LPM6_LOWER) {
			assert_true(config->lpm6_uses & LPM6_USES_LOWER);
			check_tree6(tables, config, leaf6_own_word(leaf, i), values, true);
		} else {
			assert_true(config->lpm6_uses & LPM6_USES_PREFIX);
		}
	}
}

/* A node of a level, counted from 1, and all below: the first key of each leaf must lead there. */
static void check_node6(const struct tree6 *tree, const struct ruleset_config *config,
			uint32_t values, bool lower, unsigned int level, uint64_t number)
{
	const struct tables *tables = tree->tables;
	uint64_t node = word6(tables, tree->index + level) + 8 * number;

	for (uint64_t child = 8 * number; child < 8 * number + 8; child++) {
		uint64_t first = word6(tables, node + child % 8);
		struct leaf6 leaf;

		if (first == LPM6_NO_CHILD)
			continue;
		if (level < tree->depth) {
			check_node6(tree, config, values, lower, level + 1, child);
			continue;
		}
		leaf = find_leaf6(tree, 2 * first);
		assert_true(leaf.base == 2 * first);
		assert_int_equal(leaf.index, word6(tables, tree->index) + LPM6_LEAF_WORDS * child);
		check_leaf6(&leaf, config, values, lower);
	}
}

static void check_tree6(const struct tables *tables, const struct ruleset_config *config,
			uint64_t reference, uint32_t values, bool lower)
{
	struct tree6 tree = tree6_of(tables, reference);
	struct leaf6 leaf;

	assert_true(config->lpm6_uses & (tree.wide ? LPM6_USES_WIDE : LPM6_USES_NARROW));
	if (tree.depth) {
		check_node6(&tree, config, values, lower, 1, 0);
		return;
	}
	leaf = find_leaf6(&tree, 0);
	check_leaf6(&leaf, config, values, lower);
}

void check_lpm6(const struct tables *tables, const struct ruleset_config *config,
		unsigned int field)
{
	check_tree6(tables, config, config->lpm6_tree[field], config->lpm6_values[field], false);
}
