/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * policy.c: the end of a policy's life, and the names of the tables in abi.h and verdict.h.
 */
#include "policy.h"

#include "util.h"

static void rule_done(struct rule *rule)
{
	free(rule->match_text);
	free(rule->action_text);
	for (size_t i = 0; i < N_ADDRESS_FIELDS; i++)
		free(rule->address[i].sets);
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		free(rule->scalar[i].ranges);
	for (size_t i = 0; i < N_MAC_FIELDS; i++)
		free(rule->mac[i].macs);
	free(rule->interface.interfaces);
	free(rule->actions);
}

struct policy *policy_free(struct policy *policy)
{
	if (!policy)
		return NULL;
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++)
			rule_done(&policy->rulesets[i].rules[j]);
		free(policy->rulesets[i].rules);
	}
	free(policy->rulesets);
	for (size_t i = 0; i < policy->n_sets; i++) {
		free(policy->sets[i].v4);
		free(policy->sets[i].v6);
	}
	free(policy->sets);
	for (size_t i = 0; i < policy->n_port_sets; i++)
		free(policy->port_sets[i].ranges);
	free(policy->port_sets);
	for (size_t i = 0; i < policy->n_mac_sets; i++)
		free(policy->mac_sets[i].macs);
	free(policy->mac_sets);
	free(policy->interfaces);
	free(policy->redirects);
	for (size_t i = 0; i < policy->n_tests; i++)
		free(policy->tests[i].source);
	free(policy->tests);
	for (size_t i = 0; i < policy->n_files; i++)
		free(policy->files[i].path);
	free(policy->files);
	free(policy);
	return NULL;
}

#define X(id, name, ...) [id] = name,
static const char *const verdict_names[] = { VERDICTS(X) };
static const char *const reason_names[] = { REASONS(X) };
static const char *const field_names[] = { SCALAR_FIELDS(X) };
#undef X
#define X(id, name, domain) [id] = domain,
static const uint32_t field_domains[] = { SCALAR_FIELDS(X) };
#undef X
#define X(id, name, fate, text) [id] = fate,
static const enum fate reason_fates[] = { REASONS(X) };
#undef X
#define X(id, name, fate, text) [id] = text,
static const char *const reason_texts[] = { REASONS(X) };
#undef X

_Static_assert(INTERFACE_BLOCK_REASONS >= N_VERDICTS, "verdicts overlap the reasons");
_Static_assert(INTERFACE_BLOCK_REASONS + N_REASONS <= INTERFACE_BLOCK, "block too small");

const char *verdict_name(unsigned int verdict)
{
	return verdict < N_VERDICTS ? verdict_names[verdict] : NULL;
}

const char *reason_name(unsigned int reason)
{
	return reason < N_REASONS ? reason_names[reason] : NULL;
}

const char *reason_text(unsigned int reason)
{
	return reason < N_REASONS ? reason_texts[reason] : NULL;
}

enum fate reason_fate(unsigned int reason)
{
	return reason < N_REASONS ? reason_fates[reason] : FATE_RULE;
}

const char *scalar_field_name(unsigned int field)
{
	return field < N_SCALAR_FIELDS ? field_names[field] : NULL;
}

uint32_t scalar_field_domain(unsigned int field)
{
	return field < N_SCALAR_FIELDS ? field_domains[field] : 0;
}
