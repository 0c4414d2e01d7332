/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * print_values.c: from what conditions and sets hold to values of the policy language. Each
 * condition says in the language just what it says in the policy, no more, no less.
 */
#include <string.h>

#include "loader.h"
#include "prefix.h"
#include "print.h"
#include "sort.h"
#include "util.h"

/* --- prefixes ---------------------------------------------------------------------------- */

static bool holds_v4(const struct prefix_v4 *outer, const struct prefix_v4 *inner)
{
	uint32_t mask = outer->len ? ~0U << (32 - outer->len) : 0;

	return outer->len <= inner->len && (inner->addr & mask) == outer->addr;
}

static bool holds_v6(const struct prefix_v6 *outer, const struct prefix_v6 *inner)
{
	uint64_t hi = outer->len >= 64 ? ~0ULL : outer->len ? ~0ULL << (64 - outer->len) : 0;
	uint64_t lo = outer->len > 64 ? ~0ULL << (128 - outer->len) : 0;

	return outer->len <= inner->len && (inner->hi & hi) == outer->hi &&
	       (inner->lo & lo) == outer->lo;
}

static void add_prefix(struct items *items, const struct prefix *prefix)
{
	char text[PREFIX_TEXT], yaml[YAML_TEXT(PREFIX_TEXT)];

	items_add(items, "%s", yaml_word(prefix_format(prefix, text), yaml));
}

/* In ascending order a prefix that others hold comes right behind the last one that does not. */
static void drop_held(struct policy_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_v4; i++)
		if (!n || !holds_v4(&list->v4[n - 1], &list->v4[i]))
			list->v4[n++] = list->v4[i];
	list->n_v4 = n;
	n = 0;
	for (size_t i = 0; i < list->n_v6; i++)
		if (!n || !holds_v6(&list->v6[n - 1], &list->v6[i]))
			list->v6[n++] = list->v6[i];
	list->n_v6 = n;
}

void policy_list_done(struct policy_list *list)
{
	free(list->v4);
	free(list->v6);
	*list = (struct policy_list){ 0 };
}

int policy_list_make(const struct prefix_v4 *v4, size_t n_v4, const struct prefix_v6 *v6,
		     size_t n_v6, struct policy_list *ret)
{
	_cleanup_(policy_list_done) struct policy_list list = {
		.v4 = calloc(n_v4 + 1, sizeof(*v4)),
		.n_v4 = n_v4,
		.v6 = calloc(n_v6 + 1, sizeof(*v6)),
		.n_v6 = n_v6,
	};

	if (!list.v4 || !list.v6)
		return -ENOMEM;
	if (n_v4)
		memcpy(list.v4, v4, n_v4 * sizeof(*v4));
	if (n_v6)
		memcpy(list.v6, v6, n_v6 * sizeof(*v6));
	if (sort_v4(list.v4, n_v4) < 0 || sort_v6(list.v6, n_v6) < 0)
		return -ENOMEM;
	drop_held(&list);
	*ret = list;
	list = (struct policy_list){ 0 };
	return 0;
}

void items_add_list(struct items *items, const struct policy_list *list)
{
	for (size_t i = 0; i < list->n_v4; i++)
		add_prefix(items, &(struct prefix){ .family = FAMILY_V4, .v4 = list->v4[i] });
	for (size_t i = 0; i < list->n_v6; i++)
		add_prefix(items, &(struct prefix){ .family = FAMILY_V6, .v6 = list->v6[i] });
}

void items_add_prefixes(struct items *items, const struct prefix_set *set)
{
	_cleanup_(policy_list_done) struct policy_list list = { 0 };

	if (policy_list_make(set->v4, set->n_v4, set->v6, set->n_v6, &list) < 0)
		items->failed = true;
	else
		items_add_list(items, &list);
}

/* --- values of scalar fields ------------------------------------------------------------- */

/* A set of values, one byte each: what flags are small enough for. */
struct bytes {
	bool has[256];
};

/* Of the values that `{set, clear}` holds, flags in care being as in value and others anything: does
 * all have every one? */
static bool cube_in(const struct bytes *all, uint32_t care, uint32_t value)
{
	uint32_t free = ~care & 0xff;

	for (uint32_t rest = free;; rest = (rest - 1) & free) {
		if (!all->has[value | rest])
			return false;
		if (!rest)
			return true;
	}
}

/* Take those values out of left. Was there one? */
static bool cube_take(struct bytes *left, uint32_t care, uint32_t value)
{
	uint32_t free = ~care & 0xff;
	bool found = false;

	for (uint32_t rest = free;; rest = (rest - 1) & free) {
		found |= left->has[value | rest];
		left->has[value | rest] = false;
		if (!rest)
			return found;
	}
}

static void add_flag_names(struct text *text, const char *key, uint32_t flags)
{
	const char *separator = "";

	text_add(text, "%s%s: [", text->len > 1 ? ", " : "", key);
	for (const struct word *word = tcp_flag_words; word->name; word++) {
		if (!(flags & word->value))
			continue;
		text_add(text, "%s%s", separator, word->name);
		separator = ", ";
	}
	text_add(text, "]");
}

static void add_cube(struct items *items, uint32_t care, uint32_t value)
{
	struct text text = { 0 };

	if (text_add(&text, "{") < 0)
		items->failed = true;
	if (value)
		add_flag_names(&text, "set", value);
	if (care & ~value)
		add_flag_names(&text, "clear", care & ~value);
	items_add(items, "%s}", text.text ? text.text : "");
	text_done(&text);
}

/* The widest {set, clear} that hold only what is there, until all of it is told. Each names one
 * flag at least, since one that names none is no value of the field. */
static void add_tcp_flags(struct items *items, const struct bytes *all)
{
	struct bytes left = *all;

	for (int n_flags = 1; n_flags <= 8; n_flags++)
		for (uint32_t care = 1; care < 256; care++) {
			if (__builtin_popcount(care) != n_flags)
				continue;
			for (uint32_t value = care;; value = (value - 1) & care) {
				if (cube_in(all, care, value) && cube_take(&left, care, value))
					add_cube(items, care, value);
				if (!value)
					break;
			}
		}
}

static struct bytes bytes_of(const struct range *ranges, size_t n)
{
	struct bytes bytes = { 0 };

	for (size_t i = 0; i < n; i++)
		for (uint32_t value = ranges[i].first; value <= ranges[i].last && value < 256;
		     value++)
			bytes.has[value] = true;
	return bytes;
}

/* Types with all their codes where that is what the range has, else one type and its codes. */
static void add_icmp(struct items *items, uint32_t first, uint32_t last)
{
	while (first <= last) {
		const char *family = first >> 16 ? "icmpv6" : "icmp";
		uint32_t type = first >> 8 & 0xff, code = first & 0xff;
		uint32_t family_end = first | 0xffff, end = last < family_end ? last : family_end;
		uint32_t last_type = end >> 8 & 0xff, last_code = end & 0xff;

		if (code == 0 && (type < last_type || last_code == 255)) {
			/* whole types, as many as there are */
			if (last_code != 255)
				last_type--;
			items_add(items, type == last_type ? "%s:%u" : "%s:%u-%u", family, type,
				  last_type);
			first = (first & 0x10000) + (last_type << 8) + 256;
			continue;
		}
		if (type < last_type)
			last_code = 255;
		items_add(items, code == last_code ? "%s:%u/%u" : "%s:%u/%u-%u", family, type, code,
			  last_code);
		first += last_code - code + 1;
	}
}

/* A field whose values all have words. */
static void add_words(struct items *items, const struct word *words, const struct bytes *bytes)
{
	for (uint32_t value = 0; word_of(words, value); value++)
		if (bytes->has[value])
			items_add(items, "%s", word_of(words, value)->name);
}

void items_add_scalar(struct items *items, enum scalar_field field,
		      const struct scalar_match *match, bool *negated)
{
	struct range all = { 0, scalar_field_domain(field) - 1 };
	struct ranges ranges = { 0 };
	struct bytes bytes;
	char text[SCALAR_TEXT];
	int r = 0;

	*negated = match->negated;
	for (size_t i = 0; i < match->n_ranges && !r; i++)
		r = ranges_add(&ranges, match->ranges[i].first, match->ranges[i].last);
	if (!match->n_ranges) {
		*negated = !match->negated;
		r = ranges_add(&ranges, all.first, all.last);
	}
	ranges_merge(&ranges);
	bytes = bytes_of(ranges.items, ranges.n);
	if (r < 0)
		items->failed = true;
	else if (field == FIELD_TCP_FLAGS)
		add_tcp_flags(items, &bytes);
	else if (field == FIELD_FRAGMENT)
		add_words(items, fragment_words, &bytes);
	else if (field == FIELD_IP_OPTIONS)
		add_words(items, ip_options_words, &bytes);
	else if (field == FIELD_ICMP)
		for (size_t i = 0; i < ranges.n; i++)
			add_icmp(items, ranges.items[i].first, ranges.items[i].last);
	else
		for (size_t i = 0; i < ranges.n; i++)
			items_add(items, "%s", scalar_format(field, &ranges.items[i], text));
	free(ranges.items);
}

void items_add_mac(struct items *items, const uint8_t mac[MAC_BYTES])
{
	/* Digits and colons are a number to some. */
	items_add(items, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", mac[0], mac[1], mac[2], mac[3],
		  mac[4], mac[5]);
}

/* --- packets of tests -------------------------------------------------------------------- */

static struct prefix address_of(const struct test_packet *packet, enum address_field field)
{
	const uint8_t *bytes = packet->address[field];
	struct prefix prefix = { .family = packet->family, .v4.len = 32, .v6.len = 128 };

	for (int i = 0; i < 4; i++)
		prefix.v4.addr = prefix.v4.addr << 8 | bytes[i];
	for (int i = 0; i < 8; i++) {
		prefix.v6.hi = prefix.v6.hi << 8 | bytes[i];
		prefix.v6.lo = prefix.v6.lo << 8 | bytes[i + 8];
	}
	return prefix;
}

static void add_value(struct items *items, enum scalar_field field, uint32_t value)
{
	struct range range = { value, value };
	const char *name = scalar_field_name(field);
	char text[SCALAR_TEXT];

	if (field == FIELD_FRAGMENT)
		items_add(items, "%s: %s", name, word_of(fragment_words, value)->name);
	else if (field == FIELD_IP_OPTIONS)
		items_add(items, "%s: %s", name, word_of(ip_options_words, value)->name);
	else if (field == FIELD_ICMP)
		items_add(items, "%s: %s:%u/%u", name, value >> 16 ? "icmpv6" : "icmp",
			  value >> 8 & 0xff, value & 0xff);
	else
		items_add(items, "%s: %s", name, scalar_format(field, &range, text));
}

static void add_flags_value(struct items *items, uint32_t flags)
{
	struct text text = { 0 };

	add_flag_names(&text, scalar_field_name(FIELD_TCP_FLAGS), flags);
	if (text.text)
		items_add(items, "%s", text.text);
	else
		items->failed = true;
	text_done(&text);
}

static void add_address(struct items *items, const char *key, const struct prefix *address)
{
	char text[PREFIX_TEXT], yaml[YAML_TEXT(PREFIX_TEXT)];

	items_add(items, "%s: %s", key, yaml_word(prefix_format(address, text), yaml));
}

void items_add_packet(struct items *items, const struct test_packet *packet)
{
	for (const struct key_schema *key = schema_test.keys; key->name; key++) {
		if (key->parse == parse_test_interface || key->parse == parse_test_expect)
			continue;
		if (key->parse == parse_test_mac) {
			const uint8_t *mac = packet->mac[key->arg];

			items_add(items, "%s: \"%02x:%02x:%02x:%02x:%02x:%02x\"", key->name, mac[0],
				  mac[1], mac[2], mac[3], mac[4], mac[5]);
		} else if (key->parse == parse_test_address) {
			struct prefix address = address_of(packet, key->arg);

			if (packet->ip)
				add_address(items, key->name, &address);
		} else if (packet->scalar[key->arg] == TEST_ABSENT) {
			continue;
		} else if (key->parse == parse_test_flags) {
			add_flags_value(items, packet->scalar[key->arg]);
		} else {
			add_value(items, key->arg, packet->scalar[key->arg]);
		}
	}
}
