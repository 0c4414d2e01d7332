/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addresses.c: the fields whose values refer to other things: src and dst to sets (of prefixes
 * written in place, a set without a name is made), interface to interfaces.
 */
#include "loader.h"

#include <string.h>

#include "prefix.h"
#include "util.h"

static int compare_indices(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

size_t unique_indices(uint32_t *indices, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(indices, n, sizeof(*indices), compare_indices);
	for (size_t i = 0; i < n; i++)
		if (!kept || indices[kept - 1] != indices[i])
			indices[kept++] = indices[i];
	return kept;
}

static int add_index(uint32_t **indices, size_t *n, size_t *capacity, uint32_t index)
{
	if (array_reserve((void **)indices, capacity, *n + 1, sizeof(**indices)) < 0)
		return -ENOMEM;
	(*indices)[(*n)++] = index;
	return 0;
}

/* --- src and dst ------------------------------------------------------------------------- */

struct address_state {
	const struct node *value;
	const struct key_schema *key;
	bool takes_live;
	uint32_t *sets, *live;
	size_t n_sets, capacity;
	size_t n_live, live_capacity;
	uint32_t literals; /* the nameless set of prefixes written here */
	bool has_literals;
	struct prefix_space space;
	struct text_list items;
};

static int parse_set_reference(struct loader *loader, const struct node *item,
			       struct address_state *state)
{
	bool live = false;
	uint32_t set;
	int r;

	if (state->takes_live)
		r = set_resolve_address(loader, item, state->key->name, &live, &set);
	else
		r = set_resolve(loader, item, state->key->name, SET_PREFIXES, &set);
	if (r < 0)
		return r;
	if (text_list_add(&state->items, "%s", item->text) < 0)
		return -ENOMEM;
	return live ? add_index(&state->live, &state->n_live, &state->live_capacity, set)
		    : add_index(&state->sets, &state->n_sets, &state->capacity, set);
}

static int parse_address(struct loader *loader, const struct node *item, void *target)
{
	struct address_state *state = target;
	char buffer[PREFIX_TEXT];
	struct diag_place place;
	struct prefix prefix;
	int r;

	r = node_expect(loader, item, NODE_SCALAR,
			"a prefix such as 192.0.2.0/24 or a set such as $name");
	if (r < 0)
		return r;
	if (item->text[0] == '$')
		return parse_set_reference(loader, item, state);
	if (name_index_find(&loader->set_names, item->text) >= 0)
		return node_error(loader, item, "'%s' is a set; write $%s", item->text, item->text);
	r = prefix_read(loader, item, &prefix);
	if (r < 0)
		return r;
	if (!state->has_literals) {
		r = set_new(loader, "", state->value, &state->literals);
		if (r < 0)
			return r;
		state->has_literals = true;
	}
	if (text_list_add(&state->items, "%s", prefix_format(&prefix, buffer)) < 0)
		return -ENOMEM;
	place = source_place(item->source, item->offset, item->width);
	return set_add(loader, &loader->policy->sets[state->literals], &state->space, &prefix,
		       &place);
}

int addresses_parse(struct loader *loader, const struct node *value, const struct key_schema *key,
		    bool takes_live, struct address_match *match, struct text_list *items)
{
	struct address_state state = { .value = value, .key = key, .takes_live = takes_live };
	int r;

	r = items_parse(loader, value, parse_address, &state);
	if (!r && state.has_literals)
		r = add_index(&state.sets, &state.n_sets, &state.capacity, state.literals);
	if (!r) {
		match->present = true;
		match->n_sets = unique_indices(state.sets, state.n_sets);
		match->sets = TAKE_PTR(state.sets);
		match->n_live = unique_indices(state.live, state.n_live);
		match->live = TAKE_PTR(state.live);
		*items = state.items;
		state.items = (struct text_list){ 0 };
	}
	text_list_done(&state.items);
	free(state.sets);
	free(state.live);
	return r;
}

/* key->arg is the enum address_field. */
int parse_match_address(struct loader *loader, const struct node *value,
			const struct key_schema *key, void *target)
{
	struct rule_draft *draft = target;
	struct address_match *match = &draft->rule->address[key->arg];
	struct text_list items = { 0 };
	const struct node *inner;
	bool negated;
	int r;

	r = negation_unwrap(loader, value, &inner, &negated);
	if (!r)
		r = addresses_parse(loader, inner, key, true, match, &items);
	if (!r)
		match->negated = negated;
	if (!r)
		r = draft_add(draft, key, value, negated, &items);
	text_list_done(&items);
	return r;
}

/* --- interface --------------------------------------------------------------------------- */

struct interface_state {
	uint32_t *interfaces;
	size_t n, capacity;
	struct text_list items;
};

static int parse_interface_name(struct loader *loader, const struct node *item, void *target)
{
	struct interface_state *state = target;
	uint32_t interface;
	int r;

	r = node_expect(loader, item, NODE_SCALAR, "the name of an interface");
	if (!r)
		r = name_resolve(loader, item, item->text, &loader->interface_names, "interface",
				 &interface);
	if (r < 0)
		return r;
	if (text_list_add(&state->items, "%s", item->text) < 0)
		return -ENOMEM;
	return add_index(&state->interfaces, &state->n, &state->capacity, interface);
}

int parse_match_interface(struct loader *loader, const struct node *value,
			  const struct key_schema *key, void *target)
{
	struct rule_draft *draft = target;
	struct interface_match *match = &draft->rule->interface;
	struct interface_state state = { 0 };
	const struct node *inner;
	bool negated;
	int r;

	r = negation_unwrap(loader, value, &inner, &negated);
	if (!r)
		r = items_parse(loader, inner, parse_interface_name, &state);
	if (!r)
		r = draft_add(draft, key, value, negated, &state.items);
	if (!r) {
		match->present = true;
		match->negated = negated;
		match->n_interfaces = unique_indices(state.interfaces, state.n);
		match->interfaces = TAKE_PTR(state.interfaces);
	}
	text_list_done(&state.items);
	free(state.interfaces);
	return r;
}
