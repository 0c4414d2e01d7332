/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * set_keys.c: what a set is made from: elements and exceptions, which may name other sets of the
 * same type, and list files.
 */
#include "sets.h"

#include <string.h>

#include "prefix.h"
#include "util.h"

#define DEFAULT_MAX_SHRINK 50 /* percent, of sets that are watched */

/* --- elements ---------------------------------------------------------------------------- */

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
	if (name_index_find(&loader->set_names, node->text) >= 0)
		return node_error(loader, node, "'%s' is a set; write $%s", node->text, node->text);
	prefix_explain(result, node->text, node->len, ret, message, sizeof(message));
	return node_error(loader, node, "%s", message);
}

/* Does someone try to make a set of ports, or of MAC addresses? */
static const char *type_hint(const char *text)
{
	size_t len = strlen(text);

	if (len && strspn(text, "0123456789-") == len)
		return "; for ports, write {type: port, elements: [...]}";
	if (len == 17 && strspn(text, "0123456789abcdefABCDEF:") == len)
		return "; for MAC addresses, write {type: mac, elements: [...]}";
	return NULL;
}

/* Is it wider than the set's max-width? That is said of elements only if the policy file does. */
static bool is_too_wide(const struct list_guard *width, const struct prefix *prefix)
{
	return prefix->family == FAMILY_V4 ? width->v4_given && prefix->v4.len < width->v4
					   : width->v6_given && prefix->v6.len < width->v6;
}

static int refuse_width(struct loader *loader, const struct node *item, const struct prefix *prefix,
			const struct list_guard *width)
{
	char buffer[PREFIX_TEXT];

	prefix_format(prefix, buffer);
	return node_error(loader, item, "%s%s%s is wider than /%u, the 'max-width' of the set",
			  item->text[0] == '$' ? item->text : "",
			  item->text[0] == '$' ? " cannot be in it: " : "", buffer,
			  prefix->family == FAMILY_V4 ? width->v4 : width->v6);
}

static int parse_prefix(struct loader *loader, const struct node *item, struct set_draft *draft,
			struct set_content *content)
{
	struct diag_place place = source_place(item->source, item->offset, item->width);
	struct prefix prefix;
	int r;

	if (item->kind == NODE_SCALAR && type_hint(item->text))
		return node_error(loader, item, "'%s' is not an IPv4 or IPv6 address or prefix%s",
				  item->text, type_hint(item->text));
	r = prefix_read(loader, item, &prefix);
	if (r < 0)
		return r;
	if (content == &draft->except)
		return set_push(&content->prefixes, &content->space, &prefix);
	if (is_too_wide(&draft->guard, &prefix))
		return refuse_width(loader, item, &prefix, &draft->guard);
	return set_add(loader, &content->prefixes, &content->space, &prefix, &place);
}

/* --- sets in sets ------------------------------------------------------------------------ */

static int check_widths(struct loader *loader, const struct node *item,
			const struct prefix_set *set, const struct list_guard *width)
{
	for (size_t i = 0; width->v4_given && i < set->n_v4; i++) {
		struct prefix prefix = { .family = FAMILY_V4, .v4 = set->v4[i] };

		if (is_too_wide(width, &prefix))
			return refuse_width(loader, item, &prefix, width);
	}
	for (size_t i = 0; width->v6_given && i < set->n_v6; i++) {
		struct prefix prefix = { .family = FAMILY_V6, .v6 = set->v6[i] };

		if (is_too_wide(width, &prefix))
			return refuse_width(loader, item, &prefix, width);
	}
	return 0;
}

/* Exceptions do not count: they hold each set once, and are gone when the set is read. */
static int count_prefixes(struct loader *loader, const struct node *item,
			  const struct prefix_set *set)
{
	size_t n = set->n_v4 + set->n_v6;

	if (n <= CONFIG_MAX_PREFIXES - loader->n_prefixes) {
		loader->n_prefixes += n;
		return 0;
	}
	if (loader->prefixes_exceeded)
		return -EINVAL;
	loader->prefixes_exceeded = true;
	return node_error(loader, item,
			  "more than %lu prefixes in all sets; those of a set in a set count again",
			  CONFIG_MAX_PREFIXES);
}

/* The set by index joins the content when that has been read. */
static int add_later(struct set_content *content, uint32_t index)
{
	if (array_reserve((void **)&content->living, &content->living_capacity,
			  content->n_living + 1, sizeof(*content->living)) < 0)
		return -ENOMEM;
	content->living[content->n_living++] = index;
	return 0;
}

static int add_prefixes(struct loader *loader, const struct node *item, struct set_draft *draft,
			struct set_content *content, uint32_t index)
{
	const struct prefix_set *set = &loader->policy->sets[index];
	int r = set_count_copied(loader, item, set->n_v4 + set->n_v6);

	if (!r && content == &draft->content)
		r = check_widths(loader, item, set, &draft->guard);
	if (!r && content == &draft->content)
		r = count_prefixes(loader, item, set);
	if (r < 0)
		return r;
	content->prefixes.varies |= set->varies;
	return set_is_living(set) ? add_later(content, index) : set_append(content, set);
}

static int add_ports(struct loader *loader, const struct node *item, struct set_content *content,
		     const struct port_set *set)
{
	int r = set_count_copied(loader, item, set->n_ranges);

	for (size_t i = 0; i < set->n_ranges && !r; i++)
		r = ranges_add(&content->ports, set->ranges[i].first, set->ranges[i].last);
	return r;
}

static int add_macs(struct loader *loader, const struct node *item, struct set_content *content,
		    const struct mac_set *set)
{
	int r = set_count_copied(loader, item, set->n_macs);

	/* Sets mostly overlap: merge before the memory grows. */
	if (content->macs.n > 4 * CONFIG_MAX_MACS)
		macs_sort(&content->macs);
	return r ? r
		 : macs_add(&content->macs, (const uint8_t(*)[MAC_BYTES])set->macs, set->n_macs);
}

/* Of its elements and exceptions. */
static enum set_type content_type(const struct set_draft *draft)
{
	return draft->named->type == SET_LIVE ? SET_PREFIXES : draft->named->type;
}

static int add_set(struct loader *loader, const struct node *item, struct set_draft *draft,
		   struct set_content *content)
{
	const struct policy *policy = loader->policy;
	enum set_type type = content_type(draft);
	uint32_t index;
	int r;

	if (name_index_find(&content->sets, item->text) >= 0)
		return 0;
	r = set_resolve(loader, item, draft->name->text, type, &index);
	if (r < 0)
		return r;
	if (name_index_add(&content->sets, item->text) < 0)
		return -ENOMEM;
	switch (type) {
	case SET_PORTS:
		return add_ports(loader, item, content, &policy->port_sets[index]);
	case SET_MACS:
		return add_macs(loader, item, content, &policy->mac_sets[index]);
	default:
		return add_prefixes(loader, item, draft, content, index);
	}
}

static int parse_element(struct loader *loader, const struct node *item, struct set_draft *draft,
			 struct set_content *content)
{
	uint8_t mac[1][MAC_BYTES];
	int r;

	if (item->kind == NODE_SCALAR && item->text[0] == '$')
		return add_set(loader, item, draft, content);
	if (content_type(draft) == SET_PREFIXES)
		return parse_prefix(loader, item, draft, content);
	if (draft->named->type == SET_PORTS)
		return port_range_parse(loader, item, &content->ports);
	r = mac_read(loader, item, "a MAC address such as 02:00:5e:10:00:01", mac[0]);
	return r < 0 ? r : macs_add(&content->macs, (const uint8_t(*)[MAC_BYTES])mac, 1);
}

static int parse_elements(struct loader *loader, const struct node *list, struct set_draft *draft,
			  struct set_content *content)
{
	int r = 0;

	/* What came from files is there already: the arrays have at least that much room. */
	content->space = (struct prefix_space){ content->prefixes.n_v4, content->prefixes.n_v6 };
	for (const struct node *item = list->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, parse_element(loader, item, draft, content));
	return r;
}

int set_parse_elements(struct loader *loader, const struct node *list, struct set_draft *draft)
{
	return parse_elements(loader, list, draft, &draft->content);
}

int parse_set_elements(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	struct set_draft *draft = target;
	int r;

	draft->elements = value;
	r = live_set_refuse(loader, value, draft);
	if (!r)
		r = node_expect(loader, value, NODE_LIST, key->form);
	if (r < 0)
		return r;
	return draft->named->type == SET_BAD ? -EINVAL : set_parse_elements(loader, value, draft);
}

int parse_set_except(struct loader *loader, const struct node *value, const struct key_schema *key,
		     void *target)
{
	struct set_draft *draft = target;
	struct node alone = { .kind = NODE_LIST,
			      .source = value->source,
			      .first = (struct node *)value };
	const struct node *list = value->kind == NODE_SCALAR ? &alone : value;
	int r = node_expect(loader, value, value->kind == NODE_SCALAR ? NODE_SCALAR : NODE_LIST,
			    key->form);

	draft->except_value = value;
	if (r < 0)
		return r;
	return draft->named->type == SET_BAD ? -EINVAL
					     : parse_elements(loader, list, draft, &draft->except);
}

/* --- list files -------------------------------------------------------------------------- */

static int parse_width(struct loader *loader, const struct node *value, const char *form,
		       uint32_t most, uint8_t *ret)
{
	uint32_t width;
	int r = node_expect(loader, value, NODE_SCALAR, form);

	if (r < 0)
		return r;
	if (!number_parse(value->text, value->len, &width) || width > most)
		return node_error(loader, value, "expected %s, found '%.40s'", form, value->text);
	*ret = (uint8_t)width;
	return 0;
}

/* target is a struct list_guard */
int parse_width_v4(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct list_guard *width = target;

	width->v4_given = true;
	return parse_width(loader, value, key->form, 32, &width->v4);
}

int parse_width_v6(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct list_guard *width = target;

	width->v6_given = true;
	return parse_width(loader, value, key->form, 128, &width->v6);
}

/* -EINVAL, reported, if the set is not one that list files may be for. */
static int check_type(struct loader *loader, const struct node *value,
		      const struct set_draft *draft)
{
	if (draft->named->type == SET_BAD)
		return -EINVAL;
	if (content_type(draft) == SET_PREFIXES)
		return strcmp(value->key->text, "max-width") != 0
			       ? live_set_refuse(loader, value, draft)
			       : 0;
	if (!strcmp(value->key->text, "max-width"))
		return node_error(loader, value->key,
				  "'max-width' is about prefixes; this is a set "
				  "of %s",
				  set_type_name(draft->named->type));
	return node_error(loader, value->key, "list files hold prefixes; write %s as 'elements'",
			  set_type_name(draft->named->type));
}

int parse_set_max_width(struct loader *loader, const struct node *value,
			const struct key_schema *key, void *target)
{
	struct set_draft *draft = target;
	struct list_guard *width = &draft->guard;
	int r = check_type(loader, value, draft);

	if (r < 0)
		return r;
	if (value->kind != NODE_SCALAR) {
		r = node_expect(loader, value, NODE_MAPPING, key->form);
		if (!r && !value->n)
			r = node_error(loader, value, "needs 'v4' or 'v6': %s", key->form);
		return r < 0 ? r : mapping_parse(loader, value, &schema_width, width);
	}
	r = parse_width(loader, value, key->form, 32, &width->v4);
	width->v6 = width->v4;
	width->v4_given = width->v6_given = true;
	return r;
}

int parse_set_keep(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;

	draft->keep_value = value;
	return bool_read(loader, value, key, &draft->keep);
}

int parse_set_watch(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct set_draft *draft = target;

	draft->watch_value = value;
	return bool_read(loader, value, key, &draft->guard.watch);
}

/* "50%" */
int parse_set_max_shrink(struct loader *loader, const struct node *value,
			 const struct key_schema *key, void *target)
{
	struct set_draft *draft = target;
	uint32_t percent;
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	draft->max_shrink_value = value;
	if (r < 0)
		return r;
	if (value->len < 2 || value->text[value->len - 1] != '%' ||
	    !number_parse(value->text, value->len - 1, &percent) || !percent || percent > 100)
		return node_error(loader, value, "expected %s, found '%.40s'", key->form,
				  value->text);
	draft->guard.max_shrink = (uint8_t)percent;
	draft->max_shrink_given = true;
	return 0;
}

/* --- notes ------------------------------------------------------------------------------- */

int parse_set_comment(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	return comment_read(loader, value, key, &((struct set_draft *)target)->notes);
}

int parse_set_tags(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	return tags_read(loader, value, key, &((struct set_draft *)target)->notes);
}

/* Read before what the set holds: files of one that has expired are not read any more. */
int parse_set_expires(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	struct set_draft *draft = target;
	int r;

	if (draft->live)
		return node_error(loader, value->key,
				  "a live set has no end; its entries do: after 'timeout', or when "
				  "they were added to end");
	r = expiry_read(loader, value, key, &draft->expiry);

	if (!r && draft->expiry.past)
		node_warning(
			loader, value,
			"set '%s' is empty since it expired; remove it, or give it a later date",
			draft->name->text);
	return r;
}

/* What list files of the set must be. A line that blocks, or lets in, the whole Internet is a mistake
 * unless it was foreseen. */
static struct list_guard make_guard(const struct set_draft *draft)
{
	struct list_guard guard = draft->guard;

	snprintf(guard.set, sizeof(guard.set), "%s", draft->name->text);
	if (!draft->max_shrink_given)
		guard.max_shrink = guard.watch ? DEFAULT_MAX_SHRINK : 100;
	if (!guard.v4_given)
		guard.v4 = 1;
	if (!guard.v6_given)
		guard.v6 = 1;
	return guard;
}

/* name: where the policy file says so; the path is owned by the policy then. */
static int read_list(struct loader *loader, const struct node *name, char *path,
		     struct set_draft *draft, const struct list_guard *guard)
{
	struct list_reader reader = {
		.set = &draft->content.prefixes,
		.guard = guard,
		.keep = draft->keep,
	};
	size_t n_files = loader->policy->n_files;
	int r;

	if (draft->expiry.past) {
		free(path);
		return 0;
	}
	r = list_read(loader, name, path, &reader);
	if (loader->policy->n_files > n_files &&
	    name_index_add(&draft->paths, loader->policy->files[n_files].path) < 0)
		return -ENOMEM;
	return r;
}

static int read_named(struct loader *loader, const struct node *name, struct set_draft *draft)
{
	const struct list_guard guard = make_guard(draft);
	char *path;
	int r = node_expect(loader, name, NODE_SCALAR, "the path of a list file");

	if (r < 0)
		return r;
	if (!name->len)
		return node_error(loader, name, "expected the path of a list file, found ''");
	path = path_resolve(name);
	if (!path)
		return -ENOMEM;
	if (name_index_find(&draft->paths, path) >= 0) {
		free(path);
		return node_error(loader, name, "the file is named twice");
	}
	return read_list(loader, name, path, draft, &guard);
}

int parse_set_file(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;
	int r = check_type(loader, value, draft);

	draft->file = value;
	return r < 0 ? r : read_named(loader, value, draft);
}

int parse_set_files(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct set_draft *draft = target;
	int r = check_type(loader, value, draft);

	draft->files = value;
	if (!r && draft->file)
		r = node_error(loader, value->key,
			       "'file' and 'files' exclude each other; put all into 'files'");
	if (!r)
		r = node_expect(loader, value, NODE_LIST, key->form);
	if (r < 0)
		return r;
	if (!value->n)
		return node_error(loader, value, "an empty list of files; name at least one");
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, read_named(loader, item, draft));
	return r;
}

/* A file that is named, or that an earlier pattern matches, is read once. */
static int parse_glob(struct loader *loader, const struct node *item, void *target)
{
	struct set_draft *draft = target;
	const struct list_guard guard = make_guard(draft);
	struct paths paths = { 0 };
	int r = draft->expiry.past ? 0 : glob_expand(loader, item, &guard, draft->keep, &paths);

	for (size_t i = 0; i < paths.n && r != -ENOMEM; i++)
		if (name_index_find(&draft->paths, paths.items[i]) < 0)
			r = worse(r,
				  read_list(loader, item, TAKE_PTR(paths.items[i]), draft, &guard));
	paths_done(&paths);
	return r;
}

int parse_set_glob(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;
	int r = check_type(loader, value, draft);

	draft->glob = value;
	if (!r && value->kind == NODE_LIST && !value->n)
		r = node_error(loader, value, "an empty list of patterns; name at least one");
	else if (!r)
		r = items_parse(loader, value, parse_glob, draft);
	return r;
}
