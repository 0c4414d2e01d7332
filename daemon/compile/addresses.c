/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addresses.c: from the prefixes of all sets that some rule names to intervals of addresses,
 * each with its row.
 *
 * In ascending order of address, then length, every prefix comes right after those that hold
 * it, so a stack of the open ones gives each prefix its parent. An address in the prefix is in
 * its sets besides those of the parent: its row is the parent's with the bits of the rules
 * that name these sets turned on, or off where they are negated.
 */
#include "compile_internal.h"
#include "intervals.h"

#include <string.h>

#include "elements.h"
#include "util.h"

#define MAX_DEPTH 129 /* prefix lengths 0 .. 128 */
#define NO_SET UINT32_MAX
#define STEPS 65536                /* a power of two */
#define MOST_TREE_WORDS (1U << 17) /* of an IPv4 tree: 1 MiB */

/* What the membership in a set changes in a row. */
struct effect {
	uint32_t bit;
	bool negated;
};

/* A step that was worked out before: from a parent's row by one set to a row. */
struct step {
	uint32_t parent, set, row; /* row number + 1; 0: none yet */
};

struct builder {
	struct compiler *compiler;
	enum address_field field;
	enum family family;
	uint32_t *local; /* by policy set: the field's own numbering, or NO_SET */
	uint32_t n_local;
	struct effect *effects; /* of set 0, set 1, … */
	uint32_t *first_effect; /* by set, n_local + 1 */
	struct step *steps;     /* STEPS, by hash */
	struct element *elements;
	size_t n;
	struct intervals intervals;
};

/* Number the sets that rules use in this field. */
static int number_sets(struct builder *builder)
{
	const struct policy *policy = builder->compiler->policy;
	const struct rule *rule;

	builder->local = malloc((policy->n_sets + 1) * sizeof(*builder->local));
	if (!builder->local)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sets; i++)
		builder->local[i] = NO_SET;
	FOR_EACH_RULE (builder->compiler, s, i, rule, bit) {
		const struct address_match *match = &rule->address[builder->field];

		for (size_t j = 0; match->present && j < match->n_sets; j++)
			if (builder->local[match->sets[j]] == NO_SET)
				builder->local[match->sets[j]] = builder->n_local++;
	}
	return 0;
}

/* For each set, the rules that name it. */
static int list_effects(struct builder *builder)
{
	uint32_t *first = calloc(builder->n_local + 2, sizeof(*first));
	const struct rule *rule;

	if (!first)
		return -ENOMEM;
	builder->first_effect = first;
	/* Counted one place further on, the sums are where the next set begins to be filled. */
	FOR_EACH_RULE (builder->compiler, s, i, rule, bit) {
		const struct address_match *match = &rule->address[builder->field];

		for (size_t j = 0; match->present && j < match->n_sets; j++)
			first[builder->local[match->sets[j]] + 2]++;
	}
	for (uint32_t set = 0; set < builder->n_local; set++)
		first[set + 2] += first[set + 1];
	builder->effects = calloc(first[builder->n_local + 1] + 1, sizeof(*builder->effects));
	if (!builder->effects)
		return -ENOMEM;
	FOR_EACH_RULE (builder->compiler, s, i, rule, bit) {
		const struct address_match *match = &rule->address[builder->field];

		for (size_t j = 0; match->present && j < match->n_sets; j++)
			builder->effects[first[builder->local[match->sets[j]] + 1]++] =
				(struct effect){ bit, match->negated };
	}
	return 0;
}

static void add_set(struct builder *builder, const struct prefix_set *set, uint32_t local)
{
	struct element *element = builder->elements + builder->n;

	if (builder->family == FAMILY_V4) {
		for (size_t i = 0; i < set->n_v4; i++)
			*element++ = (struct element){
				.hi = (uint64_t)set->v4[i].addr << 32,
				.len = set->v4[i].len,
				.set = local,
			};
	} else {
		for (size_t i = 0; i < set->n_v6; i++)
			*element++ = (struct element){
				.hi = set->v6[i].hi,
				.lo = set->v6[i].lo,
				.len = set->v6[i].len,
				.set = local,
			};
	}
	builder->n = element - builder->elements;
}

static int collect_elements(struct builder *builder)
{
	const struct policy *policy = builder->compiler->policy;
	size_t total = 0;

	for (size_t i = 0; i < policy->n_sets; i++)
		if (builder->local[i] != NO_SET)
			total += builder->family == FAMILY_V4 ? policy->sets[i].n_v4
							      : policy->sets[i].n_v6;
	builder->elements = prefer_large_pages(calloc(total + 1, sizeof(*builder->elements)),
					       total * sizeof(*builder->elements));
	if (!builder->elements)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sets; i++)
		if (builder->local[i] != NO_SET)
			add_set(builder, &policy->sets[i], builder->local[i]);
	return elements_sort(builder->elements, builder->n);
}

static void apply(const struct builder *builder, uint32_t set, uint64_t *row)
{
	if (builder->first_effect[set] < builder->first_effect[set + 1])
		builder->compiler->at_rule = builder->effects[builder->first_effect[set]].bit;
	for (uint32_t i = builder->first_effect[set]; i < builder->first_effect[set + 1]; i++) {
		if (builder->effects[i].negated)
			row_clear(row, builder->effects[i].bit);
		else
			row_set(row, builder->effects[i].bit);
	}
}

/* The row of addresses that are in the n sets besides what gave them the parent's row. */
static int step_to(struct builder *builder, uint32_t parent, const struct element *sets, size_t n,
		   uint32_t *ret)
{
	struct compiler *compiler = builder->compiler;
	struct step *step = &builder->steps[(parent * 0x9e3779b1U ^ sets->set * 0x85ebca77U) >> 16 &
					    (STEPS - 1)];
	int r;

	if (n == 1 && step->row && step->parent == parent && step->set == sets->set) {
		*ret = step->row - 1;
		return 0;
	}
	memcpy(compiler->scratch, rows_at(&compiler->rows, parent),
	       compiler->rows.row_words * sizeof(*compiler->scratch));
	for (size_t i = 0; i < n; i++)
		apply(builder, sets[i].set, compiler->scratch);
	r = rows_intern(&compiler->rows, compiler->scratch, ret);
	if (r >= 0 && n == 1)
		*step = (struct step){ parent, sets->set, *ret + 1 };
	return r;
}

int intervals_add(struct intervals *intervals, uint64_t hi, uint64_t lo, uint32_t row)
{
	struct interval *last = intervals->n ? &intervals->items[intervals->n - 1] : NULL;
	int r;

	if (last && last->hi == hi && last->lo == lo) {
		/* A prefix that begins, or ends, where the last one did. */
		intervals->n--;
		last = intervals->n ? last - 1 : NULL;
	}
	if (last && last->row == row)
		return 0;
	r = array_reserve((void **)&intervals->items, &intervals->capacity, intervals->n + 1,
			  sizeof(*intervals->items));
	if (r < 0)
		return r;
	intervals->items[intervals->n++] = (struct interval){ hi, lo, row };
	return 0;
}

struct open_prefix {
	const struct element *element;
	uint32_t row;
};

/* The prefix ends: from the address behind it on, the row of the one around it holds again. */
static int close_prefix(struct builder *builder, const struct element *element, uint32_t around)
{
	uint64_t hi = element->hi, lo = element->lo;

	if (element->len == 0)
		return 0;
	if (element->len <= 64) {
		hi += UINT64_C(1) << (64 - element->len);
		if (hi == 0)
			return 0; /* it was the last of all addresses */
	} else {
		lo += UINT64_C(1) << (128 - element->len);
		if (lo == 0 && ++hi == 0)
			return 0;
	}
	return intervals_add(&builder->intervals, hi, lo, around);
}

/* Close the open prefixes that do not hold the element (NULL: all). */
static int close_prefixes(struct builder *builder, struct open_prefix *stack, size_t *depth,
			  const struct element *element)
{
	int r = 0;

	while (r >= 0 && *depth && (!element || !element_holds(stack[*depth].element, element))) {
		r = close_prefix(builder, stack[*depth].element, stack[*depth - 1].row);
		(*depth)--;
	}
	return r;
}

/* Walk the sorted elements with the stack of prefixes that hold the one in hand. */
static int build_intervals(struct builder *builder, uint32_t outside)
{
	struct open_prefix stack[MAX_DEPTH + 1] = { [0] = { NULL, outside } };
	const struct element *element = builder->elements, *end = element + builder->n, *next;
	size_t depth = 0;
	int r;

	/* Each prefix begins an interval, and what is around it begins another behind it. */
	r = array_reserve((void **)&builder->intervals.items, &builder->intervals.capacity,
			  2 * builder->n + 1, sizeof(*builder->intervals.items));
	if (r >= 0)
		r = intervals_add(&builder->intervals, 0, 0, outside);
	for (; r >= 0 && element < end; element = next) {
		uint32_t row;

		r = close_prefixes(builder, stack, &depth, element);
		if (r < 0)
			return r;
		for (next = element + 1; next < end && same_prefix(element, next); next++)
			;
		r = step_to(builder, stack[depth].row, element, next - element, &row);
		if (r >= 0)
			r = intervals_add(&builder->intervals, element->hi, element->lo, row);
		stack[++depth] = (struct open_prefix){ element, row };
	}
	return r < 0 ? r : close_prefixes(builder, stack, &depth, NULL);
}

/* An IPv4 table, and what the settings of every interface say of it: a tree if it is small. */
static int build_table_v4(struct builder *builder)
{
	static const unsigned int strides[] = { 8, 6 };
	struct tables *tables = builder->compiler->tables;
	struct lpm4_tree tree = {};
	int r = -E2BIG;

	for (size_t i = 0; r == -E2BIG && i < ARRAY_SIZE(strides); i++)
		r = lpm4_tree_build(tables, &builder->intervals, strides[i], MOST_TREE_WORDS,
				    &tree);
	if (r == -E2BIG)
		r = lpm4_build(tables, &builder->intervals, &tree.root);
	for (size_t i = 0; r >= 0 && i < tables->n_configs; i++) {
		tables->configs[i].lpm4_root[builder->field] = tree.root;
		tables->configs[i].lpm4_stride[builder->field] = tree.stride;
		tables->configs[i].lpm4_steps[builder->field] = tree.steps;
	}
	return r;
}

static int build_table_v6(struct builder *builder)
{
	struct tables *tables = builder->compiler->tables;
	uint32_t values = 0;
	uint64_t tree = 0;
	int r = lpm6_build(tables, &builder->intervals, &tree, &values);

	for (size_t i = 0; r >= 0 && i < tables->n_configs; i++) {
		tables->configs[i].lpm6_tree[builder->field] = tree;
		tables->configs[i].lpm6_values[builder->field] = values;
	}
	return r;
}

static int build_table(struct builder *builder)
{
	int r = builder->family == FAMILY_V4 ? build_table_v4(builder) : build_table_v6(builder);

	if (r >= 0)
		builder->compiler->tables->prefixes[builder->field] |=
			USES_PREFIXES(builder->field, builder->family);
	return r;
}

/* The rows of addresses in no set, and of frames without addresses. */
static int intern_bare_rows(struct builder *builder, uint32_t *ret_outside, uint32_t *ret_absent)
{
	struct compiler *compiler = builder->compiler;
	uint64_t *row = compiler->scratch;
	const struct rule *rule;
	int r;

	memset(row, 0, compiler->rows.row_words * sizeof(*row));
	FOR_EACH_RULE (compiler, s, i, rule, bit)
		if (!rule->address[builder->field].present)
			row_set(row, bit);
	r = rows_intern(&compiler->rows, row, ret_absent);
	FOR_EACH_RULE (compiler, s, i, rule, bit) {
		const struct address_match *match = &rule->address[builder->field];

		if (match->present && match->negated)
			row_set(row, bit);
	}
	return r < 0 ? r : rows_intern(&compiler->rows, row, ret_outside);
}

static int build_family(struct builder *builder, enum family family, uint32_t outside,
			uint32_t *ret_miss_row)
{
	int r;

	builder->family = family;
	r = collect_elements(builder);
	if (r >= 0)
		r = build_intervals(builder, outside);
	free(TAKE_PTR(builder->elements));
	/* Where all addresses have one row, the settings say it. */
	if (r >= 0 && builder->intervals.n > 1)
		r = build_table(builder);
	if (r < 0)
		return r;
	*ret_miss_row = builder->intervals.items[0].row;
	builder->n = builder->intervals.n = 0;
	return 0;
}

static void builder_done(struct builder *builder)
{
	free(builder->local);
	free(builder->effects);
	free(builder->first_effect);
	free(builder->steps);
	free(builder->elements);
	free(builder->intervals.items);
}

int compile_addresses(struct compiler *compiler, enum address_field field)
{
	_cleanup_(builder_done) struct builder builder = { .compiler = compiler, .field = field };
	struct tables *tables = compiler->tables;
	uint32_t miss[N_FAMILIES], outside, absent;
	int r;

	r = number_sets(&builder);
	if (r >= 0)
		r = list_effects(&builder);
	if (r >= 0)
		r = intern_bare_rows(&builder, &outside, &absent);
	if (r < 0)
		return r;
	builder.steps = calloc(STEPS, sizeof(*builder.steps));
	if (!builder.steps)
		return -ENOMEM;
	for (enum family family = 0; family < N_FAMILIES; family++) {
		r = build_family(&builder, family, outside, &miss[family]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < tables->n_configs; i++) {
		memcpy(tables->configs[i].lpm_miss_row[field], miss, sizeof(miss));
		tables->configs[i].lpm_absent_row[field] = absent;
	}
	return 0;
}
