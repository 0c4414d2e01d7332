/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addresses.c: from the prefixes of all sets that some rule names to entries for a longest
 * prefix match, prefix -> row.
 *
 * In ascending order of address, then length, every prefix comes right after those that hold
 * it, so a stack of the open ones gives each prefix its parent. The sets that an address is
 * in are those of the prefix and of all its ancestors: a signature, one bit a set. Few
 * signatures exist however many prefixes there are; the row is worked out once for each.
 */
#include "compile_internal.h"

#include <arpa/inet.h>
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
	void *entries; /* lpm_entry_v4 or _v6 */
	size_t n_entries, entries_capacity;
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

static int emit(struct builder *builder, const struct element *element, uint32_t row)
{
	bool v4 = builder->family == FAMILY_V4;
	size_t size = v4 ? sizeof(struct lpm_entry_v4) : sizeof(struct lpm_entry_v6);
	int r = array_reserve(&builder->entries, &builder->entries_capacity,
			      builder->n_entries + 1, size);

	if (r < 0)
		return r;
	if (v4) {
		struct lpm_entry_v4 *entry =
			(struct lpm_entry_v4 *)builder->entries + builder->n_entries;
		uint32_t addr = htonl(element->hi >> 32);

		*entry = (struct lpm_entry_v4){ .key.prefix_len = element->len, .row = row };
		memcpy(entry->key.addr, &addr, sizeof(addr));
	} else {
		struct lpm_entry_v6 *entry =
			(struct lpm_entry_v6 *)builder->entries + builder->n_entries;
		uint64_t addr[2] = { htobe64(element->hi), htobe64(element->lo) };

		*entry = (struct lpm_entry_v6){ .key.prefix_len = element->len, .row = row };
		memcpy(entry->key.addr, addr, sizeof(addr));
	}
	builder->n_entries++;
	return 0;
}

/* Walk the sorted elements with the stack of prefixes that hold the one in hand. A prefix
 * whose row is its parent's needs no entry. */
static int build_entries(struct builder *builder, uint32_t root)
{
	struct {
		const struct element *element;
		uint32_t signature;
	} stack[MAX_DEPTH + 1] = { [0] = { NULL, root } };
	size_t words = builder->signatures.row_words;
	size_t depth = 0;
	int r;

	for (size_t i = 0; i < builder->n;) {
		const struct element *element = &builder->elements[i];
		uint32_t parent, signature;

		while (depth && !element_holds(stack[depth].element, element))
			depth--;
		parent = stack[depth].signature;
		memcpy(builder->bits, builder->signatures.words + (size_t)parent * words,
		       words * sizeof(*builder->bits));
		for (; i < builder->n && same_prefix(element, &builder->elements[i]); i++)
			row_set(builder->bits, builder->elements[i].set);
		r = intern_signature(builder, &signature);
		if (r >= 0 && builder->row_of[signature] != builder->row_of[parent])
			r = emit(builder, element, builder->row_of[signature]);
		if (r < 0)
			return r;
		stack[++depth].element = element;
		stack[depth].signature = signature;
	}
	return 0;
}

static int build_family(struct builder *builder, enum family family, uint32_t *ret_miss_row)
{
	struct tables *tables = builder->compiler->tables;
	uint32_t root;
	int r;

	builder->family = family;
	r = collect_elements(builder);
	if (r < 0)
		return r;
	memset(builder->bits, 0, builder->signatures.row_words * sizeof(*builder->bits));
	r = intern_signature(builder, &root);
	if (r >= 0)
		r = build_entries(builder, root);
	free(TAKE_PTR(builder->elements));
	builder->n = 0;
	if (r < 0)
		return r;
	*ret_miss_row = builder->row_of[root];
	if (family == FAMILY_V4) {
		tables->lpm_v4[builder->field] = TAKE_PTR(builder->entries);
		tables->n_lpm_v4[builder->field] = builder->n_entries;
	} else {
		tables->lpm_v6[builder->field] = TAKE_PTR(builder->entries);
		tables->n_lpm_v6[builder->field] = builder->n_entries;
	}
	builder->n_entries = builder->entries_capacity = 0;
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
	free(builder->entries);
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
