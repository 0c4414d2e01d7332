/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_tell.c: what live sets hold, for those who ask.
 */
#include "live_sets_internal.h"

#include <string.h>

#include "util.h"

static void describe(const struct live_view *view, struct live_listed *ret)
{
	*ret = (struct live_listed){
		.prefix = view->prefix,
		.left = view->times.end == LIVE_FOREVER ? LIVE_FOREVER : live_left(view->times.end),
		.since = view->times.since,
	};
	if (view->comment)
		snprintf(ret->comment, sizeof(ret->comment), "%s", view->comment);
}

int live_sets_test(struct live_sets *sets, const char *name, const struct live_prefix *prefix,
		   struct live_listed *ret, struct diags *diags)
{
	const struct set *set = live_need_set(sets, name, diags);
	uint32_t now = live_now();
	struct live_view view;

	if (!set)
		return -ENOENT;
	if (!live_store_covering(set->store, prefix, now, &view))
		return 0;
	describe(&view, ret);
	return 1;
}

int live_sets_list(struct live_sets *sets, const char *name, const struct live_prefix *after,
		   size_t most, struct live_list *ret, struct diags *diags)
{
	const struct set *set = live_need_set(sets, name, diags);
	uint32_t now = live_now();
	struct live_list list = {};
	struct live_view view;
	bool more;

	if (!set)
		return -ENOENT;
	if (most > live_set_count(set))
		most = live_set_count(set);
	list.items = calloc(most + 1, sizeof(*list.items));
	if (!list.items)
		return -ENOMEM;
	for (more = live_store_next(set->store, after, &view); more;
	     more = live_store_next(set->store, &view.prefix, &view)) {
		if (view.times.end <= now)
			continue;
		if (list.n == most)
			break;
		describe(&view, &list.items[list.n++]);
	}
	list.more = more;
	*ret = list;
	return 0;
}

static int fill_status(const struct set *set, struct live_set_status *ret)
{
	uint32_t now = live_now(), next = live_store_next_end(set->store);

	*ret = (struct live_set_status){
		.parked = set->parked,
		.entries = { live_store_count(set->store, FAMILY_V4),
			     live_store_count(set->store, FAMILY_V6) },
		.size = set->parked ? 0 : set->size,
		.timeout = set->parked ? 0 : set->timeout,
		.persist = !set->parked && set->persist,
		.added = set->added,
		.changed = set->changed,
		.removed = set->removed,
		.ended = set->ended,
		.refused = set->refused,
		.full = set->full,
		.bytes = live_store_bytes(set->store),
		.next_end = next == LIVE_FOREVER ? LIVE_FOREVER
			    : next > now         ? live_left(next)
						 : 0,
	};
	memcpy(ret->name, set->name, sizeof(ret->name));
	ret->writers = calloc(set->n_writers + 1, sizeof(*ret->writers));
	if (!ret->writers)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_writers; i++) {
		ret->writers[i] = strdup(set->writers[i]);
		if (!ret->writers[i])
			return -ENOMEM;
		ret->n_writers++;
	}
	if (set->journal_error) {
		ret->journal_error = strdup(set->journal_error);
		if (!ret->journal_error)
			return -ENOMEM;
	}
	return 0;
}

static int compare_states(const void *a, const void *b)
{
	const struct live_set_status *left = a, *right = b;

	return strcmp(left->name, right->name);
}

int live_sets_status(struct live_sets *sets, const char *name, struct live_set_states *ret,
		     struct diags *diags)
{
	_cleanup_(live_set_states_done) struct live_set_states states = {};
	int r = 0;

	if (name && !live_need_set(sets, name, diags))
		return -ENOENT;
	states.items = calloc(sets->n + 1, sizeof(*states.items));
	if (!states.items)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < sets->n; i++)
		if (!name || strcmp(sets->items[i]->name, name) == 0)
			r = fill_status(sets->items[i], &states.items[states.n++]);
	if (r < 0)
		return r;
	qsort(states.items, states.n, sizeof(*states.items), compare_states);
	*ret = states;
	states = (struct live_set_states){};
	return 0;
}
