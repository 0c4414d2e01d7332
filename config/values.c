/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * values.c: fields whose values are numbers: from words, numbers and ranges to sorted, merged
 * ranges within the field's domain.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

/* What may stand in a field. Domains are those of abi.h; the limits here are the language's. */
struct scalar_syntax {
	const char *what; /* "port" */
	uint32_t least, most;
	const struct word *words; /* NULL: numbers only */
	bool hex;                 /* numbers are shown as 0x0806 */
};

static const struct scalar_syntax syntax[N_SCALAR_FIELDS] = {
	[FIELD_PROTO] = { "protocol", 0, 255, protocol_words },
	[FIELD_SPORT] = { "port", 0, 65535 },
	[FIELD_DPORT] = { "port", 0, 65535 },
	[FIELD_LENGTH] = { "length", 0, 65575 },
	[FIELD_TTL] = { "TTL", 0, 255 },
	[FIELD_DSCP] = { "DSCP", 0, 63, dscp_words },
	[FIELD_VLAN] = { "VLAN", VLAN_FIRST, VLAN_LAST },
	[FIELD_ETHERTYPE] = { "ethertype", 0x600, 0xffff, ethertype_words, true },
};

void scalar_limits(enum scalar_field field, uint32_t *ret_least, uint32_t *ret_most,
		   const struct word **ret_words)
{
	*ret_least = syntax[field].least;
	*ret_most = syntax[field].most;
	*ret_words = syntax[field].words;
}

/* --- ranges ------------------------------------------------------------------------------ */

int ranges_add(struct ranges *ranges, uint32_t first, uint32_t last)
{
	/* Many values mostly repeat or touch: merge before the memory grows. */
	if (ranges->n >= 2 * CONFIG_MAX_RANGES)
		ranges_merge(ranges);
	if (array_reserve((void **)&ranges->items, &ranges->capacity, ranges->n + 1,
			  sizeof(*ranges->items)) < 0)
		return -ENOMEM;
	ranges->items[ranges->n++] = (struct range){ first, last };
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

void ranges_merge(struct ranges *ranges)
{
	struct range *items = ranges->items;
	size_t n = 0;

	if (!ranges->n)
		return;
	qsort(items, ranges->n, sizeof(*items), compare);
	for (size_t i = 1; i < ranges->n; i++) {
		if (items[i].first > items[n].last + 1)
			items[++n] = items[i];
		else if (items[i].last > items[n].last)
			items[n].last = items[i].last;
	}
	ranges->n = n + 1;
}

int ranges_take(struct loader *loader, const struct node *node, struct ranges *ranges, bool negated,
		struct scalar_match *match)
{
	if (ranges->n > CONFIG_MAX_RANGES)
		return node_error(loader, node, "more than %d ranges in one condition",
				  CONFIG_MAX_RANGES);
	if (ranges->n > CONFIG_MAX_ALL_RANGES - loader->n_ranges) {
		if (loader->ranges_exceeded)
			return -EINVAL;
		loader->ranges_exceeded = true;
		return node_error(loader, node,
				  "more than %lu ranges in the conditions of all rules; name large "
				  "sets of ports in fewer rules",
				  CONFIG_MAX_ALL_RANGES);
	}
	loader->n_ranges += ranges->n;
	match->present = true;
	match->negated = negated;
	match->n_ranges = ranges->n;
	match->ranges = TAKE_PTR(ranges->items);
	return 0;
}

/* --- numbers ----------------------------------------------------------------------------- */

/* 16 if it is no digit */
static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

bool number_parse(const char *text, size_t len, uint32_t *ret)
{
	unsigned int base = 10;
	uint64_t value = 0;

	if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
		len -= 2;
	} else if (len > 1 && text[0] == '0') {
		return false; /* octal to some, decimal to others */
	}
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = digit_of(text[i]);

		if (digit >= base)
			return false;
		value = value * base + digit;
		if (value > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

static bool looks_like_number(const char *text)
{
	return *text && strspn(text, "0123456789-") == strlen(text);
}

bool range_parse(const char *text, uint32_t *ret_first, uint32_t *ret_last)
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);

	if (!number_parse(text, len, ret_first))
		return false;
	*ret_last = *ret_first;
	return !dash || number_parse(dash + 1, strlen(dash + 1), ret_last);
}

/* --- conditions -------------------------------------------------------------------------- */

struct scalar_state {
	const struct scalar_syntax *syntax;
	const struct key_schema *key;
	struct ranges literals, from_sets;
	struct text_list items; /* the names of sets */
};

static int refuse_word(struct loader *loader, const struct node *item,
		       const struct scalar_syntax *s, const char *form)
{
	const char *nearest = NULL;
	char buffer[64];

	if (item->text[0] == '$')
		return node_error(loader, item,
				  "sets hold prefixes, ports or MAC addresses; write each %s here",
				  s->what);
	if (s->words == protocol_words &&
	    (!strcmp(item->text, "ip") || !strcmp(item->text, "ipv4") ||
	     !strcmp(item->text, "ipv6")))
		return node_error(
			loader, item,
			"'%s' is not carried in an IP packet; for the version of IP, write "
			"ethertype: ipv4 or ethertype: ipv6",
			item->text);
	if (looks_like_number(item->text))
		return node_error(loader, item, "'%.40s' is not a %s; write %s", item->text,
				  s->what, form);
	if (s->words)
		nearest = word_suggest(loader, s->words, item->text);
	if (nearest)
		return node_error(loader, item, "unknown %s '%.63s'; did you mean '%s'?", s->what,
				  item->text, nearest);
	return node_error(loader, item, "expected %s, found %s", form,
			  node_describe(item, buffer, sizeof(buffer)));
}

/* A word, a number or a range, from a scalar. */
static int parse_range(struct loader *loader, const struct node *item,
		       const struct scalar_syntax *s, const char *form, struct ranges *ranges)
{
	const struct word *word = s->words ? word_find(s->words, item->text) : NULL;
	uint32_t first, last;

	if (word)
		return ranges_add(ranges, word->value, word->value);
	if (!range_parse(item->text, &first, &last))
		return refuse_word(loader, item, s, form);
	if (first > last)
		return node_error(loader, item, "the range %s is backwards; write %u-%u",
				  item->text, last, first);
	if (first < s->least || last > s->most)
		return node_error(loader, item,
				  s->hex ? "%s %s is out of range: 0x%04x to 0x%04x"
					 : "%s %s is out of range: %u to %u",
				  s->what, item->text, s->least, s->most);
	return ranges_add(ranges, first, last);
}

int port_range_parse(struct loader *loader, const struct node *item, struct ranges *ranges)
{
	static const char form[] = "a port or a range such as 1024-65535";
	int r = node_expect(loader, item, NODE_SCALAR, form);

	return r < 0 ? r : parse_range(loader, item, &syntax[FIELD_SPORT], form, ranges);
}

int scalar_value_parse(struct loader *loader, const struct node *item, const struct key_schema *key,
		       uint32_t *ret)
{
	const struct scalar_syntax *s = &syntax[key->arg];
	struct ranges ranges = { 0 };
	int r = node_expect(loader, item, NODE_SCALAR, key->form);

	if (!r && item->text[0] == '$')
		r = node_error(loader, item, "a packet has one %s, not a set", s->what);
	if (!r)
		r = parse_range(loader, item, s, key->form, &ranges);
	if (!r && ranges.items[0].first != ranges.items[0].last)
		r = node_error(loader, item, "a packet has one %s, not a range", s->what);
	if (!r)
		*ret = ranges.items[0].first;
	free(ranges.items);
	return r;
}

static int parse_port_set(struct loader *loader, const struct node *item,
			  struct scalar_state *state)
{
	const struct port_set *set;
	uint32_t index;
	int r;

	r = set_resolve(loader, item, state->key->name, SET_PORTS, &index);
	if (r < 0)
		return r;
	set = &loader->policy->port_sets[index];
	r = set_count_copied(loader, item, set->n_ranges);
	for (size_t i = 0; i < set->n_ranges && !r; i++)
		r = ranges_add(&state->from_sets, set->ranges[i].first, set->ranges[i].last);
	return r ? r : text_list_add(&state->items, "%s", item->text);
}

static int parse_scalar(struct loader *loader, const struct node *item, void *target)
{
	struct scalar_state *state = target;
	int r = node_expect(loader, item, NODE_SCALAR, state->key->form);

	if (r < 0)
		return r;
	if (state->key->arg != FIELD_SPORT && state->key->arg != FIELD_DPORT)
		return parse_range(loader, item, state->syntax, state->key->form, &state->literals);
	if (item->text[0] == '$')
		return parse_port_set(loader, item, state);
	if (name_index_find(&loader->set_names, item->text) >= 0 && !looks_like_number(item->text))
		return node_error(loader, item, "'%s' is a set; write $%s", item->text, item->text);
	return parse_range(loader, item, state->syntax, state->key->form, &state->literals);
}

const char *scalar_format(enum scalar_field field, const struct range *range,
			  char buffer[SCALAR_TEXT])
{
	const struct scalar_syntax *s = &syntax[field];
	const struct word *word = NULL;

	if (s->words && range->first == range->last)
		word = word_of(s->words, range->first);
	if (word)
		snprintf(buffer, SCALAR_TEXT, "%s", word->name);
	else if (range->first == range->last)
		snprintf(buffer, SCALAR_TEXT, s->hex ? "0x%04x" : "%u", range->first);
	else
		snprintf(buffer, SCALAR_TEXT, s->hex ? "0x%04x-0x%04x" : "%u-%u", range->first,
			 range->last);
	return buffer;
}

/* The normalised text, and all ranges in one. */
static int join_ranges(struct scalar_state *state)
{
	char text[SCALAR_TEXT];
	int r = 0;

	ranges_merge(&state->literals);
	for (size_t i = 0; i < state->literals.n && !r; i++)
		r = text_list_add(&state->items, "%s",
				  scalar_format(state->key->arg, &state->literals.items[i], text));
	for (size_t i = 0; i < state->from_sets.n && !r; i++)
		r = ranges_add(&state->literals, state->from_sets.items[i].first,
			       state->from_sets.items[i].last);
	ranges_merge(&state->literals);
	return r;
}

/* target is the rule's draft, key->arg the field. */
int parse_match_scalar(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	struct rule_draft *draft = target;
	struct scalar_state state = { .syntax = &syntax[key->arg], .key = key };
	const struct node *inner;
	bool negated;
	int r;

	r = negation_unwrap(loader, value, &inner, &negated);
	if (!r)
		r = items_parse(loader, inner, parse_scalar, &state);
	if (!r)
		r = join_ranges(&state);
	if (!r)
		r = draft_add(draft, key, value, negated, &state.items);
	if (!r)
		r = ranges_take(loader, value, &state.literals, negated,
				&draft->rule->scalar[key->arg]);
	text_list_done(&state.items);
	free(state.literals.items);
	free(state.from_sets.items);
	return r;
}
