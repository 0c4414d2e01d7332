/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * macs.c: the fields src-mac and dst-mac, and what sets of MAC addresses hold: six bytes in hex,
 * between colons or hyphens.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define MAC_TEXT 18 /* bytes of a MAC address as text, the NUL included */

struct mac_state {
	const struct key_schema *key;
	struct macs macs;
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

bool mac_parse(const char *text, size_t len, uint8_t ret[MAC_BYTES])
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

static int refuse_mac(struct loader *loader, const struct node *item, const char *form)
{
	char buffer[64];

	if (name_index_find(&loader->set_names, item->text) >= 0)
		return node_error(loader, item, "'%s' is a set; write $%s", item->text, item->text);
	if (hex_digit(item->text[0]) >= 0)
		return node_error(loader, item,
				  "'%.40s' is not a MAC address; write six bytes in hex, such as "
				  "02:00:5e:10:00:01",
				  item->text);
	return node_error(loader, item, "expected %s, found %s", form,
			  node_describe(item, buffer, sizeof(buffer)));
}

int mac_read(struct loader *loader, const struct node *node, const char *form,
	     uint8_t ret[MAC_BYTES])
{
	int r = node_expect(loader, node, NODE_SCALAR, form);

	if (r < 0)
		return r;
	return mac_parse(node->text, node->len, ret) ? 0 : refuse_mac(loader, node, form);
}

int macs_add(struct macs *macs, const uint8_t (*items)[MAC_BYTES], size_t n)
{
	if (array_reserve((void **)&macs->items, &macs->capacity, macs->n + n,
			  sizeof(*macs->items)) < 0)
		return -ENOMEM;
	if (n)
		memcpy(macs->items + macs->n, items, n * sizeof(*items));
	macs->n += n;
	return 0;
}

static int compare_macs(const void *left, const void *right)
{
	return memcmp(left, right, MAC_BYTES);
}

void macs_sort(struct macs *macs)
{
	size_t kept = 0;

	if (macs->n)
		qsort(macs->items, macs->n, sizeof(*macs->items), compare_macs);
	for (size_t i = 0; i < macs->n; i++)
		if (!kept || compare_macs(macs->items[kept - 1], macs->items[i]) != 0)
			memmove(macs->items[kept++], macs->items[i], sizeof(*macs->items));
	macs->n = kept;
}

/* --- conditions -------------------------------------------------------------------------- */

static int count_macs(struct loader *loader, const struct node *item, size_t n)
{
	if (n <= CONFIG_MAX_MACS - loader->n_macs) {
		loader->n_macs += n;
		return 0;
	}
	if (loader->macs_exceeded)
		return -EINVAL;
	loader->macs_exceeded = true;
	return node_error(loader, item, "more than %d MAC addresses in all rules", CONFIG_MAX_MACS);
}

static int parse_set(struct loader *loader, const struct node *item, struct mac_state *state)
{
	const struct mac_set *set;
	uint32_t index;
	int r = set_resolve(loader, item, state->key->name, SET_MACS, &index);

	if (r < 0)
		return r;
	set = &loader->policy->mac_sets[index];
	r = count_macs(loader, item, set->n_macs);
	if (!r)
		r = macs_add(&state->macs, (const uint8_t(*)[MAC_BYTES])set->macs, set->n_macs);
	return r ? r : text_list_add(&state->items, "%s", item->text);
}

static int parse_mac(struct loader *loader, const struct node *item, void *target)
{
	struct mac_state *state = target;
	uint8_t mac[1][MAC_BYTES];
	int r;

	if (item->kind == NODE_SCALAR && item->text[0] == '$')
		return parse_set(loader, item, state);
	r = mac_read(loader, item, state->key->form, mac[0]);
	if (!r)
		r = count_macs(loader, item, 1);
	if (!r)
		r = macs_add(&state->macs, (const uint8_t(*)[MAC_BYTES])mac, 1);
	return r ? r
		 : text_list_add(&state->items, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0][0],
				 mac[0][1], mac[0][2], mac[0][3], mac[0][4], mac[0][5]);
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
		macs_sort(&state.macs);
		match->present = true;
		match->negated = negated;
		match->n_macs = state.macs.n;
		match->macs = TAKE_PTR(state.macs.items);
	}
	text_list_done(&state.items);
	free(state.macs.items);
	return r;
}
