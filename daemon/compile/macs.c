/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * macs.c: the MAC addresses that rules name, in ascending order, each with the row of rules that
 * it satisfies. All others share one row: that of rules which do not look at the field, or name
 * what the address must not be.
 */
#include "compile_internal.h"

#include <string.h>

#include "util.h"

/* One address of one rule. */
struct mention {
	uint64_t mac;
	uint32_t bit;
	bool holds; /* the rule's condition, of this address */
};

struct mentions {
	struct mention *items;
	size_t n, capacity;
};

static uint64_t mac_number(const uint8_t *mac)
{
	uint64_t number = 0;

	for (int i = 0; i < MAC_BYTES; i++)
		number = number << 8 | mac[i];
	return number;
}

static int mention_compare(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;

	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->bit < y->bit ? -1 : x->bit > y->bit;
}

static int collect_mentions(const struct compiler *compiler, enum mac_field field,
			    struct mentions *mentions)
{
	const struct rule *rule;

	FOR_EACH_RULE (compiler, s, i, rule, bit) {
		const struct mac_match *match = &rule->mac[field];

		if (!match->present || !match->n_macs)
			continue;
		if (array_reserve((void **)&mentions->items, &mentions->capacity,
				  mentions->n + match->n_macs, sizeof(*mentions->items)) < 0)
			return -ENOMEM;
		for (size_t j = 0; j < match->n_macs; j++)
			mentions->items[mentions->n++] =
				(struct mention){ mac_number(match->macs[j]), bit,
						  !match->negated };
	}
	if (mentions->n)
		qsort(mentions->items, mentions->n, sizeof(*mentions->items), mention_compare);
	return 0;
}

/* At an address that the rule at this bit names. */
static int refuse(const struct compiler *compiler, enum mac_field field, uint32_t at,
		  const char *what)
{
	struct diag_place place = { 0 };
	const char *name = "";
	const struct rule *rule;

	FOR_EACH_RULE (compiler, s, i, rule, bit) {
		if (bit != at)
			continue;
		place = (struct diag_place){ .file = rule->place.file,
					     .line = rule->place.line,
					     .column = rule->place.column,
					     .included_from = rule->place.included_from };
		name = rule->name;
	}
	return diag_error(compiler->diags, &place, "rule '%s': %s in the conditions on '%s'", name,
			  what, field == MAC_SRC ? "src-mac" : "dst-mac");
}

/* The row of addresses that no rule names: left in the compiler's scratch. */
static int miss_row(struct compiler *compiler, enum mac_field field, uint32_t *ret)
{
	const struct rule *rule;

	memset(compiler->scratch, 0, compiler->tables->row_words * sizeof(*compiler->scratch));
	FOR_EACH_RULE (compiler, s, i, rule, bit)
		if (!rule->mac[field].present || rule->mac[field].negated)
			row_set(compiler->scratch, bit);
	return rows_intern(&compiler->rows, compiler->scratch, ret);
}

/* An entry for each address: the row of all others, but for the rules that name it. */
static int add_entries(struct compiler *compiler, enum mac_field field,
		       const struct mentions *mentions)
{
	struct tables *tables = compiler->tables;
	uint64_t *row = compiler->scratch;
	uint32_t first = tables->n_macs;
	int r = 0;

	for (size_t i = 0, end; i < mentions->n && r >= 0; i = end) {
		uint64_t mac = mentions->items[i].mac;
		uint32_t number = 0;

		for (end = i; end < mentions->n && mentions->items[end].mac == mac; end++)
			if (mentions->items[end].holds)
				row_set(row, mentions->items[end].bit);
			else
				row_clear(row, mentions->items[end].bit);
		r = rows_intern(&compiler->rows, row, &number);
		if (r >= 0 && number > MAC_ROW_MASK)
			r = refuse(compiler, field, mentions->items[i].bit,
				   "more than 65536 different sets of rules");
		if (r >= 0 && tables->n_macs - first == MAC_MAX_ENTRIES)
			r = refuse(compiler, field, mentions->items[i].bit,
				   "more than 65536 MAC addresses");
		if (r >= 0)
			tables->macs[tables->n_macs++] = mac << MAC_ADDRESS_SHIFT | number;
		for (size_t j = i; j < end; j++)
			if (mentions->items[j].holds)
				row_clear(row, mentions->items[j].bit);
			else
				row_set(row, mentions->items[j].bit);
	}
	return r;
}

static bool mac_used(const struct compiler *compiler, enum mac_field field)
{
	const struct rule *rule;

	FOR_EACH_RULE (compiler, s, i, rule, bit)
		if (rule->mac[field].present)
			return true;
	return false;
}

int compile_macs(struct compiler *compiler, enum mac_field field)
{
	struct tables *tables = compiler->tables;
	uint32_t first = tables->n_macs, miss = 0;
	struct mentions mentions = {};
	uint64_t *grown;
	int r;

	if (!mac_used(compiler, field))
		return 0;
	r = collect_mentions(compiler, field, &mentions);
	if (r >= 0) {
		grown = reallocarray(tables->macs, first + mentions.n + 1, sizeof(*grown));
		r = grown ? 0 : -ENOMEM;
		tables->macs = grown ? grown : tables->macs;
	}
	if (r >= 0)
		r = miss_row(compiler, field, &miss);
	if (r >= 0)
		r = add_entries(compiler, field, &mentions);
	free(mentions.items);
	if (r < 0)
		return r;
	for (size_t i = 0; i < tables->n_configs; i++) {
		tables->configs[i].mac_first[field] = first;
		tables->configs[i].mac_count[field] = tables->n_macs - first;
		tables->configs[i].mac_miss_row[field] = miss;
	}
	return 0;
}
