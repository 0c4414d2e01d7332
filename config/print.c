/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * print.c: the normalised policy as YAML: sets resolved, every value whole, every default said.
 * What is printed loads to a policy with the same tables, byte by byte; and printed again it is
 * the same text.
 */
#include "print.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "config.h"
#include "loader.h"
#include "policy_tests.h"
#include "util.h"

#define MAX_IN_LINE 8 /* more values stand one on each line */

/* --- YAML -------------------------------------------------------------------------------- */

void items_add(struct items *items, const char *format, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		items->failed = true;
		return;
	}
	if (array_reserve((void **)&items->items, &items->capacity, items->n + 1,
			  sizeof(*items->items)) < 0) {
		items->failed = true;
		free(text);
		return;
	}
	items->items[items->n++] = text;
}

void items_done(struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		free(items->items[i]);
	free(items->items);
	*items = (struct items){ 0 };
}

/* Words that are no texts to other readers of YAML. */
static bool has_meaning(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
					     "off",  "null",  "y",   "n" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

/* A number to some reader: with one point at most, or, with colons, in base 60. */
static bool is_number(const char *text)
{
	const char *point = strchr(text, '.');

	return text[0] >= '0' && text[0] <= '9' && !text[strspn(text, "0123456789:_.eExX+-")] &&
	       !(point && strchr(point + 1, '.'));
}

/* Is it a text to all readers of YAML, without quotes, in brackets too? */
static bool is_plain(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const char more[] = "0123456789_.-/:$";
	size_t len = strlen(text);

	if (!len || has_meaning(text) || is_number(text) || text[len - 1] == ':')
		return false;
	if (!strchr(letters, text[0]) && !strchr("0123456789$_:", text[0]))
		return false;
	for (const char *p = text; *p; p++)
		if (!strchr(letters, *p) && !strchr(more, *p))
			return false;
	return text[0] != ':' || text[1] == ':';
}

const char *yaml_word(const char *text, char *buffer)
{
	char *out = buffer;

	if (is_plain(text)) {
		strcpy(buffer, text);
		return buffer;
	}
	*out++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	strcpy(out, "\"");
	return buffer;
}

#define WORD(text) yaml_word(text, (char[YAML_TEXT(sizeof(text))]){ 0 })

/* "key: value", "key: [value, value]" or a list below it. 0 or -ENOMEM; the items are done with. */
static int print_items(FILE *stream, int indent, const char *key, bool negated, struct items *items)
{
	int r = items->failed ? -ENOMEM : 0;
	const char *open = items->n == 1 ? "" : "[", *close = items->n == 1 ? "" : "]";

	if (items->n <= MAX_IN_LINE) {
		fprintf(stream, "%*s%s: %s%s", indent, "", key, negated ? "{not: " : "", open);
		for (size_t i = 0; i < items->n; i++)
			fprintf(stream, "%s%s", i ? ", " : "", items->items[i]);
		fprintf(stream, "%s%s\n", close, negated ? "}" : "");
	} else {
		fprintf(stream, "%*s%s:\n", indent, "", key);
		if (negated)
			fprintf(stream, "%*snot:\n", indent += 2, "");
		for (size_t i = 0; i < items->n; i++)
			fprintf(stream, "%*s- %s\n", indent + 2, "", items->items[i]);
	}
	items_done(items);
	return r;
}

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

/* A moment as the loader reads it. */
static void print_expiry(int indent, const struct expiry *expiry, FILE *stream)
{
	time_t at = expiry->at;
	char text[32];
	struct tm tm;

	if (!at || !gmtime_r(&at, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(stream, "%*sexpires: \"%s\"\n", indent, "", text);
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

/* Its name, one that no printed set has. */
static void empty_set_name(const struct policy *policy, char name[NAME_LEN])
{
	bool taken = true;

	for (unsigned int n = 0; taken; n++) {
		snprintf(name, NAME_LEN, n ? "no-macs-%u" : "no-macs", n);
		taken = false;
		for (size_t i = 0; i < policy->n_sets && !taken; i++)
			taken = !strcmp(policy->sets[i].name, name);
	}
}

/* It is there without being written; what it holds is where the policy is loaded. */
static bool is_self(const struct prefix_set *set)
{
	return !strcmp(set->name, "self");
}

/* Those with names: of prefixes. The others are part of the conditions that name them. */
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
		if (items.n == 1 && !items.failed) /* a list, if it is of one, too */
			fprintf(stream, "%*s%s: [%s]\n", indent, "", name, items.items[0]);
		else
			r = print_items(stream, indent, name, false, &items);
		items_done(&items);
	}
	if (!r && needs_empty_set(policy)) {
		char name[NAME_LEN];

		empty_set_name(policy, name);
		fprintf(stream, "%s  %s: {type: mac, elements: []}\n", first ? "sets:\n" : "",
			name);
	}
	return r;
}

/* --- rules -------------------------------------------------------------------------------- */

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
	_cleanup_free_ uint32_t *sets = NULL;
	struct items items = { 0 };
	size_t n;

	if (!match->present)
		return 0;
	sets = sort_indices(match->sets, match->n_sets, &n);
	items.failed = !sets;
	for (size_t i = 0; i < n; i++) {
		const struct prefix_set *set = &policy->sets[sets[i]];
		char name[NAME_LEN + 1];

		if (!set->name[0]) {
			items_add_prefixes(&items, set);
			continue;
		}
		snprintf(name, sizeof(name), "$%s", set->name);
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

static int print_ruleset(const struct policy *policy, const struct ruleset *ruleset, FILE *stream)
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

/* Every policy begins with the same rules, whose names tell what they were made from. */
static int print_protect(const struct policy *policy, FILE *stream)
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
