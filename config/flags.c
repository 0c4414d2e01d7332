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

static bool is_flag_group(const char *text)
{
	static const char *const groups[] = { "syn", "established", "null", "xmas" };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(text, groups[i]))
			return true;
	return false;
}

static int parse_tcp_flags(struct loader *loader, const struct node *item, void *target)
{
	struct values_state *state = target;
	struct flags flags = { 0 };
	int r;

	if (item->kind == NODE_SCALAR && is_flag_group(item->text))
		return node_error(loader, item,
				  "not supported yet: the name '%s'; write "
				  "{set: [...], clear: [...]}",
				  item->text);
	r = node_expect(loader, item, NODE_MAPPING, state->key->form);
	if (!r)
		r = mapping_parse(loader, item, &schema_tcp_flags, &flags);
	if (r < 0)
		return r;
	if (!(flags.set | flags.clear))
		return node_error(loader, item, "needs 'set' or 'clear': %s", state->key->form);
	if (flags.set & flags.clear)
		return node_error(loader, item, "'%s' cannot be set and clear at once",
				  word_of(tcp_flag_words,
					  flags.set & flags.clear & -(flags.set & flags.clear))
					  ->name);
	for (uint32_t byte = 0; byte < 256 && !r; byte++)
		if ((byte & flags.set) == flags.set && !(byte & flags.clear))
			r = ranges_add(&state->ranges, byte, byte);
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
