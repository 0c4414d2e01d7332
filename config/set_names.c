/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * set_names.c: from `$name`, where something names a set, to the set: which is read now, if it was
 * not yet. `$self` is one that no file has.
 */
#include "sets.h"

#include <string.h>

#include "prefix.h"

static int refuse_loop(struct loader *loader, const struct node *item, uint32_t position)
{
	char chain[256] = "";
	size_t first = 0, len = 0;

	while (loader->reading[first] != position)
		first++;
	for (size_t i = first; i < loader->n_reading && len < sizeof(chain); i++)
		len += (size_t)snprintf(chain + len, sizeof(chain) - len, "$%.63s -> ",
					loader->set_names.names[loader->reading[i]]);
	return node_error(loader, item, "a set cannot be made from itself: %s%s", chain,
			  item->text);
}

/* The addresses of `$self`; space is that of an empty set. */
static int add_self(struct loader *loader, const struct node *item, struct prefix_set *set)
{
	struct diag_place place = source_place(item->source, item->offset, item->width);
	const struct local_addresses *self = loader->self;
	struct prefix prefix = { .family = FAMILY_V4 };
	struct prefix_space space = { 0 };
	int r = 0;

	for (size_t i = 0; self && i < self->n_v4 && !r; i++) {
		prefix.v4 = self->v4[i];
		r = set_add(loader, set, &space, &prefix, &place);
	}
	prefix.family = FAMILY_V6;
	for (size_t i = 0; self && i < self->n_v6 && !r; i++) {
		prefix.v6 = self->v6[i];
		r = set_add(loader, set, &space, &prefix, &place);
	}
	return r;
}

static int refuse_type(struct loader *loader, const struct node *item, enum set_type is,
		       const char *taker, enum set_type takes)
{
	if (is == SET_LIVE && takes == SET_PREFIXES)
		return node_error(loader, item,
				  "%s is a live set, whose prefixes come and go; '%s' takes what "
				  "the policy file knows: name %s in 'src' or 'dst' of a rule",
				  item->text, taker, item->text);
	return node_error(loader, item, "%s is a set of %s; '%s' takes %s", item->text,
			  set_type_name(is), taker, set_type_name(takes));
}

/* `$self`: the set is made where it is named first. */
static int self_resolve(struct loader *loader, const struct node *item, const char *taker,
			enum set_type type, uint32_t *ret)
{
	const struct local_addresses *self = loader->self;
	int r;

	if (type != SET_PREFIXES)
		return refuse_type(loader, item, SET_PREFIXES, taker, type);
	if (!loader->has_self_set) {
		r = set_new(loader, "self", item, &loader->self_set);
		if (!r)
			r = add_self(loader, item, &loader->policy->sets[loader->self_set]);
		if (r < 0)
			return r;
		loader->has_self_set = true;
		loader->policy->sets[loader->self_set].varies = true;
		loader->policy->uses_self = true;
		loader->policy->n_self = self ? (uint32_t)(self->n_v4 + self->n_v6) : 0;
	}
	*ret = loader->self_set;
	return 0;
}

/* name_resolve(), to which `self` is a name as well. */
static int find_set(struct loader *loader, const struct node *item, uint32_t *ret)
{
	static const char *const built_in[] = { "self", NULL };
	const char *name = item->text + 1;

	if (name_index_find(&loader->set_names, name) < 0 &&
	    !name_suggest(loader, name, &loader->set_names) && suggest(name, built_in))
		return node_error(loader, item, "there is no set '%.63s'; did you mean 'self'?",
				  name);
	return name_resolve(loader, item, name, &loader->set_names, "set", ret);
}

/* The set, of whatever type, once it is read. */
static int find_read(struct loader *loader, const struct node *item, const struct named_set **ret)
{
	struct named_set *set;
	uint32_t position;
	int r;

	r = find_set(loader, item, &position);
	if (r < 0)
		return r;
	set = &loader->named_sets[position];
	set->used = true;
	if (set->state == SET_READING)
		return refuse_loop(loader, item, position);
	if (set->state == SET_WAITING && loader->n_reading == CONFIG_MAX_NESTED_SETS)
		return node_error(loader, item, "more than %d sets, each named by the one before",
				  CONFIG_MAX_NESTED_SETS);
	if (set->state == SET_WAITING) {
		r = set_read(loader, position);
		if (r < 0)
			return r;
	}
	if (set->type == SET_BAD)
		return -EINVAL;
	*ret = set;
	return 0;
}

int set_resolve(struct loader *loader, const struct node *item, const char *taker,
		enum set_type type, uint32_t *ret)
{
	const struct named_set *set;
	int r;

	if (!strcmp(item->text, "$self"))
		return self_resolve(loader, item, taker, type, ret);
	r = find_read(loader, item, &set);
	if (r < 0)
		return r;
	if (set->type != type)
		return refuse_type(loader, item, set->type, taker, type);
	*ret = set->index;
	return 0;
}

int set_resolve_address(struct loader *loader, const struct node *item, const char *taker,
			bool *ret_live, uint32_t *ret)
{
	const struct named_set *set;
	int r;

	*ret_live = false;
	if (!strcmp(item->text, "$self"))
		return self_resolve(loader, item, taker, SET_PREFIXES, ret);
	r = find_read(loader, item, &set);
	if (r < 0)
		return r;
	if (set->type != SET_PREFIXES && set->type != SET_LIVE)
		return refuse_type(loader, item, set->type, taker, SET_PREFIXES);
	*ret_live = set->type == SET_LIVE;
	*ret = set->index;
	return 0;
}

int set_count_copied(struct loader *loader, const struct node *item, size_t n)
{
	loader->n_copied += n;
	if (loader->n_copied <= CONFIG_MAX_COPIED)
		return 0;
	if (loader->copied_exceeded)
		return -EINVAL;
	loader->copied_exceeded = true;
	return node_error(loader, item,
			  "the sets that others name have more than %lu elements in all, each "
			  "counted as often as its set is named; name large sets less often",
			  CONFIG_MAX_COPIED);
}
