/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * findings.c: what common/analysis.c finds, as warnings with place, reason and remedy.
 */
#include "loader.h"

#include <string.h>

#include "analysis.h"
#include "util.h"

static const char *const whys[] = {
	[NEVER_EMPTY_SRC] =
		"its 'src' is a set that holds nothing; fill the set, or remove the rule",
	[NEVER_EMPTY_DST] =
		"its 'dst' is a set that holds nothing; fill the set, or remove the rule",
	[NEVER_FAMILIES] =
		"its 'src' and 'dst' have no family in common, and no packet has addresses "
		"of both; make a rule for each family",
	[NEVER_ETHERTYPE] =
		"'ethertype' or another field excludes the family of its addresses; leave "
		"that field out, or mend the addresses",
	[NEVER_FRAGMENT] = "it wants fragments, but 'fate' decides these ahead of all rules; say "
			   "'fragments: match' under 'fate'",
	[NEVER_EXCLUDED] =
		"one of its conditions leaves no value; fill the set that it names, or mend its 'not'",
	[NEVER_TOGETHER] = "no packet has all that it asks for; leave one of its fields out",
};

/* The name as it is written: that of a group's rule is without the group's. */
static size_t written_width(const struct rule *rule)
{
	const char *slash = rule->from_group ? strchr(rule->name, '/') : NULL;

	return strlen(slash ? slash + 1 : rule->name);
}

static const char *verdict_of(const struct rule *rule)
{
	return rule->verdict == VERDICT_NONE ? "goes on" : verdict_name(rule->verdict);
}

/* Where the other rule is, seen from this one. */
static const char *where(const struct rule *rule, const struct rule *other, char buffer[PLACE_TEXT])
{
	if (rule->place.file == other->place.file)
		snprintf(buffer, PLACE_TEXT, "on line %u", other->place.line);
	else
		snprintf(buffer, PLACE_TEXT, "at %s:%u", other->place.file, other->place.line);
	return buffer;
}

static void warn_of_shadow(struct loader *loader, const struct rule *rule, const struct rule *other)
{
	char buffer[PLACE_TEXT];
	bool alike = rule->verdict == other->verdict && !rule->shadow;

	warn_at(loader, &rule->place, written_width(rule),
		"rule '%s' never has a say: every packet that it could match is decided by rule '%s' "
		"%s (%s) before; %s",
		rule->name, other->name, where(rule, other, buffer), verdict_of(other),
		alike ? "remove it" : "put it ahead of that rule, or remove it");
}

static void warn_of_contradiction(struct loader *loader, const struct rule *rule,
				  const struct rule *other)
{
	char buffer[PLACE_TEXT];

	warn_at(loader, &rule->place, written_width(rule),
		"rule '%s' (%s) contradicts rule '%s' %s (%s), which has the same condition and "
		"comes first, so this one never has a say; remove one of them",
		rule->name, verdict_of(rule), other->name, where(rule, other, buffer),
		verdict_of(other));
}

static void warn_of_redundancy(struct loader *loader, const struct rule *rule,
			       const struct rule *other)
{
	char buffer[PLACE_TEXT];

	warn_at(loader, &rule->place, written_width(rule),
		"rule '%s' changes nothing: rule '%s' %s would %s all of its packets as well; remove "
		"it, or write 'do: [count, %s]' if it is there to count",
		rule->name, other->name, where(rule, other, buffer), verdict_of(other),
		rule->action_text);
}

static void warn_of_no_way_in(struct loader *loader, const struct ruleset *ruleset)
{
	warn_at(loader, &ruleset->place, strlen(ruleset->name),
		"policy '%s' drops by default, and on no interface does a rule pass new TCP "
		"connections to port 22 or to $self: who manages this router through them is cut "
		"off; add a rule such as {name: ssh, match: {dst: $self, proto: tcp, dport: 22}, do: "
		"pass}",
		ruleset->name);
}

/* A group's rule is one place in several policies: the first one will do. */
static bool is_repeated(const struct policy *policy, const struct findings *findings, size_t i)
{
	const struct finding *finding = &findings->items[i];
	const struct rule *rule = &policy->rulesets[finding->ruleset].rules[finding->rule];

	for (size_t j = 0; rule->from_group && j < i; j++) {
		const struct finding *before = &findings->items[j];

		if (before->kind != FINDING_NO_WAY_IN &&
		    memcmp(&policy->rulesets[before->ruleset].rules[before->rule].place,
			   &rule->place, sizeof(rule->place)) == 0)
			return true;
	}
	return false;
}

static void warn_of(struct loader *loader, const struct finding *finding)
{
	const struct ruleset *ruleset = &loader->policy->rulesets[finding->ruleset];
	const struct rule *rule = &ruleset->rules[finding->rule];
	const struct rule *other = &ruleset->rules[finding->other];

	switch (finding->kind) {
	case FINDING_NEVER:
		if (!rule->never)
			warn_at(loader, &rule->place, written_width(rule),
				"rule '%s' never matches: %s", rule->name, whys[finding->why]);
		break;
	case FINDING_SHADOWED:
		warn_of_shadow(loader, rule, other);
		break;
	case FINDING_CONTRADICTS:
		warn_of_contradiction(loader, rule, other);
		break;
	case FINDING_REDUNDANT:
		warn_of_redundancy(loader, rule, other);
		break;
	case FINDING_NO_WAY_IN:
		warn_of_no_way_in(loader, ruleset);
		break;
	}
}

int policy_find(struct loader *loader)
{
	struct findings findings = { 0 };
	int r = 0;

	if (loader->again) /* was said when the text was new */
		return 0;
	r = analyse(loader->policy, &findings);
	for (size_t i = 0; !r && i < findings.n; i++) {
		if (loader->diags->n_warnings + loader->diags->n_errors >= DIAGS_DEFAULT_LIMIT)
			break; /* more would only be counted, and is_repeated() is slow */
		if (findings.items[i].kind == FINDING_NO_WAY_IN ||
		    !is_repeated(loader->policy, &findings, i))
			warn_of(loader, &findings.items[i]);
	}
	loader->policy->partly_analysed = findings.partial;
	findings_done(&findings);
	return r;
}
