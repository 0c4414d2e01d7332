/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compile.c: lays the rules out over bit positions and puts the parts together: first the MAC
 * addresses and the scalar fields, whose row numbers must fit 16 bits, then the addresses, then a
 * row for each interface and its settings.
 */
#include "compile_internal.h"

#include <string.h>

#include "util.h"

struct tables *tables_free(struct tables *tables)
{
	if (!tables)
		return NULL;
	free(tables->rows);
	free(tables->lpm4);
	free(tables->lpm6);
	free(tables->macs);
	free(tables->scalars);
	free(tables->actions);
	free(tables->extras);
	free(tables->configs);
	free(tables->first_bit);
	free(tables);
	return NULL;
}

/* The ruleset has the first rule that is one too many: the one behind `fit` of its rules. */
static int too_many_rules(struct compiler *compiler, const struct ruleset *ruleset, size_t fit)
{
	const struct rule *rule = &ruleset->rules[fit];
	struct diag_place place = { .file = rule->place.file,
				    .line = rule->place.line,
				    .column = rule->place.column,
				    .included_from = rule->place.included_from };

	return diag_error(compiler->diags, &place,
			  "rule '%s' of policy '%s' is one too many: all policies together may "
			  "have %d rules; join rules by lists and sets",
			  rule->name, ruleset->name, MAX_RULES);
}

/* Every policy starts at a word of its own, so a program looks at its own words only. */
static int lay_out_rules(struct compiler *compiler)
{
	const struct policy *policy = compiler->policy;
	struct tables *tables = compiler->tables;
	uint32_t words = 0;
	size_t left = MAX_RULES;

	if (compiler->n_written > MAX_RULESETS)
		return diag_error(compiler->diags, NULL, "more than %d policies", MAX_RULESETS);
	tables->first_bit = calloc(policy->n_rulesets + 1, sizeof(*tables->first_bit));
	if (!tables->first_bit)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		const struct ruleset *ruleset = &policy->rulesets[i];

		if (i < compiler->n_written && ruleset->n_rules > left)
			return too_many_rules(compiler, ruleset, left);
		left -= ruleset->n_rules;
		tables->first_bit[i] = words * ROW_WORD_BITS;
		words += (ruleset->n_rules + ROW_WORD_BITS - 1) / ROW_WORD_BITS;
	}
	tables->row_words = words ? words : 1;
	tables->n_actions = tables->row_words * ROW_WORD_BITS;
	return 0;
}

/* How many rules have an extra. */
static size_t count_extras(const struct compiler *compiler)
{
	const struct rule *rule;
	size_t n = compiler->lowering.n_extras;

	FOR_EACH_RULE (compiler, s, i, rule, bit)
		n += rule->verdict == VERDICT_REDIRECT;
	return n;
}

/* Those of lowering are of the rules that name live sets, in order; their parts get bits. */
static void fill_extra(const struct compiler *compiler, const struct rule *rule, bool live,
		       size_t *n_live, struct rule_extra *extra)
{
	const struct tables *tables = compiler->tables;

	*extra = (struct rule_extra){ .sure = { RULE_NO_BIT, RULE_NO_BIT } };
	if (live)
		*extra = compiler->lowering.extras[(*n_live)++];
	for (int field = 0; field < N_ADDRESS_FIELDS; field++)
		if (extra->sure[field] != RULE_NO_BIT)
			extra->sure[field] += tables->first_bit[compiler->n_written];
	if (rule->verdict == VERDICT_REDIRECT)
		extra->redirect = rule->redirect;
}

static int fill_actions(struct compiler *compiler)
{
	struct tables *tables = compiler->tables;
	const struct rule *rule;
	size_t n_live = 0;

	tables->actions = calloc(tables->n_actions, sizeof(*tables->actions));
	tables->extras = calloc(1 + count_extras(compiler), sizeof(*tables->extras));
	if (!tables->actions || !tables->extras)
		return -ENOMEM;
	tables->n_extras = 1;
	for (size_t i = 0; i < tables->n_actions; i++)
		tables->actions[i].verdict = VERDICT_NONE;
	FOR_EACH_RULE (compiler, s, i, rule, bit) {
		bool live = s < compiler->n_written && live_is_used(&compiler->written[s].rules[i]);

		tables->actions[bit].verdict = rule->shadow ? VERDICT_NONE : rule->verdict;
		tables->actions[bit].live = live;
		if (!live && rule->verdict != VERDICT_REDIRECT)
			continue;
		fill_extra(compiler, rule, live, &n_live, &tables->extras[tables->n_extras]);
		tables->actions[bit].extra = tables->n_extras++;
	}
	return 0;
}

static bool applies_to(const struct rule *rule, size_t interface)
{
	const struct interface_match *match = &rule->interface;

	if (rule->expiry.past)
		return false;
	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_interfaces; i++)
		if (match->interfaces[i] == interface)
			return !match->negated;
	return match->negated;
}

/* The fields that the programs of each policy need to look at. */
static void note_fields(struct compiler *compiler)
{
	const struct policy *policy = compiler->policy;

	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[i].ruleset];
		struct ruleset_config *config = &compiler->tables->configs[i];

		for (size_t j = 0; j < ruleset->n_rules; j++) {
			const struct rule *rule = &ruleset->rules[j];

			for (int field = 0; field < N_ADDRESS_FIELDS; field++)
				if (rule->address[field].present)
					config->uses_address |= USES_ADDRESS(field);
			for (int field = 0; field < N_SCALAR_FIELDS; field++)
				if (rule->scalar[field].present)
					config->uses_scalars |= 1U << field;
			for (int field = 0; field < N_MAC_FIELDS; field++)
				if (rule->mac[field].present)
					config->uses_macs |= 1U << field;
			if (rule->interface.present || rule->expiry.past)
				config->uses_interface = true;
		}
	}
}

/* The live sets that the programs of each policy are to look up. */
static void note_live_sets(struct compiler *compiler)
{
	const struct policy *policy = compiler->policy;

	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct ruleset *ruleset = &compiler->written[policy->interfaces[i].ruleset];
		struct ruleset_config *config = &compiler->tables->configs[i];
		uint64_t seen[N_ADDRESS_FIELDS] = {};

		for (size_t j = 0; j < ruleset->n_rules; j++)
			for (int field = 0; field < N_ADDRESS_FIELDS; field++) {
				const struct address_match *match =
					&ruleset->rules[j].address[field];

				for (size_t k = 0; match->present && k < match->n_live; k++)
					seen[field] |= UINT64_C(1) << match->live[k];
			}
		for (int field = 0; field < N_ADDRESS_FIELDS; field++)
			for (uint32_t set = 0; set < MAX_LIVE_SETS; set++)
				if (seen[field] >> set & 1)
					config->live_slots[field][config->n_live[field]++] = set;
		config->uses_live = seen[ADDRESS_SRC] || seen[ADDRESS_DST];
	}
}

/* How many rows a packet's fields lead to. */
static int count_rows(const struct ruleset_config *config)
{
	uint32_t addresses = config->uses_address & (USES_ADDRESS(N_ADDRESS_FIELDS) - 1);

	return __builtin_popcount(addresses) + __builtin_popcount(config->vectors) +
	       __builtin_popcount(config->uses_macs);
}

/* Which words are the policy's own, of those of all policies, which the rows have bits of, too. */
static void note_words(const struct tables *tables, const struct ruleset *ruleset,
		       uint32_t first_bit, struct ruleset_config *config)
{
	uint32_t first, last;

	config->first_word = first_bit / ROW_WORD_BITS;
	config->n_words = (ruleset->n_rules + ROW_WORD_BITS - 1) / ROW_WORD_BITS;
	config->row_words = tables->row_words;
	if (!config->n_words)
		return;
	first = config->first_word;
	last = first + config->n_words - 1;
	config->group_mask[0] = ~UINT64_C(0) << first % ROW_WORD_BITS;
	config->group_mask[1] = ~UINT64_C(0) >> (63 - last % ROW_WORD_BITS);
	if (first / ROW_WORD_BITS == last / ROW_WORD_BITS)
		config->group_mask[0] &= config->group_mask[1];
	/* Two rows at least: of a program that loads a single one, the verifier of Linux 6.1 walks
	 * every way by itself, up to the million instructions that it refuses. */
	if (count_rows(config) < 2)
		config->uses_interface = true;
}

static int fill_config(struct compiler *compiler, size_t interface)
{
	const struct policy *policy = compiler->policy;
	struct tables *tables = compiler->tables;
	uint32_t ruleset_index = policy->interfaces[interface].ruleset;
	const struct ruleset *ruleset = &policy->rulesets[ruleset_index];
	struct ruleset_config *config = &tables->configs[interface];

	note_words(tables, ruleset, tables->first_bit[ruleset_index], config);
	for (int field = 0; field < N_ADDRESS_FIELDS; field++)
		if (config->uses_address & USES_ADDRESS(field))
			config->uses_address |= tables->prefixes[field];
	config->fate_malformed = policy->fate_malformed;
	config->fate_fragments = policy->fate_fragments;
	config->fate_extension = policy->fate_extension;
	config->fate_non_ip = policy->fate_non_ip;
	if (policy->fate_fragments != VERDICT_NONE || policy->fate_extension != VERDICT_NONE)
		config->n_protect = ruleset->n_protect;
	config->default_verdict = ruleset->default_verdict;

	memset(compiler->scratch, 0, tables->row_words * sizeof(uint64_t));
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (applies_to(&ruleset->rules[i], interface))
			row_set(compiler->scratch, tables->first_bit[ruleset_index] + i);
	return rows_intern(&compiler->rows, compiler->scratch, &config->interface_row);
}

static int compile_all(struct compiler *compiler)
{
	struct tables *tables = compiler->tables;
	uint32_t used = 0;
	int r;

	tables->n_configs = compiler->policy->n_interfaces;
	tables->configs = calloc(tables->n_configs + 1, sizeof(*tables->configs));
	compiler->scratch = calloc(tables->row_words, sizeof(uint64_t));
	if (!tables->configs || !compiler->scratch)
		return -ENOMEM;
	note_fields(compiler);
	note_live_sets(compiler);
	for (enum mac_field field = 0; field < N_MAC_FIELDS; field++) {
		r = compile_macs(compiler, field);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < tables->n_configs; i++)
		used |= tables->configs[i].uses_scalars;
	r = compile_scalars(compiler, used);
	if (r < 0)
		return r;
	for (enum address_field field = 0; field < N_ADDRESS_FIELDS; field++) {
		r = compile_addresses(compiler, field);
		if (r < 0)
			return r;
	}
	r = fill_actions(compiler);
	for (size_t i = 0; r >= 0 && i < tables->n_configs; i++)
		r = fill_config(compiler, i);
	return r;
}

/* Rows or tables grew past what they may: say at which rule. */
static int too_big(struct compiler *compiler)
{
	const struct rule *rule;

	FOR_EACH_RULE (compiler, s, i, rule, bit)
		if (bit == compiler->at_rule) {
			struct diag_place place = { .file = rule->place.file,
						    .line = rule->place.line,
						    .column = rule->place.column,
						    .included_from = rule->place.included_from };

			return diag_error(compiler->diags, &place,
					  "at rule '%s' of policy '%s' the policy's conditions "
					  "differ in too many ways: its tables would exceed their "
					  "limits; use fewer distinct ranges, sets or rules",
					  rule->name, compiler->policy->rulesets[s].name);
		}
	return -E2BIG;
}

static void compiler_done(struct compiler *compiler)
{
	lowering_done(&compiler->lowering);
	rows_done(&compiler->rows);
	free(compiler->scratch);
}

int tables_compile(const struct policy *policy, struct tables **ret, struct diags *diags)
{
	_cleanup_(tables_freep) struct tables *tables = calloc(1, sizeof(*tables));
	_cleanup_(compiler_done) struct compiler compiler = {
		.written = policy->rulesets,
		.n_written = policy->n_rulesets,
		.tables = tables,
		.diags = diags,
	};
	int r;

	if (!tables)
		return -ENOMEM;
	r = live_lower(policy, &compiler.lowering);
	if (r < 0)
		return r;
	compiler.policy = &compiler.lowering.policy;
	r = lay_out_rules(&compiler);
	if (r < 0)
		return r;
	r = rows_init(&compiler.rows, tables->row_words, ROWS_MAX_WORDS);
	if (r < 0)
		return r;
	r = compile_all(&compiler);
	if (r == -E2BIG)
		return too_big(&compiler);
	if (r < 0)
		return r;

	tables->n_rows = compiler.rows.n;
	tables->rows = TAKE_PTR(compiler.rows.words);
	tables->n_row_words =
		(size_t)tables->n_rows * (SUMMARY_WORDS(tables->row_words) + tables->row_words);
	for (size_t i = 0; i < tables->n_configs; i++) {
		tables->configs[i].n_row_words = tables->n_row_words;
		tables->configs[i].n_scalars = tables->n_scalars;
		tables->configs[i].n_macs = tables->n_macs;
		tables->configs[i].n_extras = tables->n_extras;
		tables->configs[i].n_lpm4 = tables->n_lpm4;
		tables->configs[i].lpm4_kinds = tables->lpm4_kinds;
		tables->configs[i].n_lpm6 = tables->n_lpm6;
		tables->configs[i].lpm6_uses = tables->lpm6_uses;
	}
	*ret = TAKE_PTR(tables);
	return 0;
}
