/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * print_rules.c: rules as YAML: of each policy its own, and what `protect:` says from the rules that
 * it made.
 */
#include "print.h"

#include <string.h>
#include <time.h>

#include "loader.h"
#include "util.h"

void print_expiry(int indent, const struct expiry *expiry, FILE *stream)
{
	time_t at = expiry->at;
	char text[32];
	struct tm tm;

	if (!at || !gmtime_r(&at, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(stream, "%*sexpires: \"%s\"\n", indent, "", text);
}

#define FIELD_INDENT 10

/* Indices in ascending order, each once; the caller frees. NULL when out of memory. */
static uint32_t *sort_indices(const uint32_t *indices, size_t n, size_t *ret_n)
{
	uint32_t *sorted = calloc(n + 1, sizeof(*sorted));

	*ret_n = 0;
	if (!sorted)
		return NULL;
	if (n)
		memcpy(sorted, indices, n * sizeof(*sorted));
	*ret_n = unique_indices(sorted, n);
	return sorted;
}

static int print_address(const struct policy *policy, int indent, const char *key,
			 const struct address_match *match, FILE *stream)
{
	_cleanup_free_ uint32_t *sets = NULL, *live = NULL;
	struct items items = { 0 };
	char name[NAME_LEN + 1];
	size_t n, n_live;

	if (!match->present)
		return 0;
	sets = sort_indices(match->sets, match->n_sets, &n);
	live = sort_indices(match->live, match->n_live, &n_live);
	items.failed = !sets || !live;
	for (size_t i = 0; i < n; i++) {
		const struct prefix_set *set = &policy->sets[sets[i]];

		if (!set->name[0]) {
			items_add_prefixes(&items, set);
			continue;
		}
		snprintf(name, sizeof(name), "$%s", set->name);
		items_add(&items, "%s", WORD(name));
	}
	for (size_t i = 0; i < n_live; i++) {
		snprintf(name, sizeof(name), "$%s", policy->live_sets[live[i]].name);
		items_add(&items, "%s", WORD(name));
	}
	return print_items(stream, indent, key, match->negated, &items);
}

static int print_interface(const struct policy *policy, const struct interface_match *match,
			   FILE *stream)
{
	_cleanup_free_ uint32_t *interfaces = NULL;
	struct items items = { 0 };
	size_t n;

	if (!match->present)
		return 0;
	interfaces = sort_indices(match->interfaces, match->n_interfaces, &n);
	items.failed = !interfaces;
	for (size_t i = 0; i < n; i++)
		items_add(&items, "%s", WORD(policy->interfaces[interfaces[i]].name));
	return print_items(stream, FIELD_INDENT, "interface", match->negated, &items);
}

static int print_scalar(enum scalar_field field, const struct scalar_match *match, FILE *stream)
{
	struct items items = { 0 };
	bool negated;

	if (!match->present)
		return 0;
	items_add_scalar(&items, field, match, &negated);
	return print_items(stream, FIELD_INDENT, scalar_field_name(field), negated, &items);
}

static int print_macs(const struct policy *policy, const char *key, const struct mac_match *match,
		      FILE *stream)
{
	struct items items = { 0 };

	if (!match->present)
		return 0;
	for (size_t i = 0; i < match->n_macs; i++)
		items_add_mac(&items, match->macs[i]);
	if (!match->n_macs) {
		char name[NAME_LEN + 1] = "$";

		empty_set_name(policy, name + 1);
		items_add(&items, "%s", WORD(name));
	}
	return print_items(stream, FIELD_INDENT, key, match->negated, &items);
}

static bool has_match(const struct rule *rule)
{
	bool has = rule->interface.present;

	for (size_t i = 0; i < N_ADDRESS_FIELDS; i++)
		has |= rule->address[i].present;
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		has |= rule->scalar[i].present;
	for (size_t i = 0; i < N_MAC_FIELDS; i++)
		has |= rule->mac[i].present;
	return has;
}

/* A field of the schema, if the rule looks at it. */
static int print_field(const struct policy *policy, const struct rule *rule,
		       const struct key_schema *key, FILE *stream)
{
	if (key->parse == parse_match_interface)
		return print_interface(policy, &rule->interface, stream);
	if (key->parse == parse_match_address)
		return print_address(policy, FIELD_INDENT, key->name, &rule->address[key->arg],
				     stream);
	if (key->parse == parse_match_mac)
		return print_macs(policy, key->name, &rule->mac[key->arg], stream);
	return print_scalar((enum scalar_field)key->arg, &rule->scalar[key->arg], stream);
}

static int print_match(const struct policy *policy, const struct rule *rule, FILE *stream)
{
	int r = 0;

	if (!has_match(rule)) {
		fputs("        match: {}\n", stream);
		return 0;
	}
	fputs("        match:\n", stream);
	for (const struct key_schema *key = schema_match.keys; key->name && !r; key++)
		if (key->parse)
			r = print_field(policy, rule, key, stream);
	return r;
}

static int print_actions(const struct policy *policy, const struct rule *rule, FILE *stream)
{
	static const char *const names[] = {
		[ACTION_COUNT] = "count",
		[ACTION_DROP] = "drop",
		[ACTION_PASS] = "pass",
	};
	struct items items = { 0 };

	for (size_t i = 0; i < rule->n_actions; i++) {
		const struct action *action = &rule->actions[i];

		if (action->kind == ACTION_REDIRECT)
			items_add(&items, "{redirect: %s}",
				  WORD(policy->redirects[action->redirect].port));
		else
			items_add(&items, "%s", names[action->kind]);
	}
	return print_items(stream, 8, "do", false, &items);
}

/* The anchors that stand ahead of the rule at this position. */
static void print_anchors(const struct ruleset *ruleset, size_t position, FILE *stream)
{
	for (size_t i = 0; i < ruleset->n_anchors; i++)
		if (ruleset->anchors[i].position == position)
			fprintf(stream, "      - anchor: %s\n", WORD(ruleset->anchors[i].name));
}

int print_ruleset(const struct policy *policy, const struct ruleset *ruleset,
		  const struct policy_lists *lists, FILE *stream)
{
	int r = 0;

	fprintf(stream, "  %s:\n    default: %s\n", WORD(ruleset->name),
		verdict_name(ruleset->default_verdict));
	fputs(ruleset->n_rules > ruleset->n_protect || ruleset->n_anchors ? "    rules:\n"
									  : "    rules: []\n",
	      stream);
	for (size_t i = ruleset->n_protect; i < ruleset->n_rules && !r; i++) {
		const struct rule *rule = &ruleset->rules[i];

		print_anchors(ruleset, i, stream);
		fprintf(stream, "      - name: %s\n", WORD(rule->name));
		r = print_match(policy, rule, stream);
		if (!r)
			r = print_actions(policy, rule, stream);
		if (rule->shadow)
			fputs("        shadow: true\n", stream);
		print_expiry(8, &rule->expiry, stream);
		if (lists)
			print_notes(8, &rule->notes, stream);
	}
	print_anchors(ruleset, ruleset->n_rules, stream);
	return r;
}

/* --- protect ------------------------------------------------------------------------------ */

static const struct rule *find_protected(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->n_protect; i++)
		if (!strcmp(ruleset->rules[i].name, name))
			return &ruleset->rules[i];
	return NULL;
}

/* The entry whose first rule this is. */
static int print_bgp(const struct policy *policy, const struct ruleset *ruleset,
		     const struct rule *rule, FILE *stream)
{
	const struct scalar_match *ttl = &rule->scalar[FIELD_TTL];
	char bfd[2 * NAME_LEN];

	snprintf(bfd, sizeof(bfd), "%s-bfd", rule->name);
	fprintf(stream, "    - bfd: %s\n", find_protected(ruleset, bfd) ? "true" : "false");
	if (ttl->present)
		fprintf(stream, "      gtsm: {hops: %u}\n", 256 - ttl->ranges[0].first);
	else
		fputs("      gtsm: false\n", stream);
	return print_address(policy, 6, "peers", &rule->address[ADDRESS_SRC], stream);
}

int print_protect(const struct policy *policy, FILE *stream)
{
	const struct ruleset *ruleset = &policy->rulesets[0];
	struct items links = { 0 };
	unsigned int n_bgp = 0;
	char name[NAME_LEN];
	const struct rule *rule;
	int r = 0;

	if (!policy->n_rulesets || !ruleset->n_protect)
		return 0;
	fputs("protect:\n", stream);
	for (size_t i = 0; i < ruleset->n_protect; i++) {
		const char *word = ruleset->rules[i].name + strlen(PROTECT);

		if (word_find(protected_words, word))
			items_add(&links, "%s", word);
	}
	if (links.n || links.failed)
		r = print_items(stream, 2, "link", false, &links);
	for (;;) {
		snprintf(name, sizeof(name), PROTECT "bgp-%u", n_bgp + 1);
		rule = find_protected(ruleset, name);
		if (!rule || r < 0)
			return r;
		if (!n_bgp++)
			fputs("  bgp:\n", stream);
		r = print_bgp(policy, ruleset, rule, stream);
	}
}
