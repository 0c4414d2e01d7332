/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_change.c: entries come and go: first in the store, which knows what else changes with them,
 * then in the kernel, then on disk. What the kernel refuses is taken back in the store.
 */
#include "live_sets_internal.h"

#include <string.h>

#include "util.h"

#define FULL_SAID_SECONDS 60

int live_tell_kernel(void *context, const struct live_view *view, bool gone)
{
	const struct kernel_side *side = context;
	struct live_maps *maps = side->sets->maps;
	const char *comment = NULL;
	int r;

	if (gone) {
		r = live_maps_remove(maps, side->set->slot, &view->prefix, view->comment != NULL);
		return r == -ENOENT ? 0 : r;
	}
	if (side->target && live_prefix_equal(side->target, &view->prefix))
		comment = view->comment ? view->comment : side->had_comment ? "" : NULL;
	return live_maps_put(maps, side->set->slot, &view->prefix, &view->times,
			     view->effective_end, comment);
}

int live_tell_nobody(void *context, const struct live_view *view, bool gone)
{
	return 0;
}

/* --- results ----------------------------------------------------------------------------- */

/* Takes why over; NULL: out of memory, nothing is told. */
static void refuse(struct set *set, struct live_result *result, size_t index, char *why)
{
	set->refused++;
	result->refused++;
	if (!result->refusals)
		result->refusals = calloc(LIVE_REFUSALS_TOLD, sizeof(*result->refusals));
	if (!why || !result->refusals || result->n_refusals == LIVE_REFUSALS_TOLD) {
		free(why);
		return;
	}
	result->refusals[result->n_refusals++] = (struct live_refusal){ index, why };
}

/* --- adding ------------------------------------------------------------------------------ */

static bool is_full(struct live_sets *sets, struct set *set, struct diags *diags)
{
	uint32_t now = live_now();

	if (live_set_count(set) < set->size)
		return false;
	live_remove_ended(sets, set, LIVE_TICK_ENTRIES); /* what has ended makes room */
	if (live_set_count(set) < set->size)
		return false;
	set->full++;
	if (!set->full_said || now - set->full_said >= FULL_SAID_SECONDS) {
		set->full_said = now;
		diag_warning(diags, NULL,
			     "the live set '%s' is full (%u entries): further ones are refused; "
			     "raise its `size` in the policy and reload",
			     set->name, set->size);
	}
	return true;
}

/* What the caller asked for, as an entry: the set's timeout, and the comment that is there. */
struct wanted {
	struct live_times times;
	const char *comment; /* NULL: none */
	bool existed;
	struct live_times old;
	char old_comment[LIVE_COMMENT_MAX + 1];
};

static void resolve(const struct set *set, const struct live_request *request, struct wanted *ret)
{
	int64_t timeout =
		request->timeout == LIVE_TIMEOUT_DEFAULT ? set->timeout : request->timeout;
	struct live_view view;

	*ret = (struct wanted){
		.times = { .end = live_end(timeout), .since = (uint32_t)live_now_real() },
		.comment = request->comment && request->comment[0] ? request->comment : NULL,
	};
	ret->existed = live_store_find(set->store, &request->prefix, &view);
	if (!ret->existed)
		return;
	ret->old = view.times;
	if (view.comment)
		snprintf(ret->old_comment, sizeof(ret->old_comment), "%s", view.comment);
	if (!request->comment && view.comment)
		ret->comment = ret->old_comment;
}

/* In the store and in the kernel, or in neither. */
static int put(struct live_sets *sets, struct set *set, const struct live_prefix *prefix,
	       const struct wanted *wanted)
{
	struct kernel_side side = {
		.sets = sets,
		.set = set,
		.target = prefix,
		.had_comment = wanted->old_comment[0],
	};
	int r = live_store_put(set->store, prefix, &wanted->times, wanted->comment,
			       live_tell_kernel, &side);

	if (r >= 0)
		return r;
	side.had_comment = true; /* the new one may have been written */
	if (wanted->existed)
		live_store_put(set->store, prefix, &wanted->old,
			       wanted->old_comment[0] ? wanted->old_comment : NULL,
			       live_tell_kernel, &side);
	else
		live_store_remove(set->store, prefix, live_tell_kernel, &side);
	return r;
}

static void add_one(struct live_sets *sets, struct set *set, const struct live_request *request,
		    size_t index, const struct live_guard *guard, struct live_result *result,
		    struct diags *diags)
{
	struct wanted wanted;
	struct live_view view;
	char *why = NULL;
	int r = live_judge(set, LIVE_ADD, &request->prefix, guard, &why);

	if (r < 0) {
		refuse(set, result, index, why);
		return;
	}
	resolve(set, request, &wanted);
	if (!wanted.existed && is_full(sets, set, diags)) {
		refuse(set, result, index,
		       asprintf(&why, "the set is full (%u entries, its `size` in the policy)",
				set->size) < 0
			       ? NULL
			       : why);
		return;
	}
	r = put(sets, set, &request->prefix, &wanted);
	if (r < 0) {
		refuse(set, result, index, strdup(strerror(-r)));
		return;
	}
	result->added += !wanted.existed;
	result->changed += wanted.existed;
	if (live_store_find(set->store, &request->prefix, &view))
		live_journal_put(set, &view);
}

/* The set's own books, when a call is over. */
static void conclude(struct live_sets *sets, struct set *set, const struct live_result *result,
		     struct diags *diags)
{
	set->added += result->added;
	set->changed += result->changed;
	set->removed += result->removed;
	live_journal_sync(sets, set, diags);
}

/* A set that entries may be added to; NULL, reported: *ret says why. */
static struct set *need_open_set(struct live_sets *sets, const char *name, int *ret,
				 struct diags *diags)
{
	struct set *set = live_need_set(sets, name, diags);

	*ret = -ENOENT;
	if (!set || !set->parked)
		return set;
	*ret = diag_error(diags, NULL,
			  "no policy names the live set '%s': it can be listed and flushed, and "
			  "nothing can be added",
			  set->name);
	return NULL;
}

int live_sets_add(struct live_sets *sets, const char *name, const struct live_request *items,
		  size_t n, const struct live_guard *guard, struct live_result *ret,
		  struct diags *diags)
{
	struct live_result result = {};
	int r;
	struct set *set = need_open_set(sets, name, &r, diags);

	if (!set)
		return r;
	for (size_t i = 0; i < n; i++)
		add_one(sets, set, &items[i], i, guard, &result, diags);
	conclude(sets, set, &result, diags);
	*ret = result;
	return 0;
}

/* --- removing ---------------------------------------------------------------------------- */

static void del_one(struct live_sets *sets, struct set *set, const struct live_prefix *prefix,
		    size_t index, struct live_result *result)
{
	struct kernel_side side = { .sets = sets, .set = set };
	char *why = NULL;
	int r = live_judge(set, LIVE_REMOVE, prefix, NULL, &why);

	if (r < 0) {
		refuse(set, result, index, why);
		return;
	}
	r = live_store_remove(set->store, prefix, live_tell_kernel, &side);
	if (r == -ENOENT) {
		result->missing++;
	} else if (r < 0) {
		refuse(set, result, index, strdup(strerror(-r)));
	} else {
		result->removed++;
		live_journal_gone(set, prefix);
	}
}

int live_sets_del(struct live_sets *sets, const char *name, const struct live_prefix *items,
		  size_t n, struct live_result *ret, struct diags *diags)
{
	struct set *set = live_need_set(sets, name, diags);
	struct live_result result = {};

	if (!set)
		return -ENOENT;
	for (size_t i = 0; i < n; i++)
		del_one(sets, set, &items[i], i, &result);
	live_note_empty(sets, set);
	conclude(sets, set, &result, diags);
	live_drop_if_idle(sets, set);
	*ret = result;
	return 0;
}

/* --- replacing --------------------------------------------------------------------------- */

/* The new entries in a store of their own. */
static int collect(struct set *set, const struct live_request *items, size_t n,
		   const struct live_guard *guard, struct live_store *store,
		   struct live_result *result)
{
	for (size_t i = 0; i < n; i++) {
		struct wanted wanted;
		char *why = NULL;
		int r = live_judge(set, LIVE_ADD, &items[i].prefix, guard, &why);

		if (r < 0) {
			refuse(set, result, i, why);
			continue;
		}
		resolve(set, &items[i], &wanted);
		if (wanted.existed)
			wanted.times.since = wanted.old.since;
		r = live_store_put(store, &items[i].prefix, &wanted.times, wanted.comment,
				   live_tell_nobody, NULL);
		if (r < 0)
			return r;
		if (r == 0 && wanted.existed)
			result->changed++;
		else if (r == 0)
			result->added++;
	}
	return 0;
}

/* Into the tries that are about to be swapped in, with the end that packets see. */
static int fill_tries(void *context, const struct live_view *view)
{
	const struct kernel_side *side = context;

	return live_maps_put(side->sets->maps, side->set->slot, &view->prefix, &view->times,
			     view->effective_end, view->comment);
}

static bool keeps_comment(void *context, uint32_t slot, const struct live_prefix *prefix)
{
	const struct set *set = context;
	struct live_view view;

	return slot != set->slot || (live_store_find(set->store, prefix, &view) && view.comment);
}

static int swap(struct live_sets *sets, struct set *set, struct live_store **store,
		struct diags *diags)
{
	struct kernel_side side = { .sets = sets, .set = set };
	const size_t expected[N_FAMILIES] = { live_store_count(*store, FAMILY_V4),
					      live_store_count(*store, FAMILY_V6) };
	struct live_store *old = set->store;
	int r;

	live_maps_begin(sets->maps, set->slot, expected);
	r = live_store_each(*store, fill_tries, &side);
	if (r < 0) {
		live_maps_abort(sets->maps);
		diag_error(diags, NULL, "cannot fill the live set '%s': %s; it holds what it held",
			   set->name, strerror(-r));
	} else {
		r = live_maps_commit(sets->maps, diags);
	}
	if (r >= 0) {
		set->store = TAKE_PTR(*store);
		live_store_free(old);
	}
	live_maps_sweep_comments(sets->maps, keeps_comment, set);
	return r;
}

static int refuse_all(const struct set *set, const struct live_result *result, struct diags *diags)
{
	const struct live_refusal *first = result->refusals;

	if (!first || !result->n_refusals)
		return -ENOMEM;
	return diag_error(diags, NULL,
			  "%llu entries may not be in the live set '%s', the first is number %zu: "
			  "%s; nothing has changed",
			  (unsigned long long)result->refused, set->name, first->index + 1,
			  first->why);
}

/* The entries are all of the set's, from one moment on. */
static int exchange(struct live_sets *sets, struct set *set, const struct live_request *items,
		    size_t n, const struct live_guard *guard, struct live_result *ret,
		    struct diags *diags)
{
	_cleanup_(live_store_freep) struct live_store *store = live_store_new();
	_cleanup_(live_result_done) struct live_result result = {};
	size_t before = live_set_count(set), count;
	int r;

	if (!store)
		return -ENOMEM;
	r = collect(set, items, n, guard, store, &result);
	if (r < 0)
		return r;
	count = live_store_count(store, FAMILY_V4) + live_store_count(store, FAMILY_V6);
	if (result.refused)
		return refuse_all(set, &result, diags);
	if (!set->parked && count > set->size) {
		set->full++;
		return diag_error(diags, NULL,
				  "%zu entries are more than the live set '%s' may have (%u, its "
				  "`size` in the policy); nothing has changed",
				  count, set->name, set->size);
	}
	result.removed = before - result.changed;
	r = swap(sets, set, &store, diags);
	if (r < 0)
		return r;
	set->added += result.added;
	set->changed += result.changed;
	set->removed += result.removed;
	if (set->persist)
		live_rewrite_journal(sets, set, diags);
	*ret = result;
	result = (struct live_result){};
	return 0;
}

int live_sets_replace(struct live_sets *sets, const char *name, const struct live_request *items,
		      size_t n, const struct live_guard *guard, struct live_result *ret,
		      struct diags *diags)
{
	int r;
	struct set *set = need_open_set(sets, name, &r, diags);

	if (!set)
		return r;
	return exchange(sets, set, items, n, guard, ret, diags);
}

int live_sets_flush(struct live_sets *sets, const char *name, struct live_result *ret,
		    struct diags *diags)
{
	struct set *set = live_need_set(sets, name, diags);
	int r;

	if (!set)
		return -ENOENT;
	r = exchange(sets, set, NULL, 0, NULL, ret, diags);
	if (r >= 0)
		live_drop_if_idle(sets, set);
	return r;
}
