/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conditions.c: what the fields of `match` have in common: lists, `not:`, normalised text.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

static const struct node *find_not(const struct node *node)
{
	const struct node *value = node->kind == NODE_MAPPING ? node->first : NULL;

	while (value && (value->key->kind != NODE_SCALAR || strcmp(value->key->text, "not")))
		value = value->next;
	return value;
}

int negation_unwrap(struct loader *loader, const struct node *value, const struct node **ret_value,
		    bool *ret_negated)
{
	const struct node *inner = find_not(value);

	*ret_negated = inner;
	*ret_value = inner ? inner : value;
	if (!inner)
		return 0;
	if (value->n > 1)
		return node_error(loader, inner->key, "'not' stands alone: {not: VALUE}");
	if (find_not(inner))
		return node_error(loader, find_not(inner)->key, "'not' twice; leave both out");
	return 0;
}

int items_parse(struct loader *loader, const struct node *value, item_parser *each, void *state)
{
	int r = 0;

	if (value->kind != NODE_LIST)
		return each(loader, value, state);
	if (!value->n)
		return node_error(loader, value,
				  "an empty list would match nothing; leave the "
				  "field out to match everything");
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next) {
		if (find_not(item))
			r = node_error(loader, item,
				       "'not' belongs around the whole list: "
				       "{not: [VALUE, VALUE]}");
		else
			r = worse(r, each(loader, item, state));
	}
	return r;
}

int draft_add(struct rule_draft *draft, const struct key_schema *key, const struct node *value,
	      bool negated, const struct text_list *items)
{
	struct text *text = &draft->match;

	draft->fields[key - schema_match.keys] = value;
	if (text_add(text, "%s%s: %s", text->len ? ", " : "", key->name, negated ? "{not: " : "") <
		    0 ||
	    text_add_list(text, items) < 0 || (negated && text_add(text, "}") < 0))
		return -ENOMEM;
	return 0;
}

const struct node *draft_field(const struct rule_draft *draft, const char *field)
{
	return draft->fields[schema_find(&schema_match, field) - schema_match.keys];
}

int values_parse(struct loader *loader, const struct node *value, const struct key_schema *key,
		 struct rule_draft *draft, item_parser *each)
{
	struct values_state state = { .key = key };
	const struct node *inner;
	bool negated;
	int r;

	r = negation_unwrap(loader, value, &inner, &negated);
	if (!r)
		r = items_parse(loader, inner, each, &state);
	if (!r)
		r = draft_add(draft, key, value, negated, &state.items);
	if (!r) {
		ranges_merge(&state.ranges);
		r = ranges_take(loader, value, &state.ranges, negated,
				&draft->rule->scalar[key->arg]);
	}
	text_list_done(&state.items);
	free(state.ranges.items);
	return r;
}
