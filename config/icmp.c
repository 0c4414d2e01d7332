/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * icmp.c: the field icmp. A word means the type in each family that has it, or a group of types; a
 * number belongs to one family, so it is written with it: icmp:8, icmp:3/4, icmpv6:128, icmp:3/0-3.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

/* As abi.h lays the field out. */
static uint32_t icmp_value(unsigned int family, uint32_t type, uint32_t code)
{
	return (uint32_t)family << 16 | type << 8 | code;
}

static int add_word(struct ranges *ranges, const struct icmp_word *word)
{
	int types[] = { word->v4_type, word->v6_type }, codes[] = { word->v4_code, word->v6_code };
	int r = 0;

	for (unsigned int family = 0; family < 2 && !r; family++) {
		if (types[family] < 0)
			continue;
		r = ranges_add(ranges,
			       icmp_value(family, (uint32_t)types[family],
					  codes[family] < 0 ? 0 : (uint32_t)codes[family]),
			       icmp_value(family, (uint32_t)types[family],
					  codes[family] < 0 ? 255 : (uint32_t)codes[family]));
	}
	return r;
}

static int add_group(struct ranges *ranges, const struct icmp_group *group)
{
	int r = 0;

	for (const struct icmp_types *types = group->types; types->first <= types->last && !r;
	     types++)
		r = ranges_add(ranges, icmp_value(types->family, types->first, 0),
			       icmp_value(types->family, types->last, 255));
	return r;
}

static bool byte_range(const char *text, uint32_t *first, uint32_t *last)
{
	return range_parse(text, first, last) && *first <= *last && *last <= 255;
}

/* TYPE, TYPE-TYPE, TYPE/CODE, TYPE/CODE-CODE behind "icmp:" or "icmpv6:". */
static int parse_numbers(struct loader *loader, const struct node *item, const char *numbers,
			 unsigned int family, struct values_state *state)
{
	const char *slash = strchr(numbers, '/');
	uint32_t type, last_type, code = 0, last_code = 255;
	char types[16];

	snprintf(types, sizeof(types), "%.*s",
		 slash ? (int)(slash - numbers) : (int)strlen(numbers), numbers);
	if (!byte_range(types, &type, &last_type) ||
	    (slash && !byte_range(slash + 1, &code, &last_code)))
		return node_error(loader, item,
				  "'%.40s': types and codes are numbers from 0 to 255, as in "
				  "icmp:3/4 or icmpv6:133-136",
				  item->text);
	if (slash && type != last_type)
		return node_error(loader, item, "a code goes with one type, not with a range");
	if (text_list_add(&state->items, "%s", item->text) < 0)
		return -ENOMEM;
	return ranges_add(&state->ranges, icmp_value(family, type, code),
			  icmp_value(family, last_type, last_code));
}

static int refuse(struct loader *loader, const struct node *item)
{
	const char *names[64], *nearest;
	size_t n = 0, len = strcspn(item->text, "/");
	char buffer[64];

	if (*item->text && strspn(item->text, "0123456789/-") == item->len)
		return node_error(loader, item,
				  "numbers differ between the families; write icmp:%.20s or "
				  "icmpv6:%.20s",
				  item->text, item->text);
	for (const struct icmp_group *group = icmp_groups; group->name; group++)
		names[n++] = group->name;
	for (const struct icmp_word *word = icmp_words; word->name; word++)
		if (n + 1 < ARRAY_SIZE(names))
			names[n++] = word->name;
	for (size_t i = 0; i < n && len < item->len; i++)
		if (!strncmp(names[i], item->text, len) && !names[i][len])
			return node_error(loader, item,
					  "codes differ between the families; write icmp:TYPE/CODE "
					  "or icmpv6:TYPE/CODE");
	names[n] = NULL;
	nearest = is_quiet(loader) ? NULL : suggest(item->text, names);
	if (nearest)
		return node_error(loader, item, "unknown ICMP type '%.63s'; did you mean '%s'?",
				  item->text, nearest);
	return node_error(loader, item, "expected %s, found %s",
			  schema_find(&schema_match, "icmp")->form,
			  node_describe(item, buffer, sizeof(buffer)));
}

static int parse_icmp(struct loader *loader, const struct node *item, void *target)
{
	struct values_state *state = target;
	int r = node_expect(loader, item, NODE_SCALAR, state->key->form);

	if (r < 0)
		return r;
	if (!strncmp(item->text, "icmp:", 5))
		return parse_numbers(loader, item, item->text + 5, 0, state);
	if (!strncmp(item->text, "icmpv6:", 7))
		return parse_numbers(loader, item, item->text + 7, 1, state);
	for (const struct icmp_word *word = icmp_words; word->name; word++) {
		if (strcmp(word->name, item->text) != 0)
			continue;
		if (text_list_add(&state->items, "%s", word->name) < 0)
			return -ENOMEM;
		return add_word(&state->ranges, word);
	}
	for (const struct icmp_group *group = icmp_groups; group->name; group++) {
		if (strcmp(group->name, item->text) != 0)
			continue;
		if (text_list_add(&state->items, "%s", group->name) < 0)
			return -ENOMEM;
		return add_group(&state->ranges, group);
	}
	return refuse(loader, item);
}

/* The one type that the ranges have in the family; its least code. UINT32_MAX: none, or several. */
static uint32_t only_type(const struct ranges *ranges, unsigned int family)
{
	uint32_t found = UINT32_MAX;

	for (size_t i = 0; i < ranges->n; i++) {
		const struct range *range = &ranges->items[i];

		if (range->first >> 16 != family)
			continue;
		if (found != UINT32_MAX || range->first >> 8 != range->last >> 8)
			return UINT32_MAX;
		found = range->first;
	}
	return found;
}

int icmp_value_parse(struct loader *loader, const struct node *item, const struct key_schema *key,
		     uint32_t ret[N_FAMILIES])
{
	struct values_state state = { .key = key };
	int r = parse_icmp(loader, item, &state);

	ranges_merge(&state.ranges);
	ret[FAMILY_V4] = only_type(&state.ranges, 0);
	ret[FAMILY_V6] = only_type(&state.ranges, 1);
	/* A name stands for all codes, and code 0 is the usual one; numbers say what they mean. */
	if (!r && ((ret[FAMILY_V4] == UINT32_MAX && ret[FAMILY_V6] == UINT32_MAX) ||
		   (strchr(item->text, ':') && strchr(item->text, '-'))))
		r = node_error(loader, item, "a packet has one ICMP type and code; write one");
	text_list_done(&state.items);
	free(state.ranges.items);
	return r;
}

int parse_match_icmp(struct loader *loader, const struct node *value, const struct key_schema *key,
		     void *target)
{
	return values_parse(loader, value, key, target, parse_icmp);
}
