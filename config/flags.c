/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flags.c: the fields tcp-flags, fragment and ip-options.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

struct flags {
	uint32_t set, clear;
};

static int parse_flag(struct loader *loader, const struct node *item, void *target)
{
	uint32_t flag, *flags = target;
	int r = word_parse(loader, item, tcp_flag_words,
			   "a flag (fin, syn, rst, psh, ack, urg, ece, cwr)", &flag);

	if (!r)
		*flags |= flag;
	return r;
}

int parse_flags_set(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	return items_parse(loader, value, parse_flag, &((struct flags *)target)->set);
}

int parse_flags_clear(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	return items_parse(loader, value, parse_flag, &((struct flags *)target)->clear);
}

int flags_value_parse(struct loader *loader, const struct node *value, uint32_t *ret)
{
	*ret = 0;
	if (value->kind == NODE_LIST && !value->n)
		return 0;
	return items_parse(loader, value, parse_flag, ret);
}

static int add_flags_text(struct text_list *items, const struct flags *flags)
{
	struct text_list set = { 0 }, clear = { 0 };
	struct text text = { 0 };
	int r = 0;

	for (const struct word *word = tcp_flag_words; word->name && !r; word++) {
		if (flags->set & word->value)
			r = text_list_add(&set, "%s", word->name);
		else if (flags->clear & word->value)
			r = text_list_add(&clear, "%s", word->name);
	}
	if (!r && set.n)
		r = text_add(&text, "set: ") ?: text_add_list(&text, &set);
	if (!r && clear.n)
		r = text_add(&text, "%sclear: ", set.n ? ", " : "") ?: text_add_list(&text, &clear);
	if (!r)
		r = text_list_add(items, "{%s}", text.text);
	text_list_done(&set);
	text_list_done(&clear);
	text_done(&text);
	return r;
}

static const struct flag_group *find_group(const char *name)
{
	for (const struct flag_group *group = flag_groups; group->name; group++)
		if (!strcmp(group->name, name))
			return group;
	return NULL;
}

/* The values of the flags' byte that have all of set, none of clear, and one of any, if there are
 * such. */
static int add_flags(struct ranges *ranges, uint32_t set, uint32_t clear, uint32_t any)
{
	int r = 0;

	for (uint32_t byte = 0; byte < 256 && !r; byte++)
		if ((byte & set) == set && !(byte & clear) && (!any || byte & any))
			r = ranges_add(ranges, byte, byte);
	return r;
}

static int parse_flag_group(struct loader *loader, const struct node *item,
			    struct values_state *state)
{
	const struct flag_group *group = find_group(item->text);
	const char *names[16], *nearest;
	char buffer[64];
	size_t n = 0;

	if (group)
		return add_flags(&state->ranges, group->set, group->clear, group->any)
			       ?: text_list_add(&state->items, "%s", group->name);
	if (word_find(tcp_flag_words, item->text))
		return node_error(loader, item,
				  "'%s' is a single flag; write {set: %s} or {clear: %s}",
				  item->text, item->text, item->text);
	for (group = flag_groups; group->name; group++)
		names[n++] = group->name;
	names[n] = NULL;
	nearest = suggest(item->text, names);
	return node_error(loader, item,
			  nearest ? "expected %s, found %s; did you mean '%s'?"
				  : "expected %s, found %s",
			  state->key->form, node_describe(item, buffer, sizeof(buffer)), nearest);
}

static int parse_tcp_flags(struct loader *loader, const struct node *item, void *target)
{
	struct values_state *state = target;
	struct flags flags = { 0 };
	int r;

	if (item->kind == NODE_SCALAR && !node_is_empty(item))
		return parse_flag_group(loader, item, state);
	r = node_expect(loader, item, NODE_MAPPING, state->key->form);
	if (!r)
		r = mapping_parse(loader, item, &schema_tcp_flags, &flags);
	if (r < 0)
		return r;
	if (!(flags.set | flags.clear))
		return node_error(loader, item,
				  "needs 'set' or 'clear': {set: [...], clear: [...]}");
	if (flags.set & flags.clear)
		return node_error(loader, item, "'%s' cannot be set and clear at once",
				  word_of(tcp_flag_words,
					  flags.set & flags.clear & -(flags.set & flags.clear))
					  ->name);
	r = add_flags(&state->ranges, flags.set, flags.clear, 0);
	return r ? r : add_flags_text(&state->items, &flags);
}

static int parse_fragment(struct loader *loader, const struct node *item, void *target)
{
	struct values_state *state = target;
	uint32_t first = FRAGMENT_FIRST, last = FRAGMENT_LATER;
	int r;

	if (item->kind != NODE_SCALAR || strcmp(item->text, "any")) {
		r = word_parse(loader, item, fragment_words, state->key->form, &first);
		if (r < 0)
			return r;
		last = first;
	}
	if (text_list_add(&state->items, "%s", item->text) < 0)
		return -ENOMEM;
	return ranges_add(&state->ranges, first, last);
}

static int parse_ip_options(struct loader *loader, const struct node *item, void *target)
{
	struct values_state *state = target;
	uint32_t value;
	int r = word_parse(loader, item, ip_options_words, state->key->form, &value);

	if (r < 0)
		return r;
	if (text_list_add(&state->items, "%s", item->text) < 0)
		return -ENOMEM;
	return ranges_add(&state->ranges, value, value);
}

int parse_match_tcp_flags(struct loader *loader, const struct node *value,
			  const struct key_schema *key, void *target)
{
	return values_parse(loader, value, key, target, parse_tcp_flags);
}

int parse_match_fragment(struct loader *loader, const struct node *value,
			 const struct key_schema *key, void *target)
{
	return values_parse(loader, value, key, target, parse_fragment);
}

int parse_match_ip_options(struct loader *loader, const struct node *value,
			   const struct key_schema *key, void *target)
{
	return values_parse(loader, value, key, target, parse_ip_options);
}
