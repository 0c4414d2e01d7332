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
#include "quantity.h"

/* --- what is outside of rules ------------------------------------------------------------- */

static const char *fate_word(enum verdict verdict)
{
	return verdict == VERDICT_NONE ? "match" : verdict_name(verdict);
}

static void print_settings(const struct policy *policy, FILE *stream)
{
	fprintf(stream, "fail: %s\nfate:\n", policy->fail_closed ? "closed" : "open");
	fprintf(stream, "  malformed: %s\n", fate_word(policy->fate_malformed));
	fprintf(stream, "  fragments: %s\n", fate_word(policy->fate_fragments));
	fprintf(stream, "  unknown-extension: %s\n", fate_word(policy->fate_extension));
	fprintf(stream, "  non-ip: %s\n", fate_word(policy->fate_non_ip));
}

static void print_interfaces(const struct policy *policy, FILE *stream)
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
	}
}

/* A condition on MAC addresses of an empty set needs such a set: there is no list of no values. */
static bool needs_empty_set(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rulesets; i++)
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++)
			for (size_t k = 0; k < N_MAC_FIELDS; k++) {
				const struct mac_match *match =
					&policy->rulesets[i].rules[j].mac[k];

				if (match->present && !match->n_macs)
					return true;
			}
	return false;
}

void empty_set_name(const struct policy *policy, char name[NAME_LEN])
{
	bool taken = true;

	for (unsigned int n = 0; taken; n++) {
		snprintf(name, NAME_LEN, n ? "no-macs-%u" : "no-macs", n);
		taken = false;
		for (size_t i = 0; i < policy->n_sets && !taken; i++)
			taken = !strcmp(policy->sets[i].name, name);
		for (size_t i = 0; i < policy->n_live_sets && !taken; i++)
			taken = !strcmp(policy->live_sets[i].name, name);
	}
}

/* It is there without being written; what it holds is where the policy is loaded. */
static bool is_self(const struct prefix_set *set)
{
	return !strcmp(set->name, "self");
}

/* A list, if it is of one, too. */
static int print_list(FILE *stream, int indent, const char *key, struct items *items)
{
	if (items->n != 1 || items->failed)
		return print_items(stream, indent, key, false, items);
	fprintf(stream, "%*s%s: [%s]\n", indent, "", key, items->items[0]);
	items_done(items);
	return 0;
}

static int print_live_set(const struct live_set *set, FILE *stream)
{
	struct items writers = { 0 }, except = { 0 };
	char text[QUANTITY_TEXT], word[YAML_TEXT(CONFIG_MAX_USER_NAME)];
	int r;

	fprintf(stream, "  %s:\n    live: true\n", WORD(set->name));
	if (set->timeout)
		fprintf(stream, "    timeout: %s\n", duration_format(set->timeout, text));
	fprintf(stream, "    size: %s\n", count_format(set->size, text));
	fprintf(stream, "    max-width: {v4: %u, v6: %u}\n", set->widest[FAMILY_V4],
		set->widest[FAMILY_V6]);
	fprintf(stream, "    persist: %s\n", set->persist ? "true" : "false");
	for (size_t i = 0; i < set->n_writers; i++)
		items_add(&writers, "%s", yaml_word(set->writers[i], word));
	r = print_list(stream, 4, "writers", &writers);
	if (r < 0)
		return r;
	items_add_prefixes(&except, &set->except);
	return print_list(stream, 4, "except", &except);
}

/* Those with names: of prefixes, live or not. The others are part of the conditions that name
 * them. */
static int print_sets(const struct policy *policy, FILE *stream)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; i < policy->n_sets && !r; i++) {
		const struct prefix_set *set = &policy->sets[i];
		struct items items = { 0 };
		char name[YAML_TEXT(NAME_LEN)];
		int indent = 2;

		if (!set->name[0] || is_self(set))
			continue;
		if (first)
			fputs("sets:\n", stream);
		first = false;
		items_add_prefixes(&items, set);
		yaml_word(set->name, name);
		if (set->expiry.at) {
			fprintf(stream, "  %s:\n", name);
			print_expiry(4, &set->expiry, stream);
			strcpy(name, "elements");
			indent = 4;
		}
		r = print_list(stream, indent, name, &items);
	}
	if (first && policy->n_live_sets)
		fputs("sets:\n", stream);
	first = first && !policy->n_live_sets;
	for (size_t i = 0; i < policy->n_live_sets && !r; i++)
		r = print_live_set(&policy->live_sets[i], stream);
	if (!r && needs_empty_set(policy)) {
		char name[NAME_LEN];

		empty_set_name(policy, name);
		fprintf(stream, "%s  %s: {type: mac, elements: []}\n", first ? "sets:\n" : "",
			name);
	}
	return r;
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

int policy_print(const struct policy *policy, FILE *stream)
{
	int r;

	print_settings(policy, stream);
	print_interfaces(policy, stream);
	r = print_sets(policy, stream);
	if (!r)
		r = print_protect(policy, stream);
	fputs("policies:\n", stream);
	for (size_t i = 0; i < policy->n_rulesets && !r; i++)
		r = print_ruleset(policy, &policy->rulesets[i], stream);
	if (policy->n_tests)
		fputs("tests:\n", stream);
	for (size_t i = 0; i < policy->n_tests && !r; i++)
		r = print_test(policy, &policy->tests[i], stream);
	return r;
}
