/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * groups.c: named lists of rules, and how the lists that policies have become their rules: `use:`
 * puts copies of a group's rules in its place, each under the name GROUP/RULE.
 *
 * A group is in a policy once, by whatever way: so that name is unique there, it tells where to
 * find the rule, and the counters that belong to it do not care through which groups it came.
 */
#include "loader.h"

#include <string.h>

#include "builtin.h"
#include "util.h"

#define MAX_ANCHORS 64                 /* of one policy */
#define MAX_COPIED_BYTES (256UL << 20) /* of rules that groups bring */

/* --- groups ------------------------------------------------------------------------------ */

static int parse_group(struct loader *loader, const struct node *value)
{
	struct group *group = &loader->groups[loader->group_names.n - 1];
	int r;

	*group = (struct group){ .name = value->key, .rules.group = value->key->text };
	if (!strcmp(value->key->text, "protect")) {
		group->bad = true;
		return node_error(loader, value->key,
				  "rules of a group 'protect' would have the names of those that "
				  "'protect' makes; give it another name");
	}
	r = node_expect(loader, value, NODE_LIST, "a list of rules");
	if (!r)
		r = rule_list_parse(loader, value, &group->rules);
	group->bad = r < 0;
	return r;
}

/* The group that a `use` names; it counts as used. */
static int resolve_use(struct loader *loader, struct rule_item *item)
{
	const struct node *name = item->node;
	int r;

	if (name_index_find(&loader->group_names, name->text) < 0 && builtin_find(name->text))
		return node_error(loader, name,
				  "there is no group '%s', unless you 'include: builtin:%s'",
				  name->text, name->text);
	r = name_resolve(loader, name, name->text, &loader->group_names, "group", &item->group);
	if (!r)
		loader->groups[item->group].used = true;
	return r;
}

static int resolve_uses(struct loader *loader, struct group *group)
{
	int r = 0;

	for (size_t i = 0; i < group->rules.n; i++)
		if (group->rules.items[i].kind == ITEM_USE)
			r = worse(r, resolve_use(loader, &group->rules.items[i]));
	if (r < 0)
		group->bad = true;
	return r;
}

/* --- loops ------------------------------------------------------------------------------- */

/* A group on the way from where the search began. */
struct step {
	const struct step *previous;
	struct group *group;
};

static int way_text(struct text *text, const struct step *step, const struct group *first)
{
	int r = step->group == first ? 0 : way_text(text, step->previous, first);

	return r < 0 ? r : text_add(text, "%s -> ", step->group->name->text);
}

static int refuse_loop(struct loader *loader, const struct node *use, const struct step *last,
		       const struct group *first)
{
	struct text text = { 0 };
	int r = way_text(&text, last, first);

	loader->groups_loop = true;
	if (!r)
		r = node_error(loader, use,
			       "groups use each other in a loop: %s%s; leave one of these uses out",
			       text.text, first->name->text);
	text_done(&text);
	return r;
}

/* At most as deep as there are groups. */
static int find_loops(struct loader *loader, struct group *group, const struct step *previous)
{
	const struct step step = { previous, group };
	int r = 0;

	group->search = GROUP_OPEN;
	for (size_t i = 0; i < group->rules.n && r != -ENOMEM; i++) {
		const struct rule_item *item = &group->rules.items[i];
		struct group *next = &loader->groups[item->group];

		if (item->kind != ITEM_USE || group->bad)
			continue;
		if (next->search == GROUP_OPEN)
			r = worse(r, refuse_loop(loader, item->node, &step, next));
		else if (next->search == GROUP_NEW)
			r = worse(r, find_loops(loader, next, &step));
	}
	group->search = GROUP_DONE;
	return r;
}

int parse_groups(struct loader *loader, const struct node *value, const struct key_schema *key,
		 void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	if (r < 0)
		return r;
	loader->groups = calloc(CONFIG_MAX_GROUPS, sizeof(*loader->groups));
	if (!loader->groups)
		return -ENOMEM;
	r = names_parse(loader, value, &loader->group_names, "group", "groups", CONFIG_MAX_GROUPS,
			parse_group);
	for (size_t i = 0; i < loader->group_names.n && r != -ENOMEM; i++)
		r = worse(r, resolve_uses(loader, &loader->groups[i]));
	for (size_t i = 0; i < loader->group_names.n && r != -ENOMEM; i++)
		if (loader->groups[i].search == GROUP_NEW)
			r = worse(r, find_loops(loader, &loader->groups[i], NULL));
	return r;
}

void groups_done(struct loader *loader)
{
	for (size_t i = 0; loader->groups && i < loader->group_names.n; i++)
		rule_list_done(&loader->groups[i].rules);
	free(loader->groups);
	name_index_done(&loader->group_names);
}

/* --- from a list to the rules of a policy ------------------------------------------------ */

/* What the rules of groups add to the policy. */
static int spend(struct loader *loader, const struct node *use, const struct rule *rule)
{
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		loader->n_ranges += rule->scalar[i].n_ranges;
	for (size_t i = 0; i < N_MAC_FIELDS; i++)
		loader->n_macs += rule->mac[i].n_macs;
	loader->copied_bytes += rule_bytes(rule);
	if (loader->n_ranges <= CONFIG_MAX_ALL_RANGES && loader->n_macs <= CONFIG_MAX_MACS &&
	    loader->copied_bytes <= MAX_COPIED_BYTES)
		return 0;
	if (loader->copies_exceeded)
		return -EINVAL;
	loader->copies_exceeded = true;
	return node_error(
		loader, use,
		"with the rules of this group the policy has more than %lu ranges, %d MAC "
		"addresses or 256 MiB of rules; use large groups in fewer policies",
		CONFIG_MAX_ALL_RANGES, CONFIG_MAX_MACS);
}

/* Room for one more rule, or NULL with *r set. */
static struct rule *rule_slot(struct loader *loader, struct ruleset_draft *draft,
			      const struct node *node, int *r)
{
	struct ruleset *ruleset = draft->ruleset;

	*r = -EINVAL;
	if (loader->n_rules == MAX_RULES) {
		if (!loader->rules_exceeded)
			node_error(loader, node, "more than %d rules in all policies", MAX_RULES);
		loader->rules_exceeded = true;
		return NULL;
	}
	*r = array_reserve((void **)&ruleset->rules, &draft->capacity, ruleset->n_rules + 1,
			   sizeof(*ruleset->rules));
	if (*r < 0)
		return NULL;
	loader->n_rules++;
	return &ruleset->rules[ruleset->n_rules];
}

/* The policy's own rule moves to it. */
static int add_rule(struct loader *loader, struct ruleset_draft *draft, struct rule_item *item)
{
	int r;
	struct rule *rule = rule_slot(loader, draft, item->node, &r);

	if (!rule)
		return r;
	*rule = item->rule;
	item->rule = (struct rule){ 0 };
	draft->ruleset->n_rules++;
	return 0;
}

static int add_copy(struct loader *loader, struct ruleset_draft *draft, const struct group *group,
		    const struct rule *rule, const struct node *use)
{
	char name[2 * NAME_LEN];
	struct rule *copy;
	int r;

	snprintf(name, sizeof(name), "%s/%s", group->name->text, rule->name);
	r = spend(loader, use, rule);
	if (r < 0)
		return r;
	if (name_index_find(&draft->list.names, name) >= 0)
		return node_error(
			loader, use,
			"this group brings a rule '%s', but the policy has a rule of that "
			"name; give its rule another one",
			name);
	copy = rule_slot(loader, draft, use, &r);
	if (!copy)
		return r;
	r = rule_copy(rule, name, copy);
	if (r < 0)
		return r;
	copy->from_group = true;
	draft->ruleset->n_rules++;
	return 0;
}

static int add_anchor(struct loader *loader, struct ruleset_draft *draft, const struct node *node)
{
	struct ruleset *ruleset = draft->ruleset;
	char buffer[PLACE_TEXT];
	struct anchor *anchor;

	for (size_t i = 0; i < ruleset->n_anchors; i++)
		if (!strcmp(ruleset->anchors[i].name, node->text))
			return node_error(
				loader, node,
				"policy '%s' has an anchor '%s' %s already; give this one another name",
				ruleset->name, node->text,
				place_text(&ruleset->anchors[i].place, node, buffer,
					   sizeof(buffer)));
	if (ruleset->n_anchors == MAX_ANCHORS)
		return node_error(loader, node, "more than %d anchors in one policy", MAX_ANCHORS);
	if (!ruleset->anchors) {
		ruleset->anchors = calloc(MAX_ANCHORS, sizeof(*ruleset->anchors));
		if (!ruleset->anchors)
			return -ENOMEM;
	}
	anchor = &ruleset->anchors[ruleset->n_anchors++];
	anchor->place = node_place(loader, node);
	anchor->position = ruleset->n_rules;
	snprintf(anchor->name, sizeof(anchor->name), "%s", node->text);
	return 0;
}

/* A group is in a policy once. use: of the policy; nested: the group in which it was found, or
 * NULL. */
static int refuse_second(struct loader *loader, const struct ruleset_draft *draft,
			 const struct group *group, const struct node *use, const char *nested)
{
	const struct node *first = draft->uses[group - loader->groups];
	struct place place = node_place(loader, first);
	char buffer[PLACE_TEXT];

	return node_error(loader, use,
			  "group '%s'%s%s%s is in policy '%s' already, by the use %s; once is "
			  "enough",
			  group->name->text, nested ? ", which '" : "", nested ? nested : "",
			  nested ? "' uses," : "", draft->ruleset->name,
			  place_text(&place, use, buffer, sizeof(buffer)));
}

static int add_group(struct loader *loader, struct ruleset_draft *draft, uint32_t index,
		     const struct node *use, const char *nested)
{
	struct group *group = &loader->groups[index];
	int r = 0;

	if (group->bad || loader->groups_loop)
		return -EINVAL;
	if (draft->uses[index])
		return refuse_second(loader, draft, group, use, nested);
	draft->uses[index] = use;
	for (size_t i = 0; i < group->rules.n && r != -ENOMEM; i++) {
		const struct rule_item *item = &group->rules.items[i];

		if (item->kind == ITEM_RULE)
			r = worse(r, add_copy(loader, draft, group, &item->rule, use));
		else if (item->kind == ITEM_ANCHOR)
			r = worse(r, add_anchor(loader, draft, item->node));
		else if (item->kind == ITEM_USE)
			r = worse(r, add_group(loader, draft, item->group, use, group->name->text));
	}
	return r;
}

int ruleset_fill(struct loader *loader, struct ruleset_draft *draft)
{
	int r = 0;

	if (loader->groups) {
		draft->uses = calloc(loader->group_names.n + 1, sizeof(*draft->uses));
		if (!draft->uses)
			return -ENOMEM;
	}
	for (size_t i = 0; i < draft->list.n && r != -ENOMEM; i++) {
		struct rule_item *item = &draft->list.items[i];
		int s = 0;

		if (item->kind == ITEM_RULE)
			s = add_rule(loader, draft, item);
		else if (item->kind == ITEM_ANCHOR)
			s = add_anchor(loader, draft, item->node);
		else if (item->kind == ITEM_USE)
			s = resolve_use(loader, item);
		if (!s && item->kind == ITEM_USE)
			s = add_group(loader, draft, item->group, item->node, NULL);
		r = worse(r, s);
	}
	return r;
}
