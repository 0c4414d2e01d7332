/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rules.c: policies, that is ordered rules with a default, and the frame of a rule.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

static const struct word default_words[] = { { "pass", VERDICT_PASS },
					     { "drop", VERDICT_DROP },
					     { NULL, 0 } };

int parse_default(struct loader *loader, const struct node *value, const struct key_schema *key,
		  void *target)
{
	struct ruleset_draft *draft = target;
	uint32_t verdict;
	int r = word_parse(loader, value, default_words, key->form, &verdict);

	if (!r)
		draft->ruleset->default_verdict = (enum verdict)verdict;
	return r;
}

/* --- one rule ---------------------------------------------------------------------------- */

static const struct rule *find_rule(const struct rule_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i].rule.name, name))
			return &list->items[i].rule;
	return NULL;
}

static int refuse_rule_name(struct loader *loader, const struct node *node,
			    const struct rule_list *list)
{
	const struct rule *first = is_quiet(loader) ? NULL : find_rule(list, node->text);
	char buffer[PLACE_TEXT];

	if (!first)
		return node_error(loader, node, "rule '%s' is repeated", node->text);
	return node_error(loader, node, "rule '%s' is repeated; it is %s already", node->text,
			  place_text(&first->place, node, buffer, sizeof(buffer)));
}

/* With the name of its group, a rule's name is as long as names may be. */
static int check_length(struct loader *loader, const struct node *value, const char *group)
{
	size_t len = group ? strlen(group) + 1 + value->len : value->len;

	if (len < NAME_LEN)
		return 0;
	return node_error(
		loader, value,
		"this rule would be called '%s/%s', which has %zu bytes; %d are the limit", group,
		value->text, len, NAME_LEN - 1);
}

int parse_rule_name(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct rule_draft *draft = target;
	struct name_index *names = &draft->list->names;
	int r;

	r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (!r)
		r = rule_name_check(loader, value);
	if (!r)
		r = check_length(loader, value, draft->list->group);
	if (r < 0)
		return r;
	if (name_index_find(names, value->text) >= 0)
		return refuse_rule_name(loader, value, draft->list);
	snprintf(draft->rule->name, sizeof(draft->rule->name), "%s", value->text);
	draft->rule->place = node_place(loader, value);
	return name_index_add(names, value->text);
}

int parse_match(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	return r < 0 ? r : mapping_parse(loader, value, &schema_match, target);
}

int parse_rule_comment(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	return comment_read(loader, value, key, &((struct rule_draft *)target)->rule->notes);
}

int parse_rule_tags(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	return tags_read(loader, value, key, &((struct rule_draft *)target)->rule->notes);
}

int parse_shadow(struct loader *loader, const struct node *value, const struct key_schema *key,
		 void *target)
{
	return bool_read(loader, value, key, &((struct rule_draft *)target)->rule->shadow);
}

int parse_rule_expires(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	struct rule *rule = ((struct rule_draft *)target)->rule;
	int r = expiry_read(loader, value, key, &rule->expiry);

	if (!r && rule->expiry.past)
		node_warning(
			loader, value,
			"rule '%s' is off since it expired; remove it, or give it a later date",
			rule->name);
	return r;
}

int parse_use(struct loader *loader, const struct node *value, const struct key_schema *key,
	      void *target)
{
	struct rule_item *item = ((struct rule_draft *)target)->item;

	item->kind = ITEM_USE;
	item->node = value;
	return node_expect(loader, value, NODE_SCALAR, key->form);
}

int parse_anchor(struct loader *loader, const struct node *value, const struct key_schema *key,
		 void *target)
{
	struct rule_item *item = ((struct rule_draft *)target)->item;
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	item->kind = ITEM_ANCHOR;
	item->node = value;
	return r < 0 ? r : name_check(loader, value, "anchor");
}

static int parse_rule_keys(struct loader *loader, const struct node *node, struct rule_draft *draft)
{
	struct rule *rule = draft->rule;
	int r;

	r = node_expect(loader, node, NODE_MAPPING,
			"a rule such as {name: ..., match: {...}, do: ...}");
	if (!r)
		r = mapping_parse(loader, node, &schema_rule, draft);
	if (r < 0 || draft->item->kind != ITEM_RULE)
		return r;
	rule->match_text = text_take(&draft->match);
	rule->action_text = text_take(&draft->action);
	if (!rule->match_text || !rule->action_text)
		return -ENOMEM;
	rule_check(loader, draft);
	return 0;
}

static int parse_item(struct loader *loader, const struct node *node, struct rule_list *list)
{
	struct rule_draft draft = { .node = node, .list = list };
	int r;

	if (loader->n_items == 2 * MAX_RULES) {
		if (loader->rules_exceeded)
			return -EINVAL;
		loader->rules_exceeded = true;
		return node_error(loader, node, "more than %d rules in all policies and groups",
				  2 * MAX_RULES);
	}
	if (array_reserve((void **)&list->items, &list->capacity, list->n + 1,
			  sizeof(*list->items)) < 0)
		return -ENOMEM;
	loader->n_items++;
	draft.item = &list->items[list->n++];
	*draft.item = (struct rule_item){ .node = node };
	draft.rule = &draft.item->rule;
	*draft.rule = (struct rule){ .place = node_place(loader, node), .verdict = VERDICT_NONE };
	r = parse_rule_keys(loader, node, &draft);
	if (r < 0)
		draft.item->kind = ITEM_BAD;
	text_done(&draft.match);
	text_done(&draft.action);
	return r;
}

/* --- lists of rules ---------------------------------------------------------------------- */

int rule_list_parse(struct loader *loader, const struct node *value, struct rule_list *list)
{
	int r = 0;

	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, parse_item(loader, item, list));
	return r;
}

void rule_list_done(struct rule_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		rule_done(&list->items[i].rule);
	free(list->items);
	name_index_done(&list->names);
}

int parse_rules(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	struct ruleset_draft *draft = target;
	int r = node_expect(loader, value, NODE_LIST, key->form);

	if (!r)
		r = rule_list_parse(loader, value, &draft->list);
	/* What is wrong with the rules is no reason not to look at what they use. */
	return r == -ENOMEM ? r : worse(r, ruleset_fill(loader, draft));
}

static int parse_ruleset(struct loader *loader, const struct node *value)
{
	struct policy *policy = loader->policy;
	struct ruleset_draft draft = { 0 };
	int r;

	if (array_reserve((void **)&policy->rulesets, &loader->rulesets_capacity,
			  policy->n_rulesets + 1, sizeof(*policy->rulesets)) < 0)
		return -ENOMEM;
	draft.ruleset = &policy->rulesets[policy->n_rulesets++];
	*draft.ruleset = (struct ruleset){ .place = node_place(loader, value->key) };
	snprintf(draft.ruleset->name, sizeof(draft.ruleset->name), "%s", value->key->text);
	r = node_expect(loader, value, NODE_MAPPING, "a mapping with 'default' and 'rules'");
	if (!r)
		r = protect_ruleset(loader, value->key, &draft);
	if (!r)
		r = mapping_parse(loader, value, &schema_ruleset, &draft);
	rule_list_done(&draft.list);
	free(draft.uses);
	return r;
}

int parse_rulesets(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	if (r < 0)
		return r;
	if (!value->n)
		return node_error(loader, value, "a policy file needs at least one policy");
	return names_parse(loader, value, &loader->ruleset_names, "policy", "policies",
			   MAX_RULESETS, parse_ruleset);
}
