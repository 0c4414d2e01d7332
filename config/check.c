/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.c: what can only be seen when more than one place is known: names that refer forward,
 * things that nothing uses, rules that can never match.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

/* Could a value between first and last hold? Ranges are sorted and merged. */
static bool may_hold(const struct scalar_match *match, uint32_t first, uint32_t last)
{
	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_ranges; i++) {
		const struct range *range = &match->ranges[i];

		if (match->negated && range->first <= first && range->last >= last)
			return false;
		if (!match->negated && range->first <= last && range->last >= first)
			return true;
	}
	return match->negated;
}

/* --- rules that never match -------------------------------------------------------------- */

/* Which protocols carry the fields of the upper header. */
static const struct carrier {
	uint8_t proto;
	const char *fields[5];
	uint32_t icmp_first, icmp_last; /* values of the field icmp that it can have */
} carriers[] = {
	{ 6, { "sport", "dport", "tcp-flags" } },
	{ 17, { "sport", "dport" } },
	{ 1, { "icmp" }, 0, 0xffff },
	{ 58, { "icmp" }, 0x10000, 0x1ffff },
};

static const char *const upper_fields[] = { "sport", "dport", "tcp-flags", "icmp" };

static bool carries(const struct carrier *carrier, const struct rule_draft *draft)
{
	for (size_t i = 0; i < ARRAY_SIZE(upper_fields); i++) {
		bool found = false;

		if (!draft_field(draft, upper_fields[i]))
			continue;
		for (const char *const *field = carrier->fields; *field && !found; field++)
			found = !strcmp(*field, upper_fields[i]);
		if (!found)
			return false;
	}
	return carrier->proto == 6 || carrier->proto == 17 ||
	       may_hold(&draft->rule->scalar[FIELD_ICMP], carrier->icmp_first, carrier->icmp_last);
}

/* The first field that only some protocols carry, or NULL. */
static const char *first_upper_field(const struct rule_draft *draft)
{
	for (size_t i = 0; i < ARRAY_SIZE(upper_fields); i++)
		if (draft_field(draft, upper_fields[i]))
			return upper_fields[i];
	return NULL;
}

static void check_protocols(struct loader *loader, const struct rule_draft *draft)
{
	const struct scalar_match *proto = &draft->rule->scalar[FIELD_PROTO];
	const char *field = first_upper_field(draft);
	bool carried = false;

	if (!field)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		if (!carries(&carriers[i], draft))
			continue;
		carried = true;
		if (scalar_match_holds(proto, carriers[i].proto))
			return;
	}
	draft->rule->never = true;
	if (carried)
		node_warning(loader, draft_field(draft, "proto")->key,
			     "this rule never matches: the protocols of 'proto' do not carry '%s'",
			     field);
	else
		node_warning(loader, draft_field(draft, field)->key,
			     "this rule never matches: no protocol carries all of its fields");
}

void rule_check(struct loader *loader, const struct rule_draft *draft)
{
	static const char *const ip_fields[] = { "src",   "dst",       "proto",    "sport",
						 "dport", "tcp-flags", "icmp",     "length",
						 "ttl",   "dscp",      "fragment", "ip-options" };
	struct rule *rule = draft->rule;
	const char *upper = first_upper_field(draft);

	check_protocols(loader, draft);
	if (upper && !may_hold(&rule->scalar[FIELD_FRAGMENT], FRAGMENT_NONE, FRAGMENT_FIRST)) {
		rule->never = true;
		node_warning(loader, draft_field(draft, upper)->key,
			     "this rule never matches: a later fragment does not carry '%s'",
			     upper);
	}
	if (scalar_match_holds(&rule->scalar[FIELD_ETHERTYPE], 0x0800) ||
	    scalar_match_holds(&rule->scalar[FIELD_ETHERTYPE], 0x86dd))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(ip_fields); i++) {
		const struct node *field = draft_field(draft, ip_fields[i]);

		if (!field)
			continue;
		rule->never = true;
		node_warning(loader, field->key,
			     "this rule never matches: only IP packets carry '%s', and 'ethertype' "
			     "excludes them",
			     ip_fields[i]);
		return;
	}
}

/* --- the whole policy -------------------------------------------------------------------- */

static int resolve_policies(struct loader *loader)
{
	struct policy *policy = loader->policy;
	int r = 0;

	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct node *name = loader->policy_names[i];

		if (name && loader->ruleset_names.n) /* else that is the error to report */
			r = worse(r, name_resolve(loader, name, name->text, &loader->ruleset_names,
						  "policy", &policy->interfaces[i].ruleset));
	}
	return r;
}

void warn_at(struct loader *loader, const struct place *place, size_t width, const char *format,
	     ...)
{
	const struct source *source = documents_source(&loader->documents, place->file);
	size_t offset = source->lines[place->line - 1] + place->column - 1;
	struct diag_place at = source_place(source, offset, width);
	va_list args;

	if (source->builtin) /* nobody needs all of it */
		return;
	va_start(args, format);
	diag_addv(loader->diags, SEVERITY_WARNING, &at, format, args);
	va_end(args);
}

/* Could a frame of the interface satisfy the condition on its VLAN? NULL: there is none. */
static bool may_have_vlan(const struct interface *interface, const struct scalar_match *vlan)
{
	return !vlan || !interface->vlan || scalar_match_holds(vlan, interface->vlan);
}

static bool is_judged_on(const struct policy *policy, size_t ruleset,
			 const struct interface_match *match, const struct scalar_match *vlan)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		bool found = !match->present;

		if (policy->interfaces[i].ruleset != ruleset ||
		    !may_have_vlan(&policy->interfaces[i], vlan))
			continue;
		for (size_t j = 0; j < match->n_interfaces && !found; j++)
			found = match->interfaces[j] == i;
		if (found != match->negated)
			return true;
	}
	return false;
}

static void check_ruleset(struct loader *loader, size_t index)
{
	const struct policy *policy = loader->policy;
	const struct ruleset *ruleset = &policy->rulesets[index];
	const struct interface_match any = { 0 };

	if (!is_judged_on(policy, index, &any, NULL)) {
		warn_at(loader, &ruleset->place, strlen(ruleset->name),
			"policy '%s' is on no interface", ruleset->name);
		return;
	}
	for (size_t i = 0; i < ruleset->n_rules; i++) {
		const struct rule *rule = &ruleset->rules[i];

		/* Groups are for several policies, each on other interfaces. */
		if (rule->interface.present && !rule->from_group &&
		    !is_judged_on(policy, index, &rule->interface, NULL))
			warn_at(loader, &rule->place, strlen(rule->name),
				"rule '%s' never matches: its policy is on none of these "
				"interfaces",
				rule->name);
		else if (!rule->from_group &&
			 !is_judged_on(policy, index, &rule->interface, &rule->scalar[FIELD_VLAN]))
			warn_at(loader, &rule->place, strlen(rule->name),
				"rule '%s' never matches: its interfaces are of other VLANs",
				rule->name);
	}
}

int policy_check(struct loader *loader, int r)
{
	const struct policy *policy = loader->policy;

	r = worse(r, resolve_policies(loader));
	if (r < 0)
		return r; /* what is used cannot be told from half a policy */
	for (size_t i = 0; i < policy->n_rulesets; i++)
		check_ruleset(loader, i);
	for (size_t i = 0; i < loader->group_names.n; i++) {
		const struct node *name = loader->groups[i].name;

		if (!loader->groups[i].used && !name->source->builtin)
			node_warning(loader, name, "no rule uses group '%s'", name->text);
	}
	for (size_t i = 0; i < loader->set_names.n; i++)
		if (!loader->named_sets[i].used)
			warn_at(loader, &loader->named_sets[i].place,
				strlen(loader->set_names.names[i]), "no rule uses set '%s'",
				loader->set_names.names[i]);
	return policy_find(loader);
}
