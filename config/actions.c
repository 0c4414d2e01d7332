/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * actions.c: what a rule does: one action, or a list whose last may be terminal.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define MAX_ACTIONS 16 /* of one rule */

int redirect_find(struct loader *loader, const struct node *node, uint32_t *ret)
{
	struct policy *policy = loader->policy;
	struct redirect *redirect;

	for (size_t i = 0; i < policy->n_redirects; i++) {
		if (!strcmp(policy->redirects[i].port, node->text)) {
			*ret = (uint32_t)i;
			return 0;
		}
	}
	if (array_reserve((void **)&policy->redirects, &loader->redirects_capacity,
			  policy->n_redirects + 1, sizeof(*redirect)) < 0)
		return -ENOMEM;
	redirect = &policy->redirects[policy->n_redirects];
	*redirect = (struct redirect){ .place = node_place(loader, node) };
	snprintf(redirect->port, sizeof(redirect->port), "%s", node->text);
	*ret = (uint32_t)policy->n_redirects++;
	return 0;
}

int redirects_number(struct policy *policy)
{
	_cleanup_free_ struct redirect *ordered = calloc(policy->n_redirects + 1, sizeof(*ordered));
	_cleanup_free_ uint32_t *numbers = calloc(policy->n_redirects + 1, sizeof(*numbers));
	size_t n = 0;

	if (!ordered || !numbers)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_rulesets; i++)
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++) {
			struct rule *rule = &policy->rulesets[i].rules[j];

			for (size_t k = 0; k < rule->n_actions; k++) {
				struct action *action = &rule->actions[k];

				if (action->kind != ACTION_REDIRECT)
					continue;
				if (!numbers[action->redirect]) {
					ordered[n] = policy->redirects[action->redirect];
					numbers[action->redirect] = (uint32_t)++n;
				}
				action->redirect = numbers[action->redirect] - 1;
				rule->redirect = action->redirect;
			}
		}
	if (n)
		memcpy(policy->redirects, ordered, n * sizeof(*ordered));
	policy->n_redirects = n;
	return 0;
}

/* `redirect: transit` where transit is an interface on eth0 most likely means eth0. */
static void warn_of_interface(struct loader *loader, const struct node *value)
{
	long position = name_index_find(&loader->interface_names, value->text);
	const char *port;

	if (position < 0 || (size_t)position >= loader->policy->n_interfaces)
		return;
	port = loader->policy->interfaces[position].port;
	if (*port && strcmp(port, value->text) != 0)
		node_warning(loader, value,
			     "'%s' is taken for a network device; the interface of that name is on "
			     "'%s'",
			     value->text, port);
}

static int add_action(struct rule_draft *draft, enum action_kind kind, uint32_t redirect)
{
	struct rule *rule = draft->rule;

	if (!rule->actions) {
		rule->actions = calloc(MAX_ACTIONS, sizeof(*rule->actions));
		if (!rule->actions)
			return -ENOMEM;
	}
	rule->actions[rule->n_actions++] = (struct action){ .kind = kind, .redirect = redirect };
	return 0;
}

/* key->arg is the enum action_kind. */
int parse_plain_action(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	if (value->key && value->kind != NODE_BAD)
		return node_error(loader, value->key, "'%s' takes no value; write %s", key->name,
				  key->form);
	return add_action(target, key->arg, 0);
}

int parse_redirect(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	uint32_t redirect;
	int r;

	if (!value->key)
		return node_error(loader, value, "'redirect' needs a network device; write %s",
				  key->form);
	r = node_expect(loader, value, NODE_SCALAR, "the name of a network device");
	if (!r)
		r = port_check(loader, value, value->text);
	if (!r)
		r = redirect_find(loader, value, &redirect);
	if (r < 0)
		return r;
	warn_of_interface(loader, value);
	return add_action(target, ACTION_REDIRECT, redirect);
}

/* A word on its own; its node is not the value of a key. */
static int parse_word(struct loader *loader, const struct node *item, void *target)
{
	const struct key_schema *key = schema_find(&schema_action, item->text);
	const struct key_schema *near;
	struct node word = *item;
	char buffer[64];

	word.key = NULL;
	if (key && key->parse)
		return key->parse(loader, &word, key, target);
	if (key)
		return node_error(loader, item, "not supported yet: action '%s' (%s)", key->name,
				  key->help);
	near = schema_suggest(&schema_action, item->text);
	if (near)
		return node_error(loader, item, "unknown action '%.63s'; did you mean '%s'?",
				  item->text, near->name);
	return node_error(loader, item,
			  "expected drop, pass, count or {redirect: DEVICE}, found %s",
			  node_describe(item, buffer, sizeof(buffer)));
}

static const char *action_name(enum action_kind kind)
{
	const struct key_schema *key = schema_action.keys;

	while (key->parse && key->arg != kind)
		key++;
	return key->name;
}

static bool is_terminal(const struct action *action)
{
	return action->kind != ACTION_COUNT;
}

static int check_order(struct loader *loader, const struct node *item, const struct rule *rule)
{
	const struct action *last;

	if (!rule->n_actions)
		return 0;
	last = &rule->actions[rule->n_actions - 1];
	if (is_terminal(last))
		return node_error(loader, item,
				  "no action may follow '%s', which ends the judging; put it last",
				  action_name(last->kind));
	if (rule->n_actions == MAX_ACTIONS)
		return node_error(loader, item, "more than %d actions", MAX_ACTIONS);
	return 0;
}

/* `{limit: 10/s, per: src}` is refused for its keys, not for their number. */
static bool has_later_key(const struct node *item)
{
	for (const struct node *value = item->first; value; value = value->next) {
		const struct key_schema *key =
			value->key->kind == NODE_SCALAR
				? schema_find(&schema_action, value->key->text)
				: NULL;

		if (key && !key->parse)
			return true;
	}
	return false;
}

static int parse_action(struct loader *loader, const struct node *item, void *target)
{
	struct rule_draft *draft = target;
	int r = check_order(loader, item, draft->rule);

	if (r < 0)
		return r;
	if (item->kind == NODE_MAPPING) {
		if (item->n > 1 && !has_later_key(item))
			return node_error(loader, item, "one action each: write [{...}, {...}]");
		return mapping_parse(loader, item, &schema_action, target);
	}
	r = node_expect(loader, item, NODE_SCALAR, "drop, pass, count or {redirect: DEVICE}");
	return r < 0 ? r : parse_word(loader, item, target);
}

/* The rule's verdict, and the normalised text. */
static int finish_actions(struct loader *loader, struct rule_draft *draft)
{
	static const enum verdict verdicts[] = {
		[ACTION_COUNT] = VERDICT_NONE,
		[ACTION_DROP] = VERDICT_DROP,
		[ACTION_PASS] = VERDICT_PASS,
		[ACTION_REDIRECT] = VERDICT_REDIRECT,
	};
	struct rule *rule = draft->rule;
	struct text_list items = { 0 };
	int r = 0;

	for (size_t i = 0; i < rule->n_actions && !r; i++) {
		const struct action *action = &rule->actions[i];

		rule->verdict = verdicts[action->kind];
		rule->redirect = action->redirect;
		if (action->kind == ACTION_REDIRECT)
			r = text_list_add(&items, "{redirect: %s}",
					  loader->policy->redirects[action->redirect].port);
		else
			r = text_list_add(&items, "%s", action_name(action->kind));
	}
	if (!r)
		r = text_add_list(&draft->action, &items);
	text_list_done(&items);
	return r;
}

int parse_actions(struct loader *loader, const struct node *value, const struct key_schema *key,
		  void *target)
{
	struct rule_draft *draft = target;
	int r = 0;

	if (value->kind != NODE_LIST) {
		r = parse_action(loader, value, draft);
	} else if (!value->n) {
		r = node_error(loader, value,
			       "an empty list of actions; write count to only count");
	} else {
		for (const struct node *item = value->first; item && r != -ENOMEM;
		     item = item->next)
			r = worse(r, parse_action(loader, item, draft));
	}
	return r < 0 ? r : finish_actions(loader, draft);
}
