/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addresses.c: from the prefixes of all sets that some rule names to intervals of addresses,
 * each with its row.
 *
 * In ascending order of address, then length, every prefix comes right after those that hold
 * it, so a stack of the open ones gives each prefix its parent. The sets that an address is
 * in are those of the prefix and of all its ancestors: a signature, one bit a set. Few
 * signatures exist however many prefixes there are; the row is worked out once for each.
 */
#include "compile_internal.h"
#include "intervals.h"

#include <string.h>

#include "util.h"

#define MAX_DEPTH 129 /* prefix lengths 0 .. 128 */
#define NO_SET UINT32_MAX

/* One prefix of one set. IPv4 addresses are in the upper half of hi. */
struct element {
	uint64_t hi, lo;
	uint32_t set; /* the field's own numbering, of the sets that rules use */
	uint8_t len;
};

struct builder {
	struct compiler *compiler;
	enum address_field field;
	enum family family;
	uint32_t *local; /* by policy set: local number, or NO_SET */
	uint32_t n_local;
	struct rows signatures;
	uint32_t *row_of; /* by signature */
	size_t n_row_of, row_of_capacity;
	uint64_t *bits; /* one signature, scratch */
	struct element *elements;
	size_t n;
	struct intervals intervals;
};

static int element_compare(const void *a, const void *b)
{
	const struct element *x = a, *y = b;

	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->set < y->set ? -1 : x->set > y->set;
}

static bool element_holds(const struct element *outer, const struct element *inner)
{
	uint64_t hi = outer->hi ^ inner->hi, lo = outer->lo ^ inner->lo;

	if (outer->len == 0)
		return true;
	if (outer->len <= 64)
		return hi >> (64 - outer->len) == 0;
	return hi == 0 && (outer->len == 128 ? lo : lo >> (128 - outer->len)) == 0;
}

static bool same_prefix(const struct element *a, const struct element *b)
{
	return a->hi == b->hi && a->lo == b->lo && a->len == b->len;
}

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
	FOR_EACH_RULE(builder->compiler, s, i, rule, bit) {
		const struct address_match *match = &rule->address[builder->field];

		for (size_t j = 0; match->present && j < match->n_sets; j++)
			if (builder->local[match->sets[j]] == NO_SET)
				builder->local[match->sets[j]] = builder->n_local++;
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
			total += builder->family == FAMILY_V4 ? policy->sets[i].n_v4 :
								policy->sets[i].n_v6;
	builder->elements = calloc(total + 1, sizeof(*builder->elements));
	if (!builder->elements)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sets; i++)
		if (builder->local[i] != NO_SET)
			add_set(builder, &policy->sets[i], builder->local[i]);
	qsort(builder->elements, builder->n, sizeof(*builder->elements), element_compare);
	return 0;
}

/* Does an address with this signature satisfy the condition? */
static bool match_holds(const struct builder *builder, const struct address_match *match,
			const uint64_t *signature)
{
	for (size_t i = 0; i < match->n_sets; i++) {
		uint32_t set = builder->local[match->sets[i]];

		if (signature[set / 64] >> set % 64 & 1)
			return !match->negated;
	}
	return match->negated;
}

/* The row of addresses with this signature. */
static int intern_row(struct builder *builder, const uint64_t *signature, uint32_t *ret)
{
	struct compiler *compiler = builder->compiler;
	uint64_t *row = compiler->scratch;
	const struct rule *rule;

	memset(row, 0, compiler->tables->row_words * sizeof(*row));
	FOR_EACH_RULE(compiler, s, i, rule, bit) {
		const struct address_match *match = &rule->address[builder->field];

		if (!match->present || match_holds(builder, match, signature))
			row_set(row, bit);
	}
	return rows_intern(&compiler->rows, row, ret);
}

/* The number of the signature in builder->bits; its row is worked out if it is new. */
static int intern_signature(struct builder *builder, uint32_t *ret)
{
	int r = rows_intern(&builder->signatures, builder->bits, ret);

	if (r < 0 || *ret < builder->n_row_of)
		return r;
	r = array_reserve((void **)&builder->row_of, &builder->row_of_capacity, *ret + 1,
			  sizeof(*builder->row_of));
	if (r < 0)
		return r;
	builder->n_row_of = *ret + 1;
	return intern_row(builder, builder->bits, &builder->row_of[*ret]);
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
	uint32_t signature;
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
	return intervals_add(&builder->intervals, hi, lo, builder->row_of[around]);
}

/* Close the open prefixes that do not hold the element (NULL: all). */
static int close_prefixes(struct builder *builder, struct open_prefix *stack, size_t *depth,
			  const struct element *element)
{
	int r = 0;

	while (r >= 0 && *depth && (!element || !element_holds(stack[*depth].element, element))) {
		r = close_prefix(builder, stack[*depth].element, stack[*depth - 1].signature);
		(*depth)--;
	}
	return r;
}

/* Walk the sorted elements with the stack of prefixes that hold the one in hand. */
static int build_intervals(struct builder *builder, uint32_t root)
{
	struct open_prefix stack[MAX_DEPTH + 1] = { [0] = { NULL, root } };
	size_t words = builder->signatures.row_words;
	size_t depth = 0;
	int r;

	r = intervals_add(&builder->intervals, 0, 0, builder->row_of[root]);
	for (size_t i = 0; r >= 0 && i < builder->n;) {
		const struct element *element = &builder->elements[i];
		uint32_t signature;

		r = close_prefixes(builder, stack, &depth, element);
		if (r < 0)
			return r;
		memcpy(builder->bits,
		       builder->signatures.words + (size_t)stack[depth].signature * words,
		       words * sizeof(*builder->bits));
		for (; i < builder->n && same_prefix(element, &builder->elements[i]); i++)
			row_set(builder->bits, builder->elements[i].set);
		r = intern_signature(builder, &signature);
		if (r >= 0)
			r = intervals_add(&builder->intervals, element->hi, element->lo,
					  builder->row_of[signature]);
		stack[++depth] = (struct open_prefix){ element, signature };
	}
	return r < 0 ? r : close_prefixes(builder, stack, &depth, NULL);
}

/* The family's table, and what the settings of every interface say of it. */
static int build_table(struct builder *builder)
{
	struct tables *tables = builder->compiler->tables;
	enum address_field field = builder->field;
	uint64_t entry = 0;
	uint32_t root = 0;
	int r;

	if (builder->family == FAMILY_V4)
		r = lpm4_build(tables, &builder->intervals, &root);
	else
		r = lpm6_build(tables, &builder->intervals, &entry);
	if (r < 0)
		return r;
	tables->prefixes[field] |= USES_PREFIXES(field, builder->family);
	for (size_t i = 0; i < tables->n_configs; i++) {
		if (builder->family == FAMILY_V4)
			tables->configs[i].lpm4_root[field] = root;
		else
			tables->configs[i].lpm6_entry[field] = entry;
	}
	return 0;
}

static int build_family(struct builder *builder, enum family family, uint32_t *ret_miss_row)
{
	uint32_t root;
	int r;

	builder->family = family;
	r = collect_elements(builder);
	if (r < 0)
		return r;
	memset(builder->bits, 0, builder->signatures.row_words * sizeof(*builder->bits));
	r = intern_signature(builder, &root);
	if (r >= 0)
		r = build_intervals(builder, root);
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

/* The row of frames without addresses: rules that do not look at the field. */
static int absent_row(struct compiler *compiler, enum address_field field, uint32_t *ret)
{
	uint64_t *row = compiler->scratch;
	const struct rule *rule;

	memset(row, 0, compiler->tables->row_words * sizeof(*row));
	FOR_EACH_RULE(compiler, s, i, rule, bit)
		if (!rule->address[field].present)
			row_set(row, bit);
	return rows_intern(&compiler->rows, row, ret);
}

static void builder_done(struct builder *builder)
{
	rows_done(&builder->signatures);
	free(builder->local);
	free(builder->row_of);
	free(builder->bits);
	free(builder->elements);
	free(builder->intervals.items);
}

int compile_addresses(struct compiler *compiler, enum address_field field)
{
	_cleanup_(builder_done) struct builder builder = { .compiler = compiler, .field = field };
	struct tables *tables = compiler->tables;
	uint32_t miss[N_FAMILIES], absent, words;
	int r;

	r = number_sets(&builder);
	if (r < 0)
		return r;
	words = builder.n_local / 64 + 1;
	r = rows_init(&builder.signatures, words);
	if (r < 0)
		return r;
	builder.bits = calloc(words, sizeof(*builder.bits));
	if (!builder.bits)
		return -ENOMEM;
	for (enum family family = 0; family < N_FAMILIES; family++) {
		r = build_family(&builder, family, &miss[family]);
		if (r < 0)
			return r;
	}
	r = absent_row(compiler, field, &absent);
	if (r < 0)
		return r;
	for (size_t i = 0; i < tables->n_configs; i++) {
		memcpy(tables->configs[i].lpm_miss_row[field], miss, sizeof(miss));
		tables->configs[i].lpm_absent_row[field] = absent;
	}
	return 0;
}
