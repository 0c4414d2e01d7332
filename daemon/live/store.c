/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store.c: see store.h. Effective ends are not kept: whoever needs one comes down from the root
 * and has met the covering entries on the way. So there is nothing that could be wrong after a
 * report that broke off.
 */
#include "store.h"

#include <malloc.h>
#include <string.h>

#include "store_internal.h"
#include "util.h"

#define MAX_DEPTH 129 /* nodes on a way down: one a length */

struct live_store {
	struct trie tries[N_FAMILIES];
	size_t comment_bytes;
};

struct live_store *live_store_new(void)
{
	struct live_store *store = calloc(1, sizeof(*store));

	for (enum family family = 0; store && family < N_FAMILIES; family++)
		trie_init(&store->tries[family], family);
	return store;
}

struct live_store *live_store_free(struct live_store *store)
{
	for (enum family family = 0; store && family < N_FAMILIES; family++)
		trie_done(&store->tries[family]);
	free(store);
	return NULL;
}

size_t live_store_count(const struct live_store *store, enum family family)
{
	return store->tries[family].entries.n;
}

size_t live_store_bytes(const struct live_store *store)
{
	size_t bytes = sizeof(*store) + store->comment_bytes;

	for (enum family family = 0; family < N_FAMILIES; family++) {
		const struct trie *trie = &store->tries[family];

		bytes += pool_bytes(&trie->entries) + pool_bytes(&trie->forks) +
			 pool_bytes(&trie->heap.items);
	}
	return bytes;
}

static uint32_t later(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* above: the latest end of the entries that cover it; 0: none does. */
static struct live_view view_of(const struct trie *trie, uint32_t number, uint32_t above)
{
	const struct entry *entry = entry_at(trie, number);
	struct live_view view = {
		.prefix = { .family = (uint8_t)trie->family, .len = entry->node.len },
		.times = { .end = entry->end, .since = entry->since },
		.effective_end = later(entry->end, above),
		.comment = entry->comment,
	};

	memcpy(view.prefix.addr, entry->node.addr, trie->family == FAMILY_V4 ? 4 : 16);
	return view;
}

/* The latest end of the entries that cover the prefix, itself not included; 0: none does. */
static uint32_t end_above(const struct trie *trie, const struct key *key)
{
	uint32_t reference = trie->root, end = 0;

	while (reference != NONE) {
		const struct node *node = node_at(trie, reference);
		struct key there = trie_node_key(trie, node);

		if (node->len >= key->len || key_common(&there, key) < node->len)
			break;
		if (is_entry(reference))
			end = later(end, entry_at(trie, reference)->end);
		reference = node->child[key_bit(key, node->len)];
	}
	return end;
}

/* --- changes ----------------------------------------------------------------------------- */

/* A node on the way of report_below(): the latest end above it, before and after the change. */
struct step {
	uint32_t reference;
	uint32_t before, after;
	bool came_back; /* from what is below it */
};

/* Is there something to tell of what is below, given the ends above it? */
static bool differs(const struct trie *trie, const struct step *step)
{
	uint32_t end = is_entry(step->reference) ? entry_at(trie, step->reference)->end : 0;

	return later(end, step->before) != later(end, step->after);
}

static void push(const struct trie *trie, struct step *steps, size_t *n, struct step step)
{
	/* What keeps its effective end hides the change from all that is below it. */
	if (step.reference != NONE && differs(trie, &step))
		steps[(*n)++] = step;
}

/*
 * Tell of all entries at and below the node whose effective end is another now. Each node is
 * visited twice at most. The stack has, for each node on the way down, at most itself, to come back
 * to, and its other child.
 */
static int report_below(const struct trie *trie, struct step top, bool innermost_first,
			live_change *change, void *context)
{
	struct step steps[2 * MAX_DEPTH];
	size_t n = 0;

	push(trie, steps, &n, top);
	while (n) {
		struct step *at = &steps[n - 1], step = *at;
		const struct node *node = node_at(trie, step.reference);
		bool goes_down = !step.came_back;
		int r;

		if (is_entry(step.reference) && step.came_back == innermost_first) {
			struct live_view view = view_of(trie, step.reference, step.after);

			r = change(context, &view, false);
			if (r)
				return r;
		}
		if (innermost_first && goes_down)
			at->came_back = true;
		else
			n--;
		if (!goes_down)
			continue;
		if (is_entry(step.reference)) {
			step.before = later(step.before, entry_at(trie, step.reference)->end);
			step.after = later(step.after, entry_at(trie, step.reference)->end);
		}
		for (int side = 1; side >= 0; side--)
			push(trie, steps, &n,
			     (struct step){ node->child[side], step.before, step.after, false });
	}
	return 0;
}

static void set_comment(struct live_store *store, struct entry *entry, char *comment)
{
	store->comment_bytes -= malloc_usable_size(entry->comment);
	store->comment_bytes += malloc_usable_size(comment);
	free(entry->comment);
	entry->comment = comment;
}

static void set_end(struct trie *trie, uint32_t number, uint32_t end)
{
	struct entry *entry = entry_at(trie, number);

	if (entry->place == NONE && end != LIVE_FOREVER)
		heap_insert(&trie->heap, number, end);
	else if (entry->place != NONE && end == LIVE_FOREVER)
		heap_remove(&trie->heap, entry->place);
	else if (entry->place != NONE)
		heap_change(&trie->heap, entry->place, end);
	entry->end = end;
}

int live_store_put(struct live_store *store, const struct live_prefix *prefix,
		   const struct live_times *times, const char *comment, live_change *change,
		   void *context)
{
	struct trie *trie = &store->tries[prefix->family];
	struct key key = trie_key(prefix);
	_cleanup_free_ char *copy = comment ? strdup(comment) : NULL;
	uint32_t above = end_above(trie, &key), before = above, after;
	uint32_t number = trie_find(trie, &key);
	bool was_there = number != NONE;
	const struct node *node;
	struct live_view view;
	int r;

	if ((comment && !copy) || trie_reserve(trie) < 0)
		return -ENOMEM;
	if (was_there) {
		before = later(above, entry_at(trie, number)->end);
	} else {
		number = trie_insert(trie, prefix);
		entry_at(trie, number)->since = times->since;
	}
	set_end(trie, number, times->end);
	set_comment(store, entry_at(trie, number), TAKE_PTR(copy));

	view = view_of(trie, number, above);
	after = view.effective_end;
	node = &entry_at(trie, number)->node;
	r = change(context, &view, false);
	for (int side = 0; side < 2 && !r; side++)
		r = report_below(trie, (struct step){ node->child[side], before, after, false },
				 false, change, context);
	return r ? r : was_there;
}

int live_store_remove(struct live_store *store, const struct live_prefix *prefix,
		      live_change *change, void *context)
{
	struct trie *trie = &store->tries[prefix->family];
	struct key key = trie_key(prefix);
	uint32_t number = trie_find(trie, &key), above;
	_cleanup_free_ char *comment = NULL;
	struct live_view view;
	int r;

	if (number == NONE)
		return -ENOENT;
	above = end_above(trie, &key);
	view = view_of(trie, number, above);
	store->comment_bytes -= malloc_usable_size(entry_at(trie, number)->comment);
	comment = entry_at(trie, number)->comment; /* change() may look at it */
	trie_remove(trie, number);

	r = report_below(trie,
			 (struct step){ trie_within(trie, &key), view.effective_end, above, false },
			 true, change, context);
	return r ? r : change(context, &view, true);
}

/* --- looking ----------------------------------------------------------------------------- */

bool live_store_find(const struct live_store *store, const struct live_prefix *prefix,
		     struct live_view *ret)
{
	const struct trie *trie = &store->tries[prefix->family];
	struct key key = trie_key(prefix);
	uint32_t number = trie_find(trie, &key);

	if (number == NONE)
		return false;
	*ret = view_of(trie, number, end_above(trie, &key));
	return true;
}

bool live_store_covering(const struct live_store *store, const struct live_prefix *prefix,
			 uint32_t now, struct live_view *ret)
{
	const struct trie *trie = &store->tries[prefix->family];
	struct key key = trie_key(prefix);
	uint32_t reference = trie->root, found = NONE, end = 0, above = 0;

	while (reference != NONE) {
		const struct node *node = node_at(trie, reference);
		struct key there = trie_node_key(trie, node);

		if (key_common(&there, &key) < node->len)
			break;
		if (is_entry(reference)) {
			uint32_t own = entry_at(trie, reference)->end;

			if (own > now) {
				found = reference;
				above = end;
			}
			end = later(end, own);
		}
		if (node->len == key.len)
			break;
		reference = node->child[key_bit(&key, node->len)];
	}
	if (found == NONE)
		return false;
	*ret = view_of(trie, found, above);
	return true;
}

/* The trie whose entry ends first, or NULL. */
static const struct trie *first_to_end(const struct live_store *store, struct heap_item *ret)
{
	const struct trie *first = NULL;

	for (enum family family = 0; family < N_FAMILIES; family++) {
		const struct pool *items = &store->tries[family].heap.items;
		const struct heap_item *item = items->n ? pool_at(items, 0) : NULL;

		if (item && (!first || item->end < ret->end)) {
			first = &store->tries[family];
			*ret = *item;
		}
	}
	return first;
}

uint32_t live_store_next_end(const struct live_store *store)
{
	struct heap_item item;

	return first_to_end(store, &item) ? item.end : LIVE_FOREVER;
}

bool live_store_ended(const struct live_store *store, uint32_t now, struct live_view *ret)
{
	struct heap_item item;
	const struct trie *trie = first_to_end(store, &item);
	struct key key;

	if (!trie || item.end > now)
		return false;
	key = trie_node_key(trie, &entry_at(trie, item.entry)->node);
	*ret = view_of(trie, item.entry, end_above(trie, &key));
	return true;
}

/* --- in order ---------------------------------------------------------------------------- */

/* A subtree, and the latest end of the entries above it. */
struct place {
	uint32_t reference;
	uint32_t above;
};

/* The first entry of it: there is one, below forks alone. */
static void first_of(const struct trie *trie, struct place place, struct live_view *ret)
{
	while (!is_entry(place.reference))
		place.reference = node_at(trie, place.reference)->child[0];
	*ret = view_of(trie, place.reference, place.above);
}

static bool next_in(const struct trie *trie, const struct key *after, struct live_view *ret)
{
	struct place at = { trie->root, 0 }, behind = { NONE, 0 }; /* the nearest that is behind */

	while (at.reference != NONE) {
		const struct node *node = node_at(trie, at.reference);
		struct key there = trie_node_key(trie, node);
		unsigned int common = key_common(&there, after), side;

		if (common == after->len && node->len > after->len) { /* all of it within */
			behind = at;
			break;
		}
		if (common < node->len) { /* beside: all of it before or behind */
			if (key_bit(&there, common))
				behind = at;
			break;
		}
		if (is_entry(at.reference))
			at.above = later(at.above, entry_at(trie, at.reference)->end);
		if (node->len == after->len) { /* the one; what is below it is behind it */
			side = node->child[0] == NONE;
			if (node->child[side] != NONE)
				behind = (struct place){ node->child[side], at.above };
			break;
		}
		side = key_bit(after, node->len);
		if (!side && node->child[1] != NONE)
			behind = (struct place){ node->child[1], at.above };
		at.reference = node->child[side];
	}
	if (behind.reference == NONE)
		return false;
	first_of(trie, behind, ret);
	return true;
}

bool live_store_next(const struct live_store *store, const struct live_prefix *after,
		     struct live_view *ret)
{
	enum family family = 0;

	if (after) {
		struct key key = trie_key(after);

		if (next_in(&store->tries[after->family], &key, ret))
			return true;
		family = (enum family)(after->family + 1);
	}
	for (; family < N_FAMILIES; family++)
		if (store->tries[family].root != NONE) {
			first_of(&store->tries[family],
				 (struct place){ store->tries[family].root, 0 }, ret);
			return true;
		}
	return false;
}

static int each_in(const struct trie *trie, live_visit *visit, void *context)
{
	struct place places[MAX_DEPTH + 1];
	size_t n = 0;

	if (trie->root != NONE)
		places[n++] = (struct place){ trie->root, 0 };
	while (n) {
		struct place at = places[--n];
		const struct node *node = node_at(trie, at.reference);

		if (is_entry(at.reference)) {
			struct live_view view = view_of(trie, at.reference, at.above);
			int r = visit(context, &view);

			if (r)
				return r;
			at.above = view.effective_end;
		}
		for (int side = 1; side >= 0; side--)
			if (node->child[side] != NONE)
				places[n++] = (struct place){ node->child[side], at.above };
	}
	return 0;
}

int live_store_each(const struct live_store *store, live_visit *visit, void *context)
{
	int r = 0;

	for (enum family family = 0; !r && family < N_FAMILIES; family++)
		r = each_in(&store->tries[family], visit, context);
	return r;
}
