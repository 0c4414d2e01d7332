/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * set_except.c: what `except:` takes from a set: of prefixes, of ports, of MAC addresses.
 */
#include "sets.h"

#include <string.h>

#include "subtract.h"
#include "util.h"

static int except_prefixes(struct loader *loader, struct set_draft *draft)
{
	struct prefix_set *set = &draft->content.prefixes;
	size_t before = set->n_v4 + set->n_v6;
	int r = set_subtract(set, &draft->except.prefixes,
			     before + CONFIG_MAX_PREFIXES - loader->n_prefixes);

	if (r == -E2BIG && loader->prefixes_exceeded)
		return -EINVAL;
	if (r == -E2BIG) {
		loader->prefixes_exceeded = true;
		return node_error(loader, draft->except_value->key,
				  "cut around its exceptions, the set is of so many prefixes that "
				  "there are more than %lu in all sets",
				  CONFIG_MAX_PREFIXES);
	}
	loader->n_prefixes = loader->n_prefixes - before + set->n_v4 + set->n_v6;
	return r;
}

/* Both in order, and merged. */
static int except_ports(struct set_draft *draft)
{
	struct ranges *ports = &draft->content.ports, *except = &draft->except.ports;
	struct ranges left = { 0 };
	size_t next = 0;
	int r = 0;

	for (size_t i = 0; i < ports->n && !r; i++) {
		uint32_t first = ports->items[i].first, last = ports->items[i].last;

		while (next < except->n && except->items[next].last < first)
			next++;
		for (size_t j = next; j < except->n && except->items[j].first <= last && !r; j++) {
			if (except->items[j].first > first)
				r = ranges_add(&left, first, except->items[j].first - 1);
			first = except->items[j].last + 1;
		}
		if (!r && first <= last)
			r = ranges_add(&left, first, last);
	}
	free(ports->items);
	*ports = left;
	return r;
}

/* Both in order, each once. */
static void except_macs(struct set_draft *draft)
{
	struct macs *macs = &draft->content.macs, *except = &draft->except.macs;
	size_t kept = 0, next = 0;

	for (size_t i = 0; i < macs->n; i++) {
		while (next < except->n &&
		       memcmp(except->items[next], macs->items[i], MAC_BYTES) < 0)
			next++;
		if (next == except->n || memcmp(except->items[next], macs->items[i], MAC_BYTES))
			memmove(macs->items[kept++], macs->items[i], MAC_BYTES);
	}
	macs->n = kept;
}

static size_t content_n(const struct set_content *content)
{
	return content->prefixes.n_v4 + content->prefixes.n_v6 + content->ports.n + content->macs.n;
}

int set_apply_exceptions(struct loader *loader, struct set_draft *draft)
{
	size_t before = content_n(&draft->content);
	int r = 0;

	if (!draft->except_value)
		return 0;
	switch (draft->named->type) {
	case SET_PORTS:
		r = except_ports(draft);
		break;
	case SET_MACS:
		except_macs(draft);
		break;
	default:
		r = except_prefixes(loader, draft);
	}
	if (!r && before && !content_n(&draft->content))
		r = node_warning(loader, draft->except_value->key,
				 "the exceptions leave nothing of set '%s'", draft->name->text);
	return r;
}
