/* SPDX-License-Identifier: GPL-2.0-only */
/* tables_lookup.c: the program's view of the tables, see tables_lookup.h. */
#include "tables_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint32_t row_stride(const struct tables *tables)
{
	return SUMMARY_WORDS(tables->row_words) + tables->row_words;
}

uint64_t row_word(const struct tables *tables, uint32_t row, uint32_t word)
{
	assert_true(row < tables->n_rows);
	assert_true(word < tables->row_words);
	return tables
		->rows[(size_t)row * row_stride(tables) + SUMMARY_WORDS(tables->row_words) + word];
}

bool row_bit(const struct tables *tables, uint32_t row, uint32_t bit)
{
	return row_word(tables, row, bit / ROW_WORD_BITS) >> bit % ROW_WORD_BITS & 1;
}

/* A word that its summary does not tell of is never looked at. */
static void check_summary(const struct tables *tables, uint32_t row)
{
	const uint64_t *summary = tables->rows + (size_t)row * row_stride(tables);

	for (uint32_t i = 0; i < SUMMARY_WORDS(tables->row_words) * ROW_WORD_BITS; i++) {
		bool bit = summary[i / ROW_WORD_BITS] >> i % ROW_WORD_BITS & 1;

		assert_int_equal(bit, i < tables->row_words && row_word(tables, row, i) != 0);
	}
}

void check_summaries(const struct tables *tables)
{
	for (uint32_t row = 0; row < tables->n_rows; row++)
		check_summary(tables, row);
}

static uint32_t existing_row(const struct tables *tables, uint32_t row)
{
	assert_true(row < tables->n_rows);
	return row;
}

/* --- scalar fields ------------------------------------------------------------------------ */

static uint32_t element(const struct tables *tables, uint64_t index)
{
	assert_true(index < tables->n_scalars);
	return tables->scalars[index];
}

static uint32_t field_element(const struct tables *tables, const struct ruleset_config *config,
			      unsigned int field, uint32_t index)
{
	uint32_t values = scalar_field_domain(field), offset = config->scalar_offset[field];
	uint32_t n_pages = (values + 1 + 255) / 256;

	assert_true(index <= values);
	if (values <= 256)
		return element(tables, offset + index);
	return element(tables, offset + n_pages + 256 * element(tables, offset + index / 256) +
				       index % 256);
}

struct scalar_rows lookup_scalars(const struct tables *tables, const struct ruleset_config *config,
				  const uint32_t index[N_SCALAR_FIELDS])
{
	static const struct {
		unsigned int left, right;
	} pairs[] = { { 0, 1 }, { 2, 3 }, { 4, 5 },  { 6, 7 }, { 8, 9 }, { 10, 11 },
		      { 0, 2 }, { 4, 6 }, { 8, 10 }, { 0, 4 }, { 0, 8 } };
	uint32_t place[N_SCALAR_FIELDS];
	struct scalar_rows rows = {};

	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		place[f] = config->uses_scalars >> f & 1
				   ? field_element(tables, config, f, index[f])
				   : config->scalar_element[f];
	for (unsigned int i = 0; i < N_FOLDS; i++) {
		unsigned int left = pairs[i].left, right = pairs[i].right;

		if (config->folds >> i & 1)
			place[left] = element(tables, (uint64_t)config->fold_offset[i] +
							      place[left] + place[right]);
		else if (config->moves >> i & 1)
			place[left] = place[right];
	}
	for (unsigned int i = 0; i < N_SCALAR_FIELDS; i++)
		if (config->vectors >> i & 1)
			rows.row[rows.n++] = existing_row(tables, place[i]);
	return rows;
}

/* --- IPv4 --------------------------------------------------------------------------------- */

static uint64_t word4(const struct tables *tables, uint64_t index)
{
	assert_true(index < tables->n_lpm4);
	return tables->lpm4[index];
}

/* An entry taken apart. */
struct entry4 {
	const struct tables *tables;
	uint32_t root;
	enum lpm4_kind kind;
	unsigned int id, shift, n;
	uint32_t index;
	uint64_t word;
};

static struct entry4 entry4_at(const struct tables *tables, uint32_t root, uint64_t index)
{
	uint64_t word = word4(tables, index);

	assert_true(word % 16 <= LPM4_TABLE);
	return (struct entry4){ .tables = tables,
				.root = root,
				.kind = word % 16,
				.id = word / 16 % 256,
				.shift = word / 4096 % 16,
				.n = word / 65536 % 65536,
				.index = (uint32_t)(word >> 32),
				.word = word };
}

/* Number i of `bits` bits each, of the entry itself or of the chunk from a word of it on. */
static uint32_t inline4(const struct entry4 *entry, unsigned int bits, unsigned int i)
{
	return entry->word >> (16 + i * bits) & ((1U << bits) - 1);
}

static uint32_t chunk4(const struct entry4 *entry, uint64_t first_word, unsigned int bits,
		       uint64_t i)
{
	uint64_t index = entry->index + first_word + i * bits / 64;

	return (uint32_t)(word4(entry->tables, index) >> i * bits % 64 &
			  ((UINT64_C(1) << bits) - 1));
}

static uint32_t row4_of(const struct entry4 *entry, uint32_t id)
{
	assert_true(id < LPM4_MAX_ROWS);
	return existing_row(entry->tables, word4(entry->tables, entry->root + LPM4_ROWS + id));
}

static uint32_t pair4(const struct entry4 *entry, bool upper)
{
	uint64_t pair = word4(entry->tables, entry->root + LPM4_PAIRS + entry->id);

	return existing_row(entry->tables, (uint32_t)(upper ? pair >> 32 : pair));
}

/* First word of the line that has the address. A chunk stays inside the table, and a line, which
 * the program reads as a whole, does so too. */
static uint64_t line4(const struct entry4 *entry, uint32_t low)
{
	uint64_t line = (uint64_t)low * entry->n / 65536;

	assert_true(entry->n > 0);
	assert_true(entry->index + 8 * line + 8 <= entry->tables->n_lpm4);
	if (entry->n > 1)
		assert_int_equal(entry->index % 8, 0);
	return 8 * line;
}

/* Of starts in ascending order, the last at or below the address; place 0 is one. */
static unsigned int last_start4(const struct entry4 *entry, uint64_t line, unsigned int n,
				uint32_t low)
{
	unsigned int last = 0;

	assert_int_equal(chunk4(entry, line, 16, 0), 0);
	for (unsigned int i = 1; i < n; i++) {
		assert_true(chunk4(entry, line, 16, i - 1) <= chunk4(entry, line, 16, i));
		if (chunk4(entry, line, 16, i) <= low)
			last = i;
	}
	return last;
}

static uint32_t rows8_row(const struct entry4 *entry, uint32_t at)
{
	uint32_t id = entry->id;

	for (unsigned int i = 0; i < 3; i++) {
		if (inline4(entry, 8, 2 * i) <= at)
			id = inline4(entry, 8, 2 * i + 1);
	}
	return row4_of(entry, id);
}

static bool is_point4(const struct entry4 *entry, uint32_t low)
{
	uint64_t line;

	if (entry->kind == LPM4_POINTS3)
		return inline4(entry, 16, 0) == low || inline4(entry, 16, 1) == low ||
		       inline4(entry, 16, 2) == low;
	line = line4(entry, low);
	for (unsigned int i = 0; i < 4 * entry->shift; i++) {
		if (chunk4(entry, line, 16, i) == low)
			return true;
	}
	return false;
}

static bool odd_starts4(const struct entry4 *entry, uint32_t low)
{
	bool odd = false;

	if (entry->kind == LPM4_STARTS8) {
		for (unsigned int i = 0; i < 6; i++)
			odd ^= inline4(entry, 8, i) > low >> entry->shift;
		return odd;
	}
	for (unsigned int i = 0; i < 4 * entry->shift; i++)
		odd ^= chunk4(entry, line4(entry, low), 16, i) > low;
	return odd;
}

static uint32_t list4_row(const struct entry4 *entry, uint32_t low)
{
	uint64_t line = line4(entry, low);
	unsigned int at = last_start4(entry, line, 4 * entry->shift, low);
	unsigned int rowless = 0;

	if (entry->kind == LPM4_LIST8) {
		assert_true(entry->shift == 2 || entry->shift == 5);
		return row4_of(entry, chunk4(entry, line + entry->shift, 8, at));
	}
	assert_true(entry->shift == 1 || entry->shift == 3);
	if (entry->shift == 3)
		rowless = 2;
	assert_true(at >= rowless);
	return existing_row(entry->tables, chunk4(entry, line + entry->shift, 32, at - rowless));
}

static uint32_t search4(const struct entry4 *entry, uint32_t low)
{
	switch (entry->kind) {
	case LPM4_ROW:
		return existing_row(entry->tables, entry->index);
	case LPM4_STARTS8:
	case LPM4_STARTS:
		return pair4(entry, odd_starts4(entry, low));
	case LPM4_POINTS3:
	case LPM4_POINTS:
		return pair4(entry, is_point4(entry, low));
	case LPM4_BITMAP:
		return pair4(entry, chunk4(entry, 0, 1, low >> entry->shift));
	case LPM4_ROWS8:
		return rows8_row(entry, low >> entry->shift);
	case LPM4_BYTES:
		return row4_of(entry, chunk4(entry, 0, 8, low >> entry->shift));
	default:
		assert_true(entry->kind == LPM4_LIST8 || entry->kind == LPM4_LIST32);
		return list4_row(entry, low);
	}
}

/* A word whose table the address is in leads on, or to itself if it has a row. */
static uint32_t lookup_tree4(const struct tables *tables, const struct ruleset_config *config,
			     unsigned int field, uint32_t address)
{
	unsigned int stride = config->lpm4_stride[field], steps = config->lpm4_steps[field];
	uint64_t word = word4(tables, config->lpm4_root[field] + (address >> 24));

	assert_true(stride == 6 || stride == 8);
	assert_true(steps * stride <= 24);
	for (unsigned int i = 1; i <= steps; i++) {
		uint64_t at = address >> (24 - i * stride) & word & 255;

		assert_true((word & 255) == 0 || (word & 255) == (1U << stride) - 1);
		word = word4(tables, (word >> 34) + at);
	}
	assert_int_equal(word & 255, 0);
	assert_true(word4(tables, word >> 34) == word);
	return existing_row(tables, (uint32_t)(word >> 8 & 0x3ffffff));
}

uint32_t lookup_v4(const struct tables *tables, const struct ruleset_config *config,
		   unsigned int field, uint32_t address)
{
	uint32_t root = config->lpm4_root[field], low = address % 65536;
	struct entry4 entry;

	if (config->lpm4_stride[field])
		return lookup_tree4(tables, config, field, address);
	entry = entry4_at(tables, root, (uint64_t)root + address / 65536);
	for (int depth = 0; entry.kind == LPM4_TABLE; depth++) {
		assert_true(depth < LPM4_MAX_DEPTH);
		unsigned int bits = entry.shift;

		entry = entry4_at(tables, root, (uint64_t)entry.index + (low >> (16 - bits)));
		low = (low << bits) % 65536;
	}
	assert_true(config->lpm4_kinds >> entry.kind & 1 || entry.kind == LPM4_ROW);
	return search4(&entry, low);
}

/* Whatever the address: at every line and every start of a list, every byte. */
static void check_entry4(const struct ruleset_config *config, const struct entry4 *entry, int depth)
{
	uint32_t step = 65536;

	assert_true(config->lpm4_kinds >> entry->kind & 1 || entry->kind == LPM4_ROW);
	if (entry->kind == LPM4_TABLE) {
		assert_true(depth < LPM4_MAX_DEPTH);
		assert_in_range(entry->shift, 4, 15);
		for (uint32_t i = 0; i < 1U << entry->shift; i++) {
			struct entry4 below =
				entry4_at(entry->tables, entry->root, (uint64_t)entry->index + i);

			check_entry4(config, &below, depth + 1);
		}
		return;
	}
	if (entry->kind == LPM4_BYTES)
		step = 1U << entry->shift;
	else if (entry->kind >= LPM4_POINTS && entry->n > 1)
		step = 65536 / entry->n;
	for (uint32_t low = 0; low < 65536; low += step) {
		search4(entry, low);
		if (entry->kind == LPM4_LIST8 || entry->kind == LPM4_LIST32) {
			for (unsigned int i = 0; i < 4 * entry->shift; i++)
				search4(entry, chunk4(entry, line4(entry, low), 16, i));
		}
	}
	search4(entry, 65535);
}

static void check_roots(const struct tables *tables, const struct ruleset_config *config,
			uint32_t root)
{
	for (uint32_t i = 0; i < LPM4_ROOTS; i++) {
		struct entry4 entry = entry4_at(tables, root, (uint64_t)root + i);

		check_entry4(config, &entry, 0);
	}
}

/* --- IPv6 --------------------------------------------------------------------------------- */

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

void check_lpm(const struct tables *tables)
{
	for (size_t i = 0; i < tables->n_configs; i++) {
		const struct ruleset_config *config = &tables->configs[i];

		assert_int_equal(config->n_lpm4, tables->n_lpm4);
		assert_int_equal(config->n_lpm6, tables->n_lpm6);
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
			if (config->uses_address & USES_PREFIXES(f, FAMILY_V4) &&
			    !config->lpm4_stride[f])
				check_roots(tables, config, config->lpm4_root[f]);
			if (config->uses_address & USES_PREFIXES(f, FAMILY_V6))
				check_tree6(tables, config, config->lpm6_tree[f],
					    config->lpm6_values[f], false);
		}
	}
}
