/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * print.c: the normalised policy as YAML: sets resolved, every value whole, every default said.
 * What is printed loads to a policy with the same tables, byte by byte; and printed again it is
 * the same text.
 */
#include "print.h"

#include <errno.h>
#include <string.h>

#include "config.h"
#include "policy_tests.h"

/* --- what is outside of rules ------------------------------------------------------------- */

static const char *fate_word(enum verdict verdict)
{
	return verdict == VERDICT_NONE ? "match" : verdict_name(verdict);
}

static void print_settings(const struct policy *policy, FILE *stream)
{
	fprintf(stream, "fail: %s\nguard: %s\nfate:\n", policy->fail_closed ? "closed" : "open",
		guard_level_name(policy->guard));
	fprintf(stream, "  malformed: %s\n", fate_word(policy->fate_malformed));
	fprintf(stream, "  fragments: %s\n", fate_word(policy->fate_fragments));
	fprintf(stream, "  unknown-extension: %s\n", fate_word(policy->fate_extension));
	fprintf(stream, "  non-ip: %s\n", fate_word(policy->fate_non_ip));
}

static void print_interfaces(const struct policy *policy, const struct policy_lists *lists,
			     FILE *stream)
{
	fputs("interfaces:\n", stream);
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct interface *interface = &policy->interfaces[i];

		fprintf(stream, "  %s:\n", WORD(interface->name));
		fprintf(stream,
			strchr(interface->port, ':') ? "    port: {mac: %s}\n" : "    port: %s\n",
			WORD(interface->port));
		if (interface->vlan)
			fprintf(stream, "    vlan: %u\n", interface->vlan);
		fprintf(stream, "    policy: %s\n",
			WORD(policy->rulesets[interface->ruleset].name));
		fprintf(stream, "    required: %s\n", interface->required ? "true" : "false");
		fprintf(stream, "    mode: %s\n",
			interface->mode == ATTACH_NATIVE ? "native" : "generic");
		fprintf(stream, "    fix: %s\n", interface->fix ? "true" : "false");
		if (lists)
			print_notes(4, &interface->notes, stream);
	}
}

/* --- tests -------------------------------------------------------------------------------- */

static int print_test(const struct policy *policy, const struct policy_test *test, FILE *stream)
{
	struct items items = { 0 };
	char expected[TEST_EXPECTED_LEN];
	int r;

	policy_test_expected(policy, test, expected);
	items_add_packet(&items, &test->packet);
	r = items.failed ? -ENOMEM : 0;
	fprintf(stream, "  - {in: %s", WORD(policy->interfaces[test->interface].name));
	for (size_t i = 0; i < items.n; i++)
		fprintf(stream, ", %s", items.items[i]);
	fprintf(stream, ", expect: %s}\n", WORD(expected));
	items_done(&items);
	return r;
}

static int print_policy(const struct policy *policy, const struct policy_lists *lists, FILE *stream)
{
	int r;

	print_settings(policy, stream);
	print_interfaces(policy, lists, stream);
	r = print_sets(policy, lists, stream);
	if (!r)
		r = print_protect(policy, stream);
	fputs("policies:\n", stream);
	for (size_t i = 0; i < policy->n_rulesets && !r; i++)
		r = print_ruleset(policy, &policy->rulesets[i], lists, stream);
	if (policy->n_tests)
		fputs("tests:\n", stream);
	for (size_t i = 0; i < policy->n_tests && !r; i++)
		r = print_test(policy, &policy->tests[i], stream);
	return r;
}

int policy_print(const struct policy *policy, FILE *stream)
{
	return print_policy(policy, NULL, stream);
}

int policy_print_whole(const struct policy *policy, const struct policy_lists *lists, FILE *stream)
{
	return print_policy(policy, lists, stream);
}
