/* SPDX-License-Identifier: GPL-2.0-only */
/* print_case.c: see print_case.h. */
#include "print_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "loader.h"
#include "util.h"

static struct tables *compile(const struct policy *policy)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct tables *tables = NULL;

	assert_int_equal(tables_compile(policy, &tables, &diags), 0);
	return tables;
}

/* What differs, or NULL. */
static const char *difference(const struct tables *a, const struct tables *b, size_t n_rulesets)
{
#define DIFFERS(array, n)                                                                          \
	(a->n != b->n || (a->n && memcmp(a->array, b->array, a->n * sizeof(*a->array))))
	if (a->row_words != b->row_words || a->n_rows != b->n_rows || DIFFERS(rows, n_row_words))
		return "rows";
	if (DIFFERS(lpm4, n_lpm4))
		return "lpm4";
	if (DIFFERS(lpm6, n_lpm6))
		return "lpm6";
	if (DIFFERS(macs, n_macs))
		return "macs";
	if (DIFFERS(scalars, n_scalars))
		return "scalars";
	if (DIFFERS(actions, n_actions))
		return "actions";
	if (DIFFERS(extras, n_extras))
		return "extras";
	if (DIFFERS(configs, n_configs))
		return "configs";
	if (memcmp(a->prefixes, b->prefixes, sizeof(a->prefixes)) != 0)
		return "prefixes";
	if (memcmp(a->first_bit, b->first_bit, n_rulesets * sizeof(*a->first_bit)) != 0)
		return "first_bit";
	return NULL;
#undef DIFFERS
}

static void same_names(const struct policy *a, const struct policy *b)
{
	assert_int_equal(a->n_rulesets, b->n_rulesets);
	assert_int_equal(a->n_interfaces, b->n_interfaces);
	assert_int_equal(a->n_redirects, b->n_redirects);
	assert_int_equal(a->fail_closed, b->fail_closed);
	for (size_t i = 0; i < a->n_redirects; i++)
		assert_string_equal(a->redirects[i].port, b->redirects[i].port);
	for (size_t i = 0; i < a->n_interfaces; i++) {
		assert_string_equal(a->interfaces[i].name, b->interfaces[i].name);
		assert_string_equal(a->interfaces[i].port, b->interfaces[i].port);
		assert_int_equal(a->interfaces[i].mode, b->interfaces[i].mode);
		assert_int_equal(a->interfaces[i].required, b->interfaces[i].required);
		assert_int_equal(a->interfaces[i].vlan, b->interfaces[i].vlan);
		assert_int_equal(a->interfaces[i].fix, b->interfaces[i].fix);
	}
	for (size_t i = 0; i < a->n_rulesets; i++) {
		assert_string_equal(a->rulesets[i].name, b->rulesets[i].name);
		assert_int_equal(a->rulesets[i].n_rules, b->rulesets[i].n_rules);
		for (size_t j = 0; j < a->rulesets[i].n_rules; j++) {
			assert_string_equal(a->rulesets[i].rules[j].name,
					    b->rulesets[i].rules[j].name);
			assert_int_equal(a->rulesets[i].rules[j].n_actions,
					 b->rulesets[i].rules[j].n_actions);
		}
	}
}

static void same_live_sets(const struct policy *a, const struct policy *b)
{
	assert_int_equal(a->n_live_sets, b->n_live_sets);
	for (size_t i = 0; i < a->n_live_sets; i++) {
		const struct live_set *x = &a->live_sets[i], *y = &b->live_sets[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->timeout, y->timeout);
		assert_memory_equal(x->widest, y->widest, sizeof(x->widest));
		assert_int_equal(x->persist, y->persist);
		assert_int_equal(x->n_writers, y->n_writers);
		for (size_t j = 0; j < x->n_writers; j++)
			assert_string_equal(x->writers[j], y->writers[j]);
		assert_int_equal(x->except.n_v4, y->except.n_v4);
		for (size_t j = 0; j < x->except.n_v4; j++) {
			assert_int_equal(x->except.v4[j].addr, y->except.v4[j].addr);
			assert_int_equal(x->except.v4[j].len, y->except.v4[j].len);
		}
		assert_int_equal(x->except.n_v6, y->except.n_v6);
		for (size_t j = 0; j < x->except.n_v6; j++) {
			assert_int_equal(x->except.v6[j].hi, y->except.v6[j].hi);
			assert_int_equal(x->except.v6[j].lo, y->except.v6[j].lo);
			assert_int_equal(x->except.v6[j].len, y->except.v6[j].len);
		}
	}
}

static void same_tests(const struct policy *a, const struct policy *b)
{
	assert_int_equal(a->n_tests, b->n_tests);
	for (size_t i = 0; i < a->n_tests; i++) {
		const struct policy_test *x = &a->tests[i], *y = &b->tests[i];

		assert_memory_equal(&x->packet, &y->packet, sizeof(x->packet));
		assert_int_equal(x->interface, y->interface);
		assert_int_equal(x->verdict, y->verdict);
		assert_int_equal(x->reason, y->reason);
		assert_int_equal(x->rule, y->rule);
	}
}

void assert_same_policy(const struct policy *a, const struct policy *b, const char *name,
			const char *text)
{
	struct tables *x = compile(a), *y = compile(b);
	const char *differs = difference(x, y, a->n_rulesets);

	if (differs) {
		fputs(text, stderr);
		fail_msg("%s: its tables differ in '%s'", name, differs);
	}
	same_names(a, b);
	same_live_sets(a, b);
	same_tests(a, b);
	tables_free(x);
	tables_free(y);
}

/* As the loader has them: the compiler takes two orders of the same sets for two conditions. */
static void order_sets(struct address_match *match)
{
	match->n_sets = unique_indices(match->sets, match->n_sets);
	match->n_live = unique_indices(match->live, match->n_live);
}

void order_all_sets(struct policy *policy)
{
	for (size_t s = 0; s < policy->n_rulesets; s++)
		for (size_t r = 0; r < policy->rulesets[s].n_rules; r++)
			for (int f = 0; f < N_ADDRESS_FIELDS; f++)
				order_sets(&policy->rulesets[s].rules[r].address[f]);
}
