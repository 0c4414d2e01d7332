/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * macs.c: the fields src-mac and dst-mac: six bytes in hex, between colons or hyphens.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define MAC_TEXT 18 /* bytes of a MAC address as text, the NUL included */

struct mac_state {
	const struct key_schema *key;
	uint8_t (*macs)[MAC_BYTES];
	size_t n, capacity;
	struct text_list items;
};

/* -1 if it is none */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool mac_parse(const char *text, size_t len, uint8_t *ret)
{
	if (len != MAC_TEXT - 1)
		return false;
	for (size_t i = 0; i < MAC_BYTES; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		if (i > 0 && (text[3 * i - 1] != text[2] || (text[2] != ':' && text[2] != '-')))
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int refuse_mac(struct loader *loader, const struct node *item,
		      const struct key_schema *field)
{
	char buffer[64];

	if (item->text[0] == '$')
		return node_error(loader, item,
				  "not supported yet: sets of MAC addresses; write them here");
	if (hex_digit(item->text[0]) >= 0)
		return node_error(loader, item,
				  "'%.40s' is not a MAC address; write six bytes in hex, such as "
				  "02:00:5e:10:00:01",
				  item->text);
	return node_error(loader, item, "expected %s, found %s", field->form,
			  node_describe(item, buffer, sizeof(buffer)));
}

static int too_many_macs(struct loader *loader, const struct node *item)
{
	if (loader->macs_exceeded)
		return -EINVAL;
	loader->macs_exceeded = true;
	return node_error(loader, item, "more than %d MAC addresses in all rules", CONFIG_MAX_MACS);
}

static int parse_mac(struct loader *loader, const struct node *item, void *target)
{
	struct mac_state *state = target;
	uint8_t mac[MAC_BYTES];
	int r;

	r = node_expect(loader, item, NODE_SCALAR, state->key->form);
	if (r < 0)
		return r;
	if (!mac_parse(item->text, item->len, mac))
		return refuse_mac(loader, item, state->key);
	if (loader->n_macs == CONFIG_MAX_MACS)
		return too_many_macs(loader, item);
	loader->n_macs++;
	if (array_reserve((void **)&state->macs, &state->capacity, state->n + 1,
			  sizeof(*state->macs)) < 0)
		return -ENOMEM;
	memcpy(state->macs[state->n++], mac, sizeof(mac));
	return text_list_add(&state->items, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			     mac[3], mac[4], mac[5]);
}

static int compare_macs(const void *left, const void *right)
{
	return memcmp(left, right, MAC_BYTES);
}

/* Each once, in ascending order. */
static size_t unique_macs(uint8_t (*macs)[MAC_BYTES], size_t n)
{
	size_t kept = 0;

	qsort(macs, n, sizeof(*macs), compare_macs);
	for (size_t i = 0; i < n; i++)
		if (!kept || compare_macs(macs[kept - 1], macs[i]) != 0)
			memmove(macs[kept++], macs[i], sizeof(*macs));
	return kept;
}

/* key->arg is the enum mac_field. */
int parse_match_mac(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct rule_draft *draft = target;
	struct mac_match *match = &draft->rule->mac[key->arg];
	struct mac_state state = { .key = key };
	const struct node *inner;
	bool negated;
	int r;

	r = negation_unwrap(loader, value, &inner, &negated);
	if (!r)
		r = items_parse(loader, inner, parse_mac, &state);
	if (!r)
		r = draft_add(draft, key, value, negated, &state.items);
	if (!r) {
		match->present = true;
		match->negated = negated;
		match->n_macs = unique_macs(state.macs, state.n);
		match->macs = TAKE_PTR(state.macs);
	}
	text_list_done(&state.items);
	free(state.macs);
	return r;
}
