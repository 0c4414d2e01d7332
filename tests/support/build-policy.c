/* SPDX-License-Identifier: GPL-2.0-only */
/* build-policy.c: policies made in memory, see build-policy.h. */
#include "build-policy.h"

#include <arpa/inet.h>
#include <string.h>

#include "util.h"

static void *must(void *pointer)
{
	if (!pointer) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return pointer;
}

/* Room for one more element: in steps of powers of two, found from the number alone. */
static void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	array = must(reallocarray(array, n ? 2 * n : 1, size));
	return array;
}

#define APPEND(array, n)                                                                           \
	({                                                                                         \
		(array) = grow((array), (n), sizeof(*(array)));                                    \
		memset(&(array)[(n)], 0, sizeof(*(array)));                                        \
		&(array)[(n)++];                                                                   \
	})

static void set_name(char name[NAME_LEN], const char *text)
{
	snprintf(name, NAME_LEN, "%s", text);
}

struct policy *build_policy(void)
{
	struct policy *policy = must(calloc(1, sizeof(*policy)));
	struct policy_file *file;

	policy->fate_malformed = VERDICT_DROP;
	policy->fate_fragments = VERDICT_NONE;
	policy->fate_extension = VERDICT_PASS;
	policy->fate_non_ip = VERDICT_PASS;
	file = APPEND(policy->files, policy->n_files);
	file->path = must(strdup("test.yaml"));
	return policy;
}

static void set_place(const struct policy *policy, struct place *place, size_t line)
{
	place->file = policy->files[0].path;
	place->line = (unsigned int)line + 1;
	place->column = 1;
}

uint32_t build_ruleset(struct policy *policy, const char *name, enum verdict default_verdict)
{
	struct ruleset *ruleset = APPEND(policy->rulesets, policy->n_rulesets);

	set_name(ruleset->name, name);
	set_place(policy, &ruleset->place, policy->n_rulesets);
	ruleset->default_verdict = default_verdict;
	return (uint32_t)policy->n_rulesets - 1;
}

uint32_t build_interface(struct policy *policy, const char *name, uint32_t ruleset)
{
	struct interface *interface = APPEND(policy->interfaces, policy->n_interfaces);

	set_name(interface->name, name);
	set_place(policy, &interface->place, policy->n_interfaces);
	snprintf(interface->port, sizeof(interface->port), "port%zu", policy->n_interfaces);
	interface->ruleset = ruleset;
	return (uint32_t)policy->n_interfaces - 1;
}

uint32_t build_set(struct policy *policy, const char *name)
{
	struct prefix_set *set = APPEND(policy->sets, policy->n_sets);

	set_name(set->name, name);
	set_place(policy, &set->place, policy->n_sets);
	return (uint32_t)policy->n_sets - 1;
}

uint32_t build_live_set(struct policy *policy, const char *name)
{
	struct live_set *set = APPEND(policy->live_sets, policy->n_live_sets);

	set_name(set->name, name);
	set_place(policy, &set->place, policy->n_live_sets);
	set->size = 64000;
	set->widest[FAMILY_V4] = 8;
	set->widest[FAMILY_V6] = 16;
	return (uint32_t)policy->n_live_sets - 1;
}

void build_prefix_v4(struct policy *policy, uint32_t set, uint32_t addr, uint8_t len)
{
	struct prefix_set *s = &policy->sets[set];
	struct prefix_v4 *prefix = APPEND(s->v4, s->n_v4);

	prefix->addr = len ? addr & 0xffffffffU << (32 - len) : 0;
	prefix->len = len;
}

void build_prefix_v6(struct policy *policy, uint32_t set, uint64_t hi, uint64_t lo, uint8_t len)
{
	struct prefix_set *s = &policy->sets[set];
	struct prefix_v6 *prefix = APPEND(s->v6, s->n_v6);

	prefix->len = len;
	if (len > 64) {
		prefix->hi = hi;
		prefix->lo = lo & ~0ULL << (128 - len);
	} else if (len > 0) {
		prefix->hi = hi & ~0ULL << (64 - len);
	}
}

static uint64_t be64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

void build_prefix(struct policy *policy, uint32_t set, const char *text)
{
	char address[64];
	uint8_t bytes[16];
	const char *slash = strchr(text, '/');
	int len = slash ? atoi(slash + 1) : -1;

	snprintf(address, sizeof(address), "%.*s", slash ? (int)(slash - text) : 63, text);
	if (inet_pton(AF_INET, address, bytes) == 1) {
		uint32_t addr = (uint32_t)(be64(bytes) >> 32);

		build_prefix_v4(policy, set, addr, (uint8_t)(len < 0 ? 32 : len));
	} else if (inet_pton(AF_INET6, address, bytes) == 1) {
		build_prefix_v6(policy, set, be64(bytes), be64(bytes + 8),
				(uint8_t)(len < 0 ? 128 : len));
	} else {
		fprintf(stderr, "bad prefix in a test: %s\n", text);
		abort();
	}
}

struct rule *build_rule(struct policy *policy, uint32_t ruleset, const char *name,
			enum verdict verdict)
{
	struct ruleset *r = &policy->rulesets[ruleset];
	struct rule *rule = APPEND(r->rules, r->n_rules);
	struct action *action;

	set_name(rule->name, name);
	set_place(policy, &rule->place, r->n_rules);
	rule->match_text = must(strdup("match"));
	rule->action_text = must(strdup("action"));
	rule->verdict = verdict;
	action = APPEND(rule->actions, rule->n_actions);
	action->kind = verdict == VERDICT_DROP       ? ACTION_DROP
		       : verdict == VERDICT_PASS     ? ACTION_PASS
		       : verdict == VERDICT_REDIRECT ? ACTION_REDIRECT
						     : ACTION_COUNT;
	return rule;
}

void build_redirect(struct policy *policy, struct rule *rule, const char *port)
{
	struct redirect *redirect;
	size_t i;

	for (i = 0; i < policy->n_redirects; i++) {
		if (strcmp(policy->redirects[i].port, port) == 0)
			break;
	}
	if (i == policy->n_redirects) {
		redirect = APPEND(policy->redirects, policy->n_redirects);
		snprintf(redirect->port, sizeof(redirect->port), "%s", port);
		redirect->place = rule->place;
	}
	rule->redirect = (uint32_t)i;
	rule->actions[rule->n_actions - 1].redirect = (uint32_t)i;
}

void build_address(struct rule *rule, enum address_field field, uint32_t set)
{
	struct address_match *match = &rule->address[field];

	match->present = true;
	*APPEND(match->sets, match->n_sets) = set;
}

void build_live_address(struct rule *rule, enum address_field field, uint32_t live_set)
{
	struct address_match *match = &rule->address[field];

	match->present = true;
	*APPEND(match->live, match->n_live) = live_set;
}

void build_scalar(struct rule *rule, enum scalar_field field, uint32_t first, uint32_t last)
{
	struct scalar_match *match = &rule->scalar[field];

	match->present = true;
	*APPEND(match->ranges, match->n_ranges) = (struct range){ first, last };
}

void build_mac(struct rule *rule, enum mac_field field, const uint8_t mac[MAC_BYTES])
{
	struct mac_match *match = &rule->mac[field];
	size_t at = 0;

	match->present = true;
	while (at < match->n_macs && memcmp(match->macs[at], mac, MAC_BYTES) < 0)
		at++;
	if (at < match->n_macs && memcmp(match->macs[at], mac, MAC_BYTES) == 0)
		return;
	(void)APPEND(match->macs, match->n_macs);
	memmove(match->macs + at + 1, match->macs + at,
		(match->n_macs - 1 - at) * sizeof(*match->macs));
	memcpy(match->macs[at], mac, MAC_BYTES);
}

void build_on_interface(struct rule *rule, uint32_t interface)
{
	struct interface_match *match = &rule->interface;

	match->present = true;
	*APPEND(match->interfaces, match->n_interfaces) = interface;
}

/* --- printing ----------------------------------------------------------------------------- */

static const char *verdict_text(enum verdict verdict)
{
	const char *name = verdict_name(verdict);

	return name ? name : "match";
}

static void print_set(const struct prefix_set *set, FILE *stream)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < set->n_v4; i++) {
		struct in_addr address = { htonl(set->v4[i].addr) };

		inet_ntop(AF_INET, &address, text, sizeof(text));
		fprintf(stream, " %s/%u", text, set->v4[i].len);
	}
	for (size_t i = 0; i < set->n_v6; i++) {
		uint32_t words[] = { htonl((uint32_t)(set->v6[i].hi >> 32)),
				     htonl((uint32_t)set->v6[i].hi),
				     htonl((uint32_t)(set->v6[i].lo >> 32)),
				     htonl((uint32_t)set->v6[i].lo) };

		inet_ntop(AF_INET6, words, text, sizeof(text));
		fprintf(stream, " %s/%u", text, set->v6[i].len);
	}
}

static void print_macs(const struct rule *rule, FILE *stream)
{
	for (size_t f = 0; f < N_MAC_FIELDS; f++) {
		const struct mac_match *match = &rule->mac[f];

		if (!match->present)
			continue;
		fprintf(stream, " %s %s[", f == MAC_SRC ? "src-mac" : "dst-mac",
			match->negated ? "not " : "");
		for (size_t i = 0; i < match->n_macs; i++) {
			for (int j = 0; j < MAC_BYTES; j++)
				fprintf(stream, "%s%02x",
					j   ? ":"
					: i ? " "
					    : "",
					match->macs[i][j]);
		}
		fputs("]", stream);
	}
}

static void print_rule(const struct rule *rule, size_t index, FILE *stream)
{
	fprintf(stream, "    %zu %s:", index, rule->name);
	for (size_t f = 0; f < N_ADDRESS_FIELDS; f++) {
		const struct address_match *match = &rule->address[f];

		if (!match->present)
			continue;
		fprintf(stream, " %s %s[", f == ADDRESS_SRC ? "src" : "dst",
			match->negated ? "not " : "");
		for (size_t i = 0; i < match->n_sets; i++)
			fprintf(stream, "%s$%u", i ? " " : "", match->sets[i]);
		for (size_t i = 0; i < match->n_live; i++)
			fprintf(stream, "%s$live-%u", i || match->n_sets ? " " : "",
				match->live[i]);
		fputs("]", stream);
	}
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
		const struct scalar_match *match = &rule->scalar[f];

		if (!match->present)
			continue;
		fprintf(stream, " %s %s[", scalar_field_name(f), match->negated ? "not " : "");
		for (size_t i = 0; i < match->n_ranges; i++) {
			fprintf(stream, "%s%u-%u", i ? " " : "", match->ranges[i].first,
				match->ranges[i].last);
		}
		fputs("]", stream);
	}
	print_macs(rule, stream);
	if (rule->interface.present) {
		fprintf(stream, " interface %s[", rule->interface.negated ? "not " : "");
		for (size_t i = 0; i < rule->interface.n_interfaces; i++)
			fprintf(stream, "%s%u", i ? " " : "", rule->interface.interfaces[i]);
		fputs("]", stream);
	}
	fprintf(stream, " -> %s%s%s\n",
		rule->verdict == VERDICT_NONE ? "count" : verdict_text(rule->verdict),
		rule->shadow ? " (shadow)" : "", rule->expiry.past ? " (expired)" : "");
}

void print_policy(const struct policy *policy, FILE *stream)
{
	fprintf(stream, "fate: malformed %s, fragments %s, unknown-extension %s, non-ip %s\n",
		verdict_text(policy->fate_malformed), verdict_text(policy->fate_fragments),
		verdict_text(policy->fate_extension), verdict_text(policy->fate_non_ip));
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		fprintf(stream, "interface %zu %s: policy %u\n", i, policy->interfaces[i].name,
			policy->interfaces[i].ruleset);
	}
	for (size_t i = 0; i < policy->n_sets; i++) {
		fprintf(stream, "set $%zu:", i);
		print_set(&policy->sets[i], stream);
		fputs("\n", stream);
	}
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		const struct ruleset *ruleset = &policy->rulesets[i];

		fprintf(stream, "policy %zu %s: default %s\n", i, ruleset->name,
			verdict_text(ruleset->default_verdict));
		for (size_t j = 0; j < ruleset->n_rules; j++)
			print_rule(&ruleset->rules[j], j, stream);
		if (ruleset->n_protect)
			fprintf(stream, "    rules below %zu come ahead of the fates\n",
				ruleset->n_protect);
	}
}
