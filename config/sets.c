/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sets.c: named sets: of prefixes, written out or in list files, and of ports.
 */
#include "loader.h"

#include <string.h>

#include "prefix.h"
#include "util.h"

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

int set_add(struct loader *loader, struct prefix_set *set, struct prefix_space *space,
	    const struct prefix *prefix, const struct diag_place *place)
{
	if (loader->n_prefixes == CONFIG_MAX_PREFIXES) {
		if (loader->prefixes_exceeded)
			return -EINVAL;
		loader->prefixes_exceeded = true;
		return diag_error(loader->diags, place, "more than %lu prefixes in all sets",
				  CONFIG_MAX_PREFIXES);
	}
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
	loader->n_prefixes++;
	return 0;
}

int prefix_read(struct loader *loader, const struct node *node, struct prefix *ret)
{
	enum prefix_result result;
	char message[256];
	int r;

	r = node_expect(loader, node, NODE_SCALAR, "a prefix such as 192.0.2.0/24");
	if (r < 0)
		return r;
	result = prefix_parse(node->text, node->len, ret);
	if (result == PREFIX_V4 || result == PREFIX_V6)
		return 0;
	prefix_explain(result, node->text, node->len, ret, message, sizeof(message));
	return node_error(loader, node, "%s", message);
}

int set_resolve(struct loader *loader, const struct node *item, const struct key_schema *field,
		enum set_type type, uint32_t *ret)
{
	struct named_set *set;
	uint32_t position;
	int r;

	r = name_resolve(loader, item, item->text + 1, &loader->set_names, "set", &position);
	if (r < 0)
		return r;
	set = &loader->named_sets[position];
	set->used = true;
	if (set->type == SET_BAD)
		return -EINVAL;
	if (set->type != type)
		return node_error(loader, item, "%s is a set of %s; '%s' takes %s", item->text,
				  set->type == SET_PORTS ? "ports" : "prefixes", field->name,
				  type == SET_PORTS ? "ports" : "prefixes");
	*ret = set->index;
	return 0;
}

/* --- elements ---------------------------------------------------------------------------- */

/* Does someone try to make a set of ports, or of MAC addresses? */
static const char *type_hint(const char *text)
{
	size_t len = strlen(text);

	if (len && strspn(text, "0123456789-") == len)
		return "; for ports, write {type: port, elements: [...]}";
	if (len == 17 && strspn(text, "0123456789abcdefABCDEF:") == len)
		return "; sets of MAC addresses are not supported yet";
	return NULL;
}

static int parse_element(struct loader *loader, const struct node *node, struct prefix_set *set,
			 struct prefix_space *space)
{
	struct diag_place place = source_place(&loader->source, node->offset, node->width);
	struct prefix prefix;
	int r;

	if (node->kind == NODE_SCALAR && node->text[0] == '$')
		return node_error(
			loader, node,
			"not supported yet: a set in a set; name both where they are used");
	if (node->kind == NODE_SCALAR && type_hint(node->text))
		return node_error(loader, node, "'%s' is not an IPv4 or IPv6 address or prefix%s",
				  node->text, type_hint(node->text));
	r = prefix_read(loader, node, &prefix);
	return r < 0 ? r : set_add(loader, set, space, &prefix, &place);
}

/* The items of a list that is expected to be one. */
static int parse_prefixes(struct loader *loader, const struct node *list, struct prefix_set *set)
{
	/* What came from files is there already: the arrays have at least that much room. */
	struct prefix_space space = { set->n_v4, set->n_v6 };
	int r = 0;

	for (const struct node *item = list->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, parse_element(loader, item, set, &space));
	return r;
}

static int parse_ports(struct loader *loader, const struct node *list, struct port_set *set)
{
	struct ranges ranges = { 0 };
	int r = 0;

	for (const struct node *item = list->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, item->kind == NODE_SCALAR && item->text[0] == '$'
				     ? node_error(loader, item,
						  "not supported yet: a set in a set; name both "
						  "where they are used")
				     : port_range_parse(loader, item, &ranges));
	ranges_merge(&ranges);
	if (!r && ranges.n > CONFIG_MAX_RANGES)
		r = node_error(loader, list, "more than %d ranges in one set", CONFIG_MAX_RANGES);
	if (r < 0) { /* what names the set need not hear of it */
		free(ranges.items);
		return r;
	}
	set->n_ranges = ranges.n;
	set->ranges = ranges.items;
	return 0;
}

/* --- sets as mappings -------------------------------------------------------------------- */

static const struct word type_words[] = {
	{ "prefix", SET_PREFIXES },
	{ "port", SET_PORTS },
	{ NULL, 0 },
};

/* target of the keys of a set's mapping */
struct set_draft {
	struct named_set *named;
	const struct node *name;
	const struct node *file, *files, *elements;
};

static struct prefix_set *prefixes_of(struct loader *loader, const struct set_draft *draft)
{
	return &loader->policy->sets[draft->named->index];
}

static int port_set_new(struct loader *loader, const char *name, const struct node *node,
			uint32_t *ret)
{
	struct policy *policy = loader->policy;
	struct port_set *set;

	if (array_reserve((void **)&policy->port_sets, &loader->port_sets_capacity,
			  policy->n_port_sets + 1, sizeof(*policy->port_sets)) < 0)
		return -ENOMEM;
	set = &policy->port_sets[policy->n_port_sets];
	*set = (struct port_set){ .place = node_place(loader, node) };
	snprintf(set->name, sizeof(set->name), "%s", name);
	*ret = (uint32_t)policy->n_port_sets++;
	return 0;
}

/* The first of the keys that is read, named or not. */
int parse_set_type(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;
	const char *name = draft->name->text;
	uint32_t type;
	int r;

	if (value->kind == NODE_SCALAR && !strcmp(value->text, "mac"))
		return node_error(loader, value,
				  "not supported yet: sets of MAC addresses; write them in the "
				  "rules");
	r = word_parse(loader, value, type_words, key->form, &type);
	if (!r && type == SET_PORTS)
		r = port_set_new(loader, name, draft->name, &draft->named->index);
	else if (!r)
		r = set_new(loader, name, draft->name, &draft->named->index);
	if (!r)
		draft->named->type = (enum set_type)type;
	return r;
}

/* -EINVAL, reported, if the set is not one that list files may be for. */
static int check_files(struct loader *loader, const struct node *value,
		       const struct set_draft *draft)
{
	if (draft->named->type == SET_PORTS)
		return node_error(loader, value->key,
				  "not supported yet: list files of ports; write them as "
				  "'elements'");
	return draft->named->type == SET_BAD ? -EINVAL : 0;
}

int parse_set_file(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;
	int r = check_files(loader, value, draft);

	draft->file = value;
	return r < 0 ? r : list_read(loader, value, prefixes_of(loader, draft));
}

int parse_set_files(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct set_draft *draft = target;
	struct name_index seen = { 0 };
	int r;

	draft->files = value;
	r = check_files(loader, value, draft);
	if (!r)
		r = node_expect(loader, value, NODE_LIST, key->form);
	if (r < 0)
		return r;
	if (!value->n)
		return node_error(loader, value, "an empty list of files; name at least one");
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next) {
		if (item->kind == NODE_SCALAR && name_index_find(&seen, item->text) >= 0) {
			r = node_error(loader, item, "the file is named twice");
			continue;
		}
		if (item->kind == NODE_SCALAR && name_index_add(&seen, item->text) < 0)
			r = -ENOMEM;
		else
			r = worse(r, list_read(loader, item, prefixes_of(loader, draft)));
	}
	name_index_done(&seen);
	return r;
}

int parse_set_elements(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	struct set_draft *draft = target;
	int r;

	draft->elements = value;
	r = node_expect(loader, value, NODE_LIST, key->form);
	if (r < 0)
		return r;
	if (draft->named->type == SET_PORTS)
		return parse_ports(loader, value, &loader->policy->port_sets[draft->named->index]);
	if (draft->named->type == SET_PREFIXES)
		return parse_prefixes(loader, value, prefixes_of(loader, draft));
	return -EINVAL;
}

static int parse_set_mapping(struct loader *loader, const struct node *value,
			     struct named_set *named)
{
	struct set_draft draft = { .named = named, .name = value->key };
	int r = mapping_parse(loader, value, &schema_set, &draft);

	if (draft.file && draft.files)
		return worse(r, node_error(loader, draft.files->key,
					   "'file' and 'files' exclude each other; put all into "
					   "'files'"));
	if (!draft.file && !draft.files && !draft.elements && !r)
		return node_error(loader, value,
				  named->type == SET_PORTS
					  ? "a set of ports needs 'elements'"
					  : "a set needs a list of prefixes, or 'file', 'files' "
					    "or 'elements'");
	return r;
}

static int parse_set(struct loader *loader, const struct node *value)
{
	struct named_set *named = &loader->named_sets[loader->set_names.n - 1];
	int r;

	*named = (struct named_set){ .type = SET_BAD, .place = node_place(loader, value->key) };
	if (value->kind == NODE_MAPPING)
		return parse_set_mapping(loader, value, named);
	r = node_expect(loader, value, NODE_LIST,
			"a list of prefixes, {file: ...}, {files: [...]} or {type: port, elements: "
			"[...]}");
	if (!r)
		r = set_new(loader, value->key->text, value->key, &named->index);
	if (r < 0)
		return r;
	named->type = SET_PREFIXES;
	return parse_prefixes(loader, value, &loader->policy->sets[named->index]);
}

int parse_sets(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	if (r < 0)
		return r;
	return names_parse(loader, value, &loader->set_names, "set", "sets", CONFIG_MAX_SETS,
			   parse_set);
}
