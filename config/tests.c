/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tests.c: the tests of a policy: the keys of each, and what it expects. Interfaces, policies and
 * rules have been read when these are.
 */
#include "tests.h"

#include <string.h>

#include "policy_tests.h"
#include "prefix.h"
#include "util.h"

#define MAX_SOURCE 512 /* bytes of a line that are kept for messages */

const struct node *test_field(const struct test_draft *draft, const char *key)
{
	return draft->fields[schema_find(&schema_test, key) - schema_test.keys];
}

static void note_field(struct test_draft *draft, const struct key_schema *key,
		       const struct node *value)
{
	draft->fields[key - schema_test.keys] = value;
}

/* --- keys -------------------------------------------------------------------------------- */

int parse_test_interface(struct loader *loader, const struct node *value,
			 const struct key_schema *key, void *target)
{
	struct test_draft *draft = target;
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (!r)
		r = name_resolve(loader, value, value->text, &loader->interface_names, "interface",
				 &draft->test->interface);
	if (!r)
		note_field(draft, key, value);
	return r;
}

static void put_be64(uint8_t *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* key->arg is the enum address_field. */
int parse_test_address(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	struct test_draft *draft = target;
	uint8_t *address = draft->test->packet.address[key->arg];
	struct prefix prefix;
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (!r && value->text[0] == '$')
		r = node_error(loader, value, "a packet has one address, not a set");
	if (!r)
		r = prefix_read(loader, value, &prefix);
	if (r < 0)
		return r;
	if (prefix.family == FAMILY_V4 ? prefix.v4.len < 32 : prefix.v6.len < 128)
		return node_error(loader, value, "a packet has one address, not a prefix");
	if (prefix.family == FAMILY_V4) {
		put_be64(address, (uint64_t)prefix.v4.addr << 32);
	} else {
		put_be64(address, prefix.v6.hi);
		put_be64(address + 8, prefix.v6.lo);
	}
	draft->families[key->arg] = prefix.family;
	note_field(draft, key, value);
	return 0;
}

/* key->arg is the enum scalar_field, here and below. */
int parse_test_scalar(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	struct test_draft *draft = target;
	int r = scalar_value_parse(loader, value, key, &draft->test->packet.scalar[key->arg]);

	if (!r)
		note_field(draft, key, value);
	return r;
}

int parse_test_flags(struct loader *loader, const struct node *value, const struct key_schema *key,
		     void *target)
{
	struct test_draft *draft = target;
	int r = flags_value_parse(loader, value, &draft->test->packet.scalar[key->arg]);

	if (!r)
		note_field(draft, key, value);
	return r;
}

int parse_test_icmp(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct test_draft *draft = target;
	int r = icmp_value_parse(loader, value, key, draft->icmp);

	if (!r)
		note_field(draft, key, value);
	return r;
}

static int parse_word_value(struct loader *loader, const struct node *value,
			    const struct key_schema *key, const struct word *words,
			    struct test_draft *draft)
{
	int r = word_parse(loader, value, words, key->form, &draft->test->packet.scalar[key->arg]);

	if (!r)
		note_field(draft, key, value);
	return r;
}

int parse_test_fragment(struct loader *loader, const struct node *value,
			const struct key_schema *key, void *target)
{
	return parse_word_value(loader, value, key, fragment_words, target);
}

int parse_test_ip_options(struct loader *loader, const struct node *value,
			  const struct key_schema *key, void *target)
{
	return parse_word_value(loader, value, key, ip_options_words, target);
}

/* key->arg is the enum mac_field. */
int parse_test_mac(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct test_draft *draft = target;
	int r;

	if (value->kind == NODE_SCALAR && value->text[0] == '$')
		return node_error(loader, value, "a packet has one MAC address, not a set");
	r = mac_read(loader, value, key->form, draft->test->packet.mac[key->arg]);
	if (!r)
		note_field(draft, key, value);
	return r;
}

/* --- expect ------------------------------------------------------------------------------ */

static int refuse_verdict(struct loader *loader, const struct node *value, const char *word)
{
	const struct key_schema *near = schema_suggest(&schema_action, word);
	char buffer[64];

	return node_error(loader, value,
			  near ? "expected drop, pass or redirect, alone or with what decides, as "
				 "in drop/RULE or pass/default, found %s; did you mean '%s'?"
			       : "expected drop, pass or redirect, alone or with what decides, as "
				 "in drop/RULE or pass/default, found %s",
			  node_describe(value, buffer, sizeof(buffer)), near ? near->name : "");
}

/* VERDICT, and what stands behind the slash, if there is one. */
int parse_test_expect(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	struct test_draft *draft = target;
	char word[NAME_LEN];
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (r < 0)
		return r;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(value->text, "/"), value->text);
	for (unsigned int verdict = 0; verdict < N_VERDICTS; verdict++) {
		if (strcmp(word, verdict_name(verdict)) != 0)
			continue;
		draft->test->verdict = (enum verdict)verdict;
		note_field(draft, key, value);
		return 0;
	}
	return refuse_verdict(loader, value, word);
}

/* The policy that judges where the packet arrives; NULL: an error was or will be reported. */
static const struct ruleset *find_ruleset(const struct loader *loader,
					  const struct test_draft *draft)
{
	const struct node *name = loader->policy_names[draft->test->interface];
	long position = name ? name_index_find(&loader->ruleset_names, name->text) : -1;

	if (position < 0 || (size_t)position >= loader->policy->n_rulesets)
		return NULL;
	return &loader->policy->rulesets[position];
}

static int refuse_decider(struct loader *loader, const struct node *value, const char *name,
			  const struct ruleset *ruleset)
{
	struct name_index names = { 0 };
	const char *nearest = NULL;
	int r = 0;

	for (size_t i = 0; i < ruleset->n_rules && !r && !is_quiet(loader); i++)
		if (name_index_find(&names, ruleset->rules[i].name) < 0)
			r = name_index_add(&names, ruleset->rules[i].name);
	for (unsigned int i = 0; i < N_REASONS && !r; i++)
		if (name_index_find(&names, reason_name(i)) < 0)
			r = name_index_add(&names, reason_name(i));
	if (!r)
		nearest = name_suggest(loader, name, &names);
	if (r < 0)
		;
	else if (nearest)
		r = node_error(loader, value,
			       "policy '%s' has no rule '%.63s', nor is that a reason; did you "
			       "mean '%s'?",
			       ruleset->name, name, nearest);
	else
		r = node_error(loader, value,
			       "policy '%s' has no rule '%.63s', nor is that a reason",
			       ruleset->name, name);
	name_index_done(&names);
	return r;
}

static int resolve_rule(struct loader *loader, const struct node *value,
			const struct ruleset *ruleset, size_t index, struct policy_test *test)
{
	if (ruleset->rules[index].verdict == VERDICT_NONE)
		return node_error(loader, value,
				  "rule '%s' only counts, so it never decides; expect what decides "
				  "behind it",
				  ruleset->rules[index].name);
	test->rule = (uint32_t)index;
	return 0;
}

/* What decides: a rule, or else a reason. */
static int resolve_decider(struct loader *loader, struct test_draft *draft)
{
	const struct node *value = test_field(draft, "expect");
	const char *slash = strchr(value->text, '/');
	const struct ruleset *ruleset = find_ruleset(loader, draft);

	if (!slash || !ruleset)
		return 0;
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (!strcmp(ruleset->rules[i].name, slash + 1))
			return resolve_rule(loader, value, ruleset, i, draft->test);
	for (unsigned int reason = 0; reason < N_REASONS; reason++) {
		if (strcmp(reason_name(reason), slash + 1) != 0)
			continue;
		if (reason == REASON_REDIRECT_FAILED)
			return node_error(loader, value,
					  "whether a device is there is not the policy's to tell; "
					  "write redirect/RULE");
		draft->test->reason = (enum reason)reason;
		return 0;
	}
	return refuse_decider(loader, value, slash + 1, ruleset);
}

/* --- tests ------------------------------------------------------------------------------- */

static int note_place(struct loader *loader, const struct node *node, struct policy_test *test)
{
	struct diag_place place = source_place(node->source, node->offset, node->width);

	test->place = node_place(loader, node);
	test->width = place.width;
	if (place.source_len > MAX_SOURCE)
		return 0;
	test->source = strndup(place.source, place.source_len);
	return test->source ? 0 : -ENOMEM;
}

/* Which packets an interface judges at all. */
int test_check_vlan(struct loader *loader, struct test_draft *draft)
{
	const struct interface *interface = &loader->policy->interfaces[draft->test->interface];
	const struct node *written = test_field(draft, "vlan");
	uint32_t *vlan = &draft->test->packet.scalar[FIELD_VLAN];

	if (!interface->vlan)
		return 0;
	if (written && *vlan != interface->vlan)
		return node_error(loader, written,
				  "interface '%s' judges VLAN %u only; leave 'vlan' out, or name "
				  "the interface that this packet is for",
				  interface->name, interface->vlan);
	*vlan = interface->vlan;
	return 0;
}

static int parse_test(struct loader *loader, const struct node *node)
{
	struct policy *policy = loader->policy;
	struct test_draft draft = { .node = node };
	int r;

	if (array_reserve((void **)&policy->tests, &loader->tests_capacity, policy->n_tests + 1,
			  sizeof(*policy->tests)) < 0)
		return -ENOMEM;
	draft.test = &policy->tests[policy->n_tests++];
	*draft.test = (struct policy_test){ .reason = REASON_NONE, .rule = TEST_ANY_RULE };
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		draft.test->packet.scalar[i] = TEST_ABSENT;
	r = note_place(loader, node, draft.test);
	if (!r)
		r = node_expect(loader, node, NODE_MAPPING,
				"a test such as {in: NAME, src: ADDRESS, expect: drop}");
	if (!r)
		r = mapping_parse(loader, node, &schema_test, &draft);
	if (!r)
		r = test_check_vlan(loader, &draft);
	if (!r)
		r = test_packet_finish(loader, &draft);
	if (!r)
		r = resolve_decider(loader, &draft);
	return r;
}

int parse_tests(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	int r = node_expect(loader, value, NODE_LIST, key->form);

	if (r < 0)
		return r;
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next) {
		if (loader->policy->n_tests == CONFIG_MAX_TESTS)
			return node_error(loader, item, "more than %d tests", CONFIG_MAX_TESTS);
		r = worse(r, parse_test(loader, item));
	}
	return r;
}
