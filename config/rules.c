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

/* target of the keys of a policy */
struct ruleset_draft {
	struct ruleset *ruleset;
	struct name_index names;
	size_t capacity;
};

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

static const struct rule *find_rule(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (!strcmp(ruleset->rules[i].name, name))
			return &ruleset->rules[i];
	return NULL;
}

int parse_rule_name(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct rule_draft *draft = target;
	int r;

	r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (!r)
		r = name_check(loader, value, "rule");
	if (r < 0)
		return r;
	if (name_index_find(draft->names, value->text) >= 0) {
		const struct rule *first =
			is_quiet(loader) ? NULL : find_rule(draft->ruleset, value->text);

		return node_error(loader, value, "rule '%s' is repeated; it is on line %u already",
				  value->text, first ? first->place.line : 0);
	}
	snprintf(draft->rule->name, sizeof(draft->rule->name), "%s", value->text);
	draft->rule->place = node_place(loader, value);
	return name_index_add(draft->names, value->text);
}

int parse_match(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	return r < 0 ? r : mapping_parse(loader, value, &schema_match, target);
}

int parse_comment(struct loader *loader, const struct node *value, const struct key_schema *key,
		  void *target)
{
	return node_expect(loader, value, NODE_SCALAR, key->form);
}

int parse_tags(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	int r = node_expect(loader, value, NODE_LIST, key->form);

	if (r < 0)
		return r;
	for (const struct node *item = value->first; item; item = item->next)
		r = worse(r, node_expect(loader, item, NODE_SCALAR, "a word"));
	return r;
}

static int parse_rule_keys(struct loader *loader, const struct node *node, struct rule_draft *draft)
{
	int r;

	r = node_expect(loader, node, NODE_MAPPING,
			"a rule such as {name: ..., match: {...}, do: ...}");
	if (!r)
		r = mapping_parse(loader, node, &schema_rule, draft);
	if (r < 0)
		return r;
	draft->rule->match_text = text_take(&draft->match);
	draft->rule->action_text = text_take(&draft->action);
	if (!draft->rule->match_text || !draft->rule->action_text)
		return -ENOMEM;
	rule_check(loader, draft);
	return 0;
}

static int parse_rule(struct loader *loader, const struct node *node, struct ruleset_draft *parent)
{
	struct ruleset *ruleset = parent->ruleset;
	struct rule_draft draft = { .node = node, .names = &parent->names, .ruleset = ruleset };
	int r;

	if (loader->n_rules == MAX_RULES) {
		if (loader->rules_exceeded)
			return -EINVAL;
		loader->rules_exceeded = true;
		return node_error(loader, node, "more than %d rules in all policies", MAX_RULES);
	}
	if (array_reserve((void **)&ruleset->rules, &parent->capacity, ruleset->n_rules + 1,
			  sizeof(*ruleset->rules)) < 0)
		return -ENOMEM;
	loader->n_rules++;
	draft.rule = &ruleset->rules[ruleset->n_rules++];
	*draft.rule = (struct rule){ .place = node_place(loader, node), .verdict = VERDICT_NONE };
	r = parse_rule_keys(loader, node, &draft);
	text_done(&draft.match);
	text_done(&draft.action);
	return r;
}

int parse_rules(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	int r = node_expect(loader, value, NODE_LIST, key->form);

	if (r < 0)
		return r;
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, parse_rule(loader, item, target));
	return r;
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
		r = mapping_parse(loader, value, &schema_ruleset, &draft);
	name_index_done(&draft.names);
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
