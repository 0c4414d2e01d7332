/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sets.c: named sets, of prefixes, of ports or of MAC addresses, from their names to what the
 * policy holds of them. All names are known before the first set is read, so that sets may name
 * each other in any order; a set that names another waits until that is read.
 */
#include "sets.h"

#include <string.h>

#include "prefix.h"
#include "subtract.h"
#include "util.h"

const char *set_type_name(enum set_type type)
{
	static const char *const names[] = {
		[SET_PREFIXES] = "prefixes",
		[SET_PORTS] = "ports",
		[SET_MACS] = "MAC addresses",
	};

	return names[type];
}

void set_content_done(struct set_content *content)
{
	free(content->prefixes.v4);
	free(content->prefixes.v6);
	free(content->ports.items);
	free(content->macs.items);
	name_index_done(&content->sets);
	*content = (struct set_content){ 0 };
}

/* --- prefixes ---------------------------------------------------------------------------- */

int set_new(struct loader *loader, const char *name, const struct node *node, uint32_t *ret)
{
	struct policy *policy = loader->policy;
	struct prefix_set *set;

	if (array_reserve((void **)&policy->sets, &loader->sets_capacity, policy->n_sets + 1,
			  sizeof(*policy->sets)) < 0)
		return -ENOMEM;
	set = &policy->sets[policy->n_sets];
	*set = (struct prefix_set){ .place = node_place(loader, node) };
	snprintf(set->name, sizeof(set->name), "%s", name);
	*ret = (uint32_t)policy->n_sets++;
	return 0;
}

int set_push(struct prefix_set *set, struct prefix_space *space, const struct prefix *prefix)
{
	if (prefix->family == FAMILY_V4) {
		if (set->n_v4 == space->v4_capacity &&
		    array_reserve((void **)&set->v4, &space->v4_capacity, set->n_v4 + 1,
				  sizeof(*set->v4)) < 0)
			return -ENOMEM;
		set->v4[set->n_v4++] = prefix->v4;
	} else {
		if (set->n_v6 == space->v6_capacity &&
		    array_reserve((void **)&set->v6, &space->v6_capacity, set->n_v6 + 1,
				  sizeof(*set->v6)) < 0)
			return -ENOMEM;
		set->v6[set->n_v6++] = prefix->v6;
	}
	return 0;
}

int set_add(struct loader *loader, struct prefix_set *set, struct prefix_space *space,
	    const struct prefix *prefix, const struct diag_place *place)
{
	int r;

	if (loader->n_prefixes == CONFIG_MAX_PREFIXES) {
		if (loader->prefixes_exceeded)
			return -EINVAL;
		loader->prefixes_exceeded = true;
		return diag_error(loader->diags, place, "more than %lu prefixes in all sets",
				  CONFIG_MAX_PREFIXES);
	}
	r = set_push(set, space, prefix);
	loader->n_prefixes += !r;
	return r;
}

/* --- ports and MAC addresses ------------------------------------------------------------- */

static int port_set_new(struct loader *loader, const struct node *name, uint32_t *ret)
{
	struct policy *policy = loader->policy;
	struct port_set *set;

	if (array_reserve((void **)&policy->port_sets, &loader->port_sets_capacity,
			  policy->n_port_sets + 1, sizeof(*policy->port_sets)) < 0)
		return -ENOMEM;
	set = &policy->port_sets[policy->n_port_sets];
	*set = (struct port_set){ .place = node_place(loader, name) };
	snprintf(set->name, sizeof(set->name), "%s", name->text);
	*ret = (uint32_t)policy->n_port_sets++;
	return 0;
}

static int mac_set_new(struct loader *loader, const struct node *name, uint32_t *ret)
{
	struct policy *policy = loader->policy;
	struct mac_set *set;

	if (array_reserve((void **)&policy->mac_sets, &loader->mac_sets_capacity,
			  policy->n_mac_sets + 1, sizeof(*policy->mac_sets)) < 0)
		return -ENOMEM;
	set = &policy->mac_sets[policy->n_mac_sets];
	*set = (struct mac_set){ .place = node_place(loader, name) };
	snprintf(set->name, sizeof(set->name), "%s", name->text);
	*ret = (uint32_t)policy->n_mac_sets++;
	return 0;
}

static const struct word type_words[] = {
	{ "prefix", SET_PREFIXES },
	{ "port", SET_PORTS },
	{ "mac", SET_MACS },
	{ NULL, 0 },
};

/* The first of the keys that is read, named or not: the set gets its place in the policy. */
int parse_set_type(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;
	struct named_set *named = draft->named;
	uint32_t type;
	int r = word_parse(loader, value, type_words, key->form, &type);

	if (!r && type == SET_PORTS)
		r = port_set_new(loader, draft->name, &named->index);
	else if (!r && type == SET_MACS)
		r = mac_set_new(loader, draft->name, &named->index);
	else if (!r)
		r = set_new(loader, draft->name->text, draft->name, &named->index);
	if (!r)
		named->type = (enum set_type)type;
	return r;
}

/* --- exceptions -------------------------------------------------------------------------- */

static int except_prefixes(struct loader *loader, struct set_draft *draft)
{
	struct prefix_set *set = &draft->content.prefixes;
	size_t before = set->n_v4 + set->n_v6;
	int r = set_subtract(set, &draft->except.prefixes,
			     before + CONFIG_MAX_PREFIXES - loader->n_prefixes);

	if (r == -E2BIG && loader->prefixes_exceeded)
		return -EINVAL;
	if (r == -E2BIG) {
		loader->prefixes_exceeded = true;
		return node_error(loader, draft->except_value->key,
				  "cut around its exceptions, the set is of so many prefixes that "
				  "there are more than %lu in all sets",
				  CONFIG_MAX_PREFIXES);
	}
	loader->n_prefixes = loader->n_prefixes - before + set->n_v4 + set->n_v6;
	return r;
}

/* Both in order, and merged. */
static int except_ports(struct set_draft *draft)
{
	struct ranges *ports = &draft->content.ports, *except = &draft->except.ports;
	struct ranges left = { 0 };
	size_t next = 0;
	int r = 0;

	for (size_t i = 0; i < ports->n && !r; i++) {
		uint32_t first = ports->items[i].first, last = ports->items[i].last;

		while (next < except->n && except->items[next].last < first)
			next++;
		for (size_t j = next; j < except->n && except->items[j].first <= last && !r; j++) {
			if (except->items[j].first > first)
				r = ranges_add(&left, first, except->items[j].first - 1);
			first = except->items[j].last + 1;
		}
		if (!r && first <= last)
			r = ranges_add(&left, first, last);
	}
	free(ports->items);
	*ports = left;
	return r;
}

/* Both in order, each once. */
static void except_macs(struct set_draft *draft)
{
	struct macs *macs = &draft->content.macs, *except = &draft->except.macs;
	size_t kept = 0, next = 0;

	for (size_t i = 0; i < macs->n; i++) {
		while (next < except->n &&
		       memcmp(except->items[next], macs->items[i], MAC_BYTES) < 0)
			next++;
		if (next == except->n || memcmp(except->items[next], macs->items[i], MAC_BYTES))
			memmove(macs->items[kept++], macs->items[i], MAC_BYTES);
	}
	macs->n = kept;
}

static size_t content_n(const struct set_content *content)
{
	return content->prefixes.n_v4 + content->prefixes.n_v6 + content->ports.n + content->macs.n;
}

static int apply_exceptions(struct loader *loader, struct set_draft *draft)
{
	size_t before = content_n(&draft->content);
	int r = 0;

	if (!draft->except_value)
		return 0;
	switch (draft->named->type) {
	case SET_PORTS:
		r = except_ports(draft);
		break;
	case SET_MACS:
		except_macs(draft);
		break;
	default:
		r = except_prefixes(loader, draft);
	}
	if (!r && before && !content_n(&draft->content))
		r = node_warning(loader, draft->except_value->key,
				 "the exceptions leave nothing of set '%s'", draft->name->text);
	return r;
}

/* --- one set ----------------------------------------------------------------------------- */

/* The policy's set gets what was read. */
static int give_content(struct loader *loader, struct set_draft *draft)
{
	struct policy *policy = loader->policy;
	struct set_content *content = &draft->content;
	uint32_t index = draft->named->index;

	switch (draft->named->type) {
	case SET_PORTS:
		if (content->ports.n > CONFIG_MAX_RANGES)
			return node_error(loader, draft->elements ? draft->elements : draft->name,
					  "more than %d ranges in one set", CONFIG_MAX_RANGES);
		policy->port_sets[index].n_ranges = content->ports.n;
		policy->port_sets[index].ranges = TAKE_PTR(content->ports.items);
		break;
	case SET_MACS:
		if (content->macs.n > CONFIG_MAX_MACS)
			return node_error(loader, draft->elements ? draft->elements : draft->name,
					  "more than %d MAC addresses in one set", CONFIG_MAX_MACS);
		policy->mac_sets[index].n_macs = content->macs.n;
		policy->mac_sets[index].macs = TAKE_PTR(content->macs.items);
		break;
	default:
		policy->sets[index].n_v4 = content->prefixes.n_v4;
		policy->sets[index].v4 = TAKE_PTR(content->prefixes.v4);
		policy->sets[index].n_v6 = content->prefixes.n_v6;
		policy->sets[index].v6 = TAKE_PTR(content->prefixes.v6);
	}
	return 0;
}

/* A set that has expired is empty. */
static void drop_content(struct loader *loader, struct set_draft *draft)
{
	loader->n_prefixes -= draft->content.prefixes.n_v4 + draft->content.prefixes.n_v6;
	set_content_done(&draft->content);
}

/* What is said of the set as a whole. */
static void give_notes(struct loader *loader, struct set_draft *draft)
{
	struct policy *policy = loader->policy;
	uint32_t index = draft->named->index;

	switch (draft->named->type) {
	case SET_PREFIXES:
		policy->sets[index].expiry = draft->expiry;
		policy->sets[index].notes = draft->notes;
		break;
	case SET_PORTS:
		policy->port_sets[index].expiry = draft->expiry;
		policy->port_sets[index].notes = draft->notes;
		break;
	case SET_MACS:
		policy->mac_sets[index].expiry = draft->expiry;
		policy->mac_sets[index].notes = draft->notes;
		break;
	case SET_BAD:
		notes_done(&draft->notes);
	}
}

/* Is what the mapping says enough, and not too much? */
static int check_sources(struct loader *loader, const struct node *value,
			 const struct set_draft *draft)
{
	bool has_files = draft->file || draft->files || draft->glob;

	if (draft->keep && !has_files)
		return node_error(loader, draft->keep_value->key,
				  "'keep' is about list files; this set has none");
	if (has_files || draft->elements)
		return 0;
	return node_error(loader, value,
			  draft->named->type == SET_PREFIXES
				  ? "a set needs a list of prefixes, or 'file', 'files', 'glob' or "
				    "'elements'"
				  : "a set of %s needs 'elements'",
			  set_type_name(draft->named->type));
}

static int parse_content(struct loader *loader, const struct node *value, struct set_draft *draft)
{
	int r;

	if (value->kind == NODE_MAPPING) {
		r = mapping_parse(loader, value, &schema_set, draft);
		return r == -ENOMEM || draft->named->type == SET_BAD
			       ? r
			       : worse(r, r ? 0 : check_sources(loader, value, draft));
	}
	r = node_expect(loader, value, NODE_LIST,
			"a list of prefixes, {file: ...}, {files: [...]} or {type: port, elements: "
			"[...]}");
	if (!r)
		r = set_new(loader, draft->name->text, draft->name, &draft->named->index);
	if (r < 0)
		return r;
	draft->named->type = SET_PREFIXES;
	return set_parse_elements(loader, value, draft);
}

static int read_set(struct loader *loader, uint32_t position)
{
	struct named_set *named = &loader->named_sets[position];
	struct set_draft draft = { .named = named, .name = named->value->key };
	int r;

	named->state = SET_READING;
	loader->reading[loader->n_reading++] = position;
	r = parse_content(loader, named->value, &draft);
	if (draft.expiry.past)
		drop_content(loader, &draft);
	ranges_merge(&draft.content.ports);
	ranges_merge(&draft.except.ports);
	macs_sort(&draft.content.macs);
	macs_sort(&draft.except.macs);
	if (!r)
		r = apply_exceptions(loader, &draft);
	if (!r)
		r = give_content(loader, &draft);
	give_notes(loader, &draft);
	loader->n_reading--;
	named->state = SET_READ;
	set_content_done(&draft.content);
	set_content_done(&draft.except);
	name_index_done(&draft.paths);
	return r;
}

/* --- all sets ---------------------------------------------------------------------------- */

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

int set_resolve(struct loader *loader, const struct node *item, const char *taker,
		enum set_type type, uint32_t *ret)
{
	struct named_set *set;
	uint32_t position;
	int r;

	if (!strcmp(item->text, "$self"))
		return self_resolve(loader, item, taker, type, ret);
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
		r = read_set(loader, position);
		if (r < 0)
			return r;
	}
	if (set->type == SET_BAD)
		return -EINVAL;
	if (set->type != type)
		return refuse_type(loader, item, set->type, taker, type);
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

static int note_set(struct loader *loader, const struct node *value)
{
	loader->named_sets[loader->set_names.n - 1] = (struct named_set){
		.type = SET_BAD,
		.place = node_place(loader, value->key),
		.value = value,
	};
	if (!strcmp(value->key->text, "self")) {
		loader->named_sets[loader->set_names.n - 1].state = SET_READ;
		return node_error(loader, value->key,
				  "'self' is built in: $self holds every local address; give this "
				  "set another name");
	}
	return 0;
}

int sets_read(struct loader *loader)
{
	int r = 0;

	for (uint32_t i = 0; i < loader->set_names.n && r != -ENOMEM; i++)
		if (loader->named_sets[i].state == SET_WAITING)
			r = worse(r, read_set(loader, i));
	return r;
}

int parse_sets(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	if (!r)
		r = names_parse(loader, value, &loader->set_names, "set", "sets", CONFIG_MAX_SETS,
				note_set);
	return r == -ENOMEM ? r : worse(r, sets_read(loader));
}
