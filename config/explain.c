/* SPDX-License-Identifier: GPL-2.0-only */
/* explain.c: what a program's trace says, in the words of the policy language; see explain.h. */
#include "explain.h"

#include <string.h>

#include "print.h"
#include "util.h"

static void put_be(uint8_t *bytes, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

/* The address as on the wire. */
static void address_bytes(const struct trace *trace, enum address_field field, uint8_t bytes[16])
{
	if (trace->family == FAMILY_V4) {
		put_be(bytes, trace->address[field][0], 4);
		return;
	}
	put_be(bytes, trace->address[field][0], 8);
	put_be(bytes + 8, trace->address[field][1], 8);
}

/* --- fields ------------------------------------------------------------------------------ */

static void packet_of_trace(const struct trace *trace, struct test_packet *ret)
{
	*ret = (struct test_packet){ .ip = trace->ip, .family = (enum family)trace->family };
	for (size_t i = 0; i < N_ADDRESS_FIELDS && trace->ip; i++)
		address_bytes(trace, i, ret->address[i]);
	for (size_t i = 0; i < N_MAC_FIELDS; i++)
		put_be(ret->mac[i], trace->mac[i], MAC_BYTES);
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		ret->scalar[i] = trace->scalar[i] ? trace->scalar[i] - 1 : TEST_ABSENT;
}

/* "key: value" without the quotes that YAML wants. */
static int add_field(struct explanation *ret, const char *item)
{
	const char *colon = strstr(item, ": ");
	struct explained_field *field = &ret->fields[ret->n_fields];
	const char *value = colon + 2;
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	ret->n_fields++;
	field->name = strndup(item, (size_t)(colon - item));
	field->value = strndup(value, len);
	return field->name && field->value ? 0 : -ENOMEM;
}

int explanation_add_fields(const struct trace *trace, struct explanation *ret)
{
	_cleanup_(items_done) struct items items = { 0 };
	bool has_macs = trace->len >= (uint32_t)N_MAC_FIELDS * MAC_BYTES;
	struct test_packet packet;
	int r = 0;

	packet_of_trace(trace, &packet);
	items_add_packet(&items, &packet);
	ret->fields = calloc(items.n + 1, sizeof(*ret->fields));
	if (items.failed || !ret->fields)
		return -ENOMEM;
	for (size_t i = 0; !r && i < items.n; i++)
		if (strstr(items.items[i], ": ") && (has_macs || !strstr(items.items[i], "-mac: ")))
			r = add_field(ret, items.items[i]);
	return r;
}

/* --- sets -------------------------------------------------------------------------------- */

struct sets {
	struct explanation *explanation;
	size_t capacity;
};

static int add_set(struct sets *sets, const char *name, const char *field, bool live)
{
	struct explanation *ret = sets->explanation;
	struct explained_set *set;

	if (array_reserve((void **)&ret->sets, &sets->capacity, ret->n_sets + 1,
			  sizeof(*ret->sets)) < 0)
		return -ENOMEM;
	set = &ret->sets[ret->n_sets++];
	*set = (struct explained_set){ .field = field, .live = live };
	memcpy(set->name, name, NAME_LEN);
	return 0;
}

static bool prefix_holds(uint64_t value, uint64_t prefix, unsigned int bits, unsigned int len)
{
	return !len || (value ^ prefix) >> (bits - len) == 0;
}

static bool set_holds(const struct prefix_set *set, const struct trace *trace,
		      enum address_field field)
{
	uint64_t hi = trace->address[field][0], lo = trace->address[field][1];

	for (size_t i = 0; trace->family == FAMILY_V4 && i < set->n_v4; i++)
		if (prefix_holds(hi, set->v4[i].addr, 32, set->v4[i].len))
			return true;
	for (size_t i = 0; trace->family == FAMILY_V6 && i < set->n_v6; i++) {
		unsigned int len = set->v6[i].len;

		if (prefix_holds(hi, set->v6[i].hi, 64, len < 64 ? len : 64) &&
		    (len <= 64 || prefix_holds(lo, set->v6[i].lo, 64, len - 64)))
			return true;
	}
	return false;
}

static int add_address_sets(struct sets *sets, const struct policy *policy,
			    const struct trace *trace, const struct oracle_live *live)
{
	static const char *const fields[] = { [ADDRESS_SRC] = "src", [ADDRESS_DST] = "dst" };
	int r = 0;

	for (size_t field = 0; field < N_ADDRESS_FIELDS && trace->ip; field++) {
		uint8_t address[16] = { 0 };

		address_bytes(trace, field, address);
		for (size_t i = 0; !r && i < policy->n_sets; i++)
			if (policy->sets[i].name[0] && set_holds(&policy->sets[i], trace, field))
				r = add_set(sets, policy->sets[i].name, fields[field], false);
		for (size_t i = 0; !r && live && i < policy->n_live_sets; i++)
			if (live->holds(live->context, i, (enum family)trace->family, address))
				r = add_set(sets, policy->live_sets[i].name, fields[field], true);
	}
	return r;
}

static int add_port_sets(struct sets *sets, const struct policy *policy, const struct trace *trace,
			 enum scalar_field field, const char *name)
{
	uint32_t port = trace->scalar[field] - 1;
	int r = 0;

	for (size_t i = 0; !r && trace->scalar[field] && i < policy->n_port_sets; i++) {
		const struct port_set *set = &policy->port_sets[i];

		for (size_t j = 0; j < set->n_ranges; j++)
			if (port >= set->ranges[j].first && port <= set->ranges[j].last) {
				r = add_set(sets, set->name, name, false);
				break;
			}
	}
	return r;
}

static int add_mac_sets(struct sets *sets, const struct policy *policy, const struct trace *trace)
{
	static const char *const fields[] = { [MAC_SRC] = "src-mac", [MAC_DST] = "dst-mac" };
	int r = 0;

	for (size_t field = 0; field < N_MAC_FIELDS; field++) {
		uint8_t mac[MAC_BYTES];

		put_be(mac, trace->mac[field], MAC_BYTES);
		for (size_t i = 0; !r && i < policy->n_mac_sets; i++)
			for (size_t j = 0; j < policy->mac_sets[i].n_macs; j++)
				if (memcmp(policy->mac_sets[i].macs[j], mac, MAC_BYTES) == 0) {
					r = add_set(sets, policy->mac_sets[i].name, fields[field],
						    false);
					break;
				}
	}
	return r;
}

static int add_sets(const struct policy *policy, const struct trace *trace,
		    const struct oracle_live *live, struct explanation *ret)
{
	struct sets sets = { .explanation = ret };
	int r = add_address_sets(&sets, policy, trace, live);

	if (!r)
		r = add_port_sets(&sets, policy, trace, FIELD_SPORT, "sport");
	if (!r)
		r = add_port_sets(&sets, policy, trace, FIELD_DPORT, "dport");
	if (!r)
		r = add_mac_sets(&sets, policy, trace);
	ret->sets_known = true;
	return r;
}

/* --- rules ------------------------------------------------------------------------------- */

static enum explained_effect effect_of(const struct rule *rule, bool decides,
				       const struct explanation *explanation)
{
	if (decides)
		return EFFECT_DECIDES;
	for (size_t i = 0; i < explanation->n_rules && rule->shadow; i++)
		if (explanation->rules[i].effect == EFFECT_WOULD)
			return EFFECT_SHADOW;
	return rule_would_decide(rule) ? EFFECT_WOULD
	       : rule->shadow          ? EFFECT_SHADOW
				       : EFFECT_COUNTS;
}

static int add_rule(const struct rule *rule, bool decides, struct explanation *ret)
{
	enum explained_effect effect = effect_of(rule, decides, ret);
	struct explained_rule *item = &ret->rules[ret->n_rules++];

	memcpy(item->name, rule->name, NAME_LEN);
	item->match = strdup(rule->match_text);
	item->action = strdup(rule->action_text);
	item->effect = effect;
	if (rule->place.file &&
	    asprintf(&item->place, "%s:%u", rule->place.file, rule->place.line) < 0)
		item->place = NULL;
	return item->match && item->action ? 0 : -ENOMEM;
}

static int add_rules(const struct policy *policy, const struct ruleset *ruleset, uint32_t first_bit,
		     const struct trace *trace, struct explanation *ret)
{
	int r = 0;

	ret->rules = calloc(ruleset->n_rules + 1, sizeof(*ret->rules));
	if (!ret->rules)
		return -ENOMEM;
	for (size_t i = 0; !r && i < ruleset->n_rules; i++) {
		uint32_t bit = first_bit + (uint32_t)i;

		if (trace->matched[bit / ROW_WORD_BITS] >> bit % ROW_WORD_BITS & 1)
			r = add_rule(&ruleset->rules[i], bit == trace->rule, ret);
	}
	if (r || trace->rule == TRACE_NO_RULE || trace->rule - first_bit >= ruleset->n_rules)
		return r;
	memcpy(ret->rule, ruleset->rules[trace->rule - first_bit].name, NAME_LEN);
	if (ruleset->rules[trace->rule - first_bit].verdict == VERDICT_REDIRECT) {
		uint32_t redirect = ruleset->rules[trace->rule - first_bit].redirect;

		ret->redirect = strdup(policy->redirects[redirect].port);
		r = ret->redirect ? 0 : -ENOMEM;
	}
	return r;
}

int explanation_make(const struct policy *policy, size_t interface, uint32_t first_bit,
		     const struct trace *trace, const struct oracle_live *live,
		     struct explanation *ret)
{
	const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];
	_cleanup_(explanation_done) struct explanation made = {
		.verdict = (enum verdict)trace->verdict,
		.reason = (enum reason)trace->reason,
	};
	int r;

	memcpy(made.interface, policy->interfaces[interface].name, NAME_LEN);
	memcpy(made.policy, ruleset->name, NAME_LEN);
	r = explanation_add_fields(trace, &made);
	if (!r)
		r = add_sets(policy, trace, live, &made);
	if (!r)
		r = add_rules(policy, ruleset, first_bit, trace, &made);
	if (r < 0)
		return r;
	*ret = made;
	made = (struct explanation){ 0 };
	return 0;
}
