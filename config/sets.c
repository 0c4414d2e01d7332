/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sets.c: named sets, of prefixes, live or not, of ports or of MAC addresses, from their names to what the
 * policy holds of them. All names are known before the first set is read, so that sets may name
 * each other in any order; a set that names another waits until that is read.
 */
#include "sets.h"

#include <string.h>

#include "prefix.h"
#include "util.h"

const char *set_type_name(enum set_type type)
{
	static const char *const names[] = {
		[SET_PREFIXES] = "prefixes",
		[SET_PORTS] = "ports",
		[SET_MACS] = "MAC addresses",
		[SET_LIVE] = "prefixes",
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
	free(content->living);
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

	if (!r && draft->live && type != SET_PREFIXES)
		return node_error(loader, value,
				  "a live set holds prefixes; leave 'type' out, or 'live'");
	if (!r && draft->live) {
		r = live_set_new(loader, draft->name, &named->index);
		type = SET_LIVE;
	} else if (!r && type == SET_PORTS)
		r = port_set_new(loader, draft->name, &named->index);
	else if (!r && type == SET_MACS)
		r = mac_set_new(loader, draft->name, &named->index);
	else if (!r)
		r = set_new(loader, draft->name->text, draft->name, &named->index);
	if (!r)
		named->type = (enum set_type)type;
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
	case SET_LIVE:
		return live_set_give(loader, draft);
	default:
		policy->sets[index].n_v4 = content->prefixes.n_v4;
		policy->sets[index].v4 = TAKE_PTR(content->prefixes.v4);
		policy->sets[index].n_v6 = content->prefixes.n_v6;
		policy->sets[index].v6 = TAKE_PTR(content->prefixes.v6);
		policy->sets[index].varies = draft->file || draft->files || draft->glob ||
					     content->prefixes.varies ||
					     draft->except.prefixes.varies;
		policy->sets[index].origin = TAKE_PTR(draft->origin);
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
	case SET_LIVE:
		policy->live_sets[index].notes = draft->notes;
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
	if (draft->guard.watch && !has_files)
		return node_error(loader, draft->watch_value->key,
				  "'watch' is about list files; this set has none");
	if (draft->max_shrink_given && !has_files)
		return node_error(loader, draft->max_shrink_value->key,
				  "'max-shrink' is about list files; this set has none");
	if (has_files || draft->elements || draft->live)
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

int set_read(struct loader *loader, uint32_t position)
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
		r = set_join_living(loader, &draft);
	if (!r && !draft.live)
		r = set_apply_exceptions(loader, &draft);
	if (!r)
		r = give_content(loader, &draft);
	give_notes(loader, &draft);
	loader->n_reading--;
	named->state = SET_READ;
	set_content_done(&draft.content);
	set_content_done(&draft.except);
	set_origin_free(draft.origin);
	live_draft_done(&draft);
	name_index_done(&draft.paths);
	return r;
}

/* --- all sets ---------------------------------------------------------------------------- */

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
			r = worse(r, set_read(loader, i));
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
