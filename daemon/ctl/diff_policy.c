/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diff_policy.c: settings, interfaces, policies and their rules, by name. A rule has moved if it is
 * not among the longest sequence of rules that both have in the same order.
 */
#include <stdarg.h>
#include <string.h>

#include "diff.h"
#include "util.h"

void change_add(struct changes *changes, char mark, const char *what, const char *name,
		char *detail)
{
	char *copy = strdup(name);

	if (!copy || array_reserve((void **)&changes->items, &changes->capacity, changes->n + 1,
				   sizeof(*changes->items)) < 0) {
		free(copy);
		free(detail);
		changes->failed = true;
		return;
	}
	changes->items[changes->n++] = (struct change){ mark, what, copy, detail };
}

void changes_done(struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		free(changes->items[i].name);
		free(changes->items[i].detail);
	}
	free(changes->items);
	*changes = (struct changes){ 0 };
}

char *change_text(const char *format, ...)
{
	char *text;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	return r < 0 ? NULL : text;
}

/* --- settings, interfaces ----------------------------------------------------------------- */

static const char *word(enum verdict verdict)
{
	return verdict == VERDICT_NONE ? "match" : verdict_name(verdict);
}

static void diff_verdict(const char *what, const char *name, enum verdict before,
			 enum verdict after, struct changes *changes)
{
	if (before != after)
		change_add(changes, '~', what, name,
			   change_text("%s, %s before", word(after), word(before)));
}

static const struct interface *interface_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_interfaces; i++)
		if (strcmp(policy->interfaces[i].name, name) == 0)
			return &policy->interfaces[i];
	return NULL;
}

static char *describe_interface(const struct policy *policy, const struct interface *interface)
{
	char vlan[32] = "";

	if (interface->vlan)
		snprintf(vlan, sizeof(vlan), ", vlan %u", interface->vlan);
	return change_text("port %s%s, policy %s, %s%s%s", interface->port, vlan,
			   policy->rulesets[interface->ruleset].name,
			   interface->mode == ATTACH_NATIVE ? "native" : "generic",
			   interface->required ? ", required" : "", interface->fix ? ", fix" : "");
}

static void diff_interfaces(const struct policy *before, const struct policy *after,
			    struct changes *changes)
{
	for (size_t i = 0; i < before->n_interfaces; i++)
		if (!interface_find(after, before->interfaces[i].name))
			change_add(changes, '-', "interface", before->interfaces[i].name,
				   describe_interface(before, &before->interfaces[i]));
	for (size_t i = 0; i < after->n_interfaces; i++) {
		const struct interface *interface = &after->interfaces[i];
		const struct interface *old = interface_find(before, interface->name);
		_cleanup_free_ char *was = old ? describe_interface(before, old) : NULL;
		_cleanup_free_ char *is = describe_interface(after, interface);

		if (!is || (old && !was))
			changes->failed = true;
		else if (!old)
			change_add(changes, '+', "interface", interface->name, TAKE_PTR(is));
		else if (strcmp(was, is) != 0)
			change_add(changes, '~', "interface", interface->name,
				   change_text("%s; before: %s", is, was));
	}
}

/* --- rules -------------------------------------------------------------------------------- */

static bool same_scalar(const struct scalar_match *a, const struct scalar_match *b)
{
	return a->present == b->present && a->negated == b->negated && a->n_ranges == b->n_ranges &&
	       (!a->n_ranges ||
		memcmp(a->ranges, b->ranges, a->n_ranges * sizeof(*a->ranges)) == 0);
}

static bool same_macs(const struct mac_match *a, const struct mac_match *b)
{
	return a->present == b->present && a->negated == b->negated && a->n_macs == b->n_macs &&
	       (!a->n_macs || memcmp(a->macs, b->macs, a->n_macs * sizeof(*a->macs)) == 0);
}

/* The prefixes that stand in the rule itself; NULL: none do. */
static const struct prefix_set *literals(const struct policy *policy,
					 const struct address_match *match)
{
	for (size_t i = 0; i < match->n_sets; i++)
		if (!*policy->sets[match->sets[i]].name)
			return &policy->sets[match->sets[i]];
	return NULL;
}

static bool same_literals(const struct prefix_set *a, const struct prefix_set *b)
{
	return a && b ? same_prefixes(a, b) : a == b;
}

/* The text says all but what is too long for it. */
bool same_rule(const struct policy *a, const struct rule *rule_a, const struct policy *b,
	       const struct rule *rule_b)
{
	if (strcmp(rule_a->match_text, rule_b->match_text) != 0 ||
	    strcmp(rule_a->action_text, rule_b->action_text) != 0 ||
	    rule_a->shadow != rule_b->shadow || rule_a->expiry.at != rule_b->expiry.at)
		return false;
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		if (!same_scalar(&rule_a->scalar[f], &rule_b->scalar[f]))
			return false;
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++)
		if (!same_macs(&rule_a->mac[f], &rule_b->mac[f]))
			return false;
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
		if (!same_literals(literals(a, &rule_a->address[f]),
				   literals(b, &rule_b->address[f])))
			return false;
	return true;
}

static char *describe_rule(const struct rule *rule)
{
	return change_text("{%s} %s%s%s", rule->match_text, rule->action_text,
			   rule->shadow ? " (shadow)" : "", rule->expiry.at ? " (expires)" : "");
}

static int compare_names(const void *left, const void *right)
{
	const struct rule *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

/* Rules by name. NULL: out of memory. */
static const struct rule **index_rules(const struct ruleset *ruleset)
{
	const struct rule **index = calloc(ruleset->n_rules + 1, sizeof(*index));

	for (size_t i = 0; index && i < ruleset->n_rules; i++)
		index[i] = &ruleset->rules[i];
	if (index)
		qsort(index, ruleset->n_rules, sizeof(*index), compare_names);
	return index;
}

static const struct rule *find(const struct rule **index, size_t n, const struct rule *rule)
{
	const struct rule **found = bsearch(&rule, index, n, sizeof(*index), compare_names);

	return found ? *found : NULL;
}

/* Mark the longest ascending sequence of at[0..n): in[i]. tails and previous have room for n. */
static void longest_sequence(const size_t *at, size_t n, bool *in, size_t *tails, size_t *previous)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		size_t low = 0, high = length;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (at[tails[middle]] < at[i])
				low = middle + 1;
			else
				high = middle;
		}
		previous[i] = low ? tails[low - 1] : n;
		tails[low] = i;
		length += low == length;
	}
	for (size_t i = length ? tails[length - 1] : n; i < n; i = previous[i])
		in[i] = true;
}

static void note_moves(const struct ruleset *before, const struct ruleset *after,
		       const struct rule **index, struct changes *changes)
{
	size_t n = 0, *at = calloc(4 * (after->n_rules + 1), sizeof(*at));
	bool *in = calloc(after->n_rules + 1, sizeof(*in));
	size_t *tails = at + after->n_rules + 1, *previous = tails + after->n_rules + 1;
	size_t *which = previous + after->n_rules + 1;

	for (size_t i = 0; at && in && i < after->n_rules; i++) {
		const struct rule *old = find(index, before->n_rules, &after->rules[i]);

		if (!old)
			continue;
		at[n] = (size_t)(old - before->rules);
		which[n++] = i;
	}
	if (at && in)
		longest_sequence(at, n, in, tails, previous);
	else
		changes->failed = true;
	for (size_t i = 0; at && in && i < n; i++) {
		size_t place = which[i];
		_cleanup_free_ char *name = NULL;

		if (in[i])
			continue;
		name = change_text("%s/%s", after->name, after->rules[place].name);
		change_add(changes, '>', "rule", name ? name : "",
			   place ? change_text("now behind %s", after->rules[place - 1].name)
				 : change_text("now the first"));
	}
	free(at);
	free(in);
}

static void note_rule(struct changes *changes, char mark, const struct ruleset *ruleset,
		      const struct rule *rule, char *detail)
{
	_cleanup_free_ char *name = change_text("%s/%s", ruleset->name, rule->name);

	change_add(changes, mark, "rule", name ? name : rule->name, detail);
}

static void diff_rules(const struct policy *before, const struct ruleset *old,
		       const struct policy *after, const struct ruleset *new,
		       struct changes *changes)
{
	const struct rule **old_index = index_rules(old), **new_index = index_rules(new);

	for (size_t i = 0; old_index && new_index && i < old->n_rules; i++)
		if (!find(new_index, new->n_rules, &old->rules[i]))
			note_rule(changes, '-', old, &old->rules[i], describe_rule(&old->rules[i]));
	for (size_t i = 0; old_index && new_index && i < new->n_rules; i++) {
		const struct rule *rule = &new->rules[i];
		const struct rule *was = find(old_index, old->n_rules, rule);
		_cleanup_free_ char *text = was ? describe_rule(was) : NULL;
		_cleanup_free_ char *now = describe_rule(rule);

		if (!was)
			note_rule(changes, '+', new, rule, TAKE_PTR(now));
		else if (!same_rule(before, was, after, rule))
			note_rule(
				changes, '~', new, rule,
				change_text("%s; before: %s", now ? now : "?", text ? text : "?"));
	}
	if (old_index && new_index)
		note_moves(old, new, old_index, changes);
	else
		changes->failed = true;
	free(old_index);
	free(new_index);
}

const struct ruleset *ruleset_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_rulesets; i++)
		if (strcmp(policy->rulesets[i].name, name) == 0)
			return &policy->rulesets[i];
	return NULL;
}

const struct rule *rule_find(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (strcmp(ruleset->rules[i].name, name) == 0)
			return &ruleset->rules[i];
	return NULL;
}

static void diff_rulesets(const struct policy *before, const struct policy *after,
			  struct changes *changes)
{
	for (size_t i = 0; i < before->n_rulesets; i++)
		if (!ruleset_find(after, before->rulesets[i].name))
			change_add(changes, '-', "policy", before->rulesets[i].name,
				   change_text("%zu rules", before->rulesets[i].n_rules));
	for (size_t i = 0; i < after->n_rulesets; i++) {
		const struct ruleset *ruleset = &after->rulesets[i];
		const struct ruleset *old = ruleset_find(before, ruleset->name);

		if (!old) {
			change_add(changes, '+', "policy", ruleset->name,
				   change_text("%zu rules", ruleset->n_rules));
			continue;
		}
		diff_verdict("default of policy", ruleset->name, old->default_verdict,
			     ruleset->default_verdict, changes);
		diff_rules(before, old, after, ruleset, changes);
	}
}

void diff_policies(const struct policy *before, const struct policy *after, struct changes *changes)
{
	diff_verdict("fate", "malformed", before->fate_malformed, after->fate_malformed, changes);
	diff_verdict("fate", "fragments", before->fate_fragments, after->fate_fragments, changes);
	diff_verdict("fate", "unknown-extension", before->fate_extension, after->fate_extension,
		     changes);
	diff_verdict("fate", "non-ip", before->fate_non_ip, after->fate_non_ip, changes);
	if (before->guard != after->guard)
		change_add(changes, '~', "setting", "guard",
			   change_text("%s, %s before", guard_level_name(after->guard),
				       guard_level_name(before->guard)));
	if (before->fail_closed != after->fail_closed)
		change_add(changes, '~', "setting", "fail",
			   change_text("%s", after->fail_closed ? "closed, open before"
								: "open, closed before"));
	diff_interfaces(before, after, changes);
	diff_rulesets(before, after, changes);
	diff_sets(before, after, changes);
}
