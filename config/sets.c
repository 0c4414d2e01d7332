/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sets.c: named sets of prefixes, written out or in list files.
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
	r = prefix_read(loader, node, &prefix);
	return r < 0 ? r : set_add(loader, set, space, &prefix, &place);
}

/* target of the keys of a set's mapping */
struct set_draft {
	struct prefix_set *set;
	const struct node *file, *files;
};

int parse_set_file(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;

	draft->file = value;
	return list_read(loader, value, draft->set);
}

int parse_set_files(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct set_draft *draft = target;
	struct name_index seen = { 0 };
	int r;

	draft->files = value;
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
			r = worse(r, list_read(loader, item, draft->set));
	}
	name_index_done(&seen);
	return r;
}

static int parse_set_mapping(struct loader *loader, const struct node *value,
			     struct prefix_set *set)
{
	struct set_draft draft = { .set = set };
	int r = mapping_parse(loader, value, &schema_set, &draft);

	if (draft.file && draft.files)
		return worse(r, node_error(loader, draft.files->key,
					   "'file' and 'files' exclude each other; put all into "
					   "'files'"));
	if (!draft.file && !draft.files && !r)
		return node_error(loader, value,
				  "a set needs a list of prefixes, or 'file', or 'files'");
	return r;
}

static int parse_set(struct loader *loader, const struct node *value)
{
	struct prefix_space space = { 0 };
	struct prefix_set *set;
	uint32_t index;
	int r;

	r = set_new(loader, value->key->text, value->key, &index);
	if (r < 0)
		return r;
	set = &loader->policy->sets[index];
	if (value->kind == NODE_MAPPING)
		return parse_set_mapping(loader, value, set);
	r = node_expect(loader, value, NODE_LIST,
			"a list of prefixes, {file: ...} or {files: [...]}");
	if (r < 0)
		return r;
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, parse_element(loader, item, set, &space));
	return r;
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
