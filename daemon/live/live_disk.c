/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_disk.c: sets with `persist: true` on disk. While the system runs, the kernel has the truth;
 * the journal is read when a set gets its slot, which is once after a boot, and written anew where
 * it may have missed something. A change that cannot be written is in force nevertheless: a ban that
 * waits for a full disk helps nobody.
 */
#include "live_sets_internal.h"

#include <string.h>
#include <time.h>

#include "util.h"

/* A disk that is full stays so for a while, and writing all entries takes a while, too. */
#define RETRY_SECONDS 10

#define NSEC_PER_SEC 1000000000LL

/* --- time -------------------------------------------------------------------------------- */

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* A second of the one clock in those of the other, to the nearest: there and back again it is the
 * same, and after a reboot, when the clocks lie otherwise, it is not off by more than one. */
static int64_t shifted(int64_t second, int64_t nsec)
{
	nsec += NSEC_PER_SEC / 2;
	return second + nsec / NSEC_PER_SEC - (nsec % NSEC_PER_SEC < 0);
}

/* What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC. */
static int64_t ahead_nsec(void)
{
	return nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
}

/* When the entry ends. Bounded by how long it was to hold, if the clock was wrong then or is wrong
 * now. */
static uint32_t end_of(const struct journal_record *record)
{
	int64_t latest = (int64_t)live_now() + record->holds, end;

	if (!record->end_real)
		return LIVE_FOREVER;
	if (record->end_real > INT64_MAX / NSEC_PER_SEC)
		return (uint32_t)latest;
	end = shifted((int64_t)record->end_real, -ahead_nsec());
	return end > latest ? (uint32_t)latest : end > 0 ? (uint32_t)end : 0;
}

static void note_error(struct set *set, const struct diags *own, struct diags *diags)
{
	const char *message = "out of memory", *file = NULL;
	_cleanup_free_ char *before = TAKE_PTR(set->journal_error);

	for (size_t i = 0; i < own->n; i++)
		if (own->items[i].severity == SEVERITY_ERROR) {
			message = own->items[i].message;
			file = own->items[i].file;
			break;
		}
	set->journal_broken = true;
	set->journal_retry = live_now() + RETRY_SECONDS;
	if (asprintf(&set->journal_error, "%s%s%s", file ? file : "", file ? ": " : "", message) <
	    0)
		set->journal_error = NULL;
	/* Or a bulk would say it with each call. */
	if (diags && !(before && set->journal_error && strcmp(before, set->journal_error) == 0))
		diag_warning(diags, NULL,
			     "changes of the live set '%s' are in force but not on disk: %s",
			     set->name, set->journal_error ? set->journal_error : message);
}

static void all_is_well(struct set *set)
{
	set->journal_broken = false;
	free(TAKE_PTR(set->journal_error));
}

void live_close_journal(struct set *set)
{
	set->journal = journal_close(set->journal);
	all_is_well(set);
}

/* --- reading ----------------------------------------------------------------------------- */

static int replay(void *context, const struct journal_record *record)
{
	struct live_store *store = context;
	struct live_times times = { .end = end_of(record), .since = record->since };
	int r;

	if (record->gone || times.end <= live_now()) {
		r = live_store_remove(store, &record->prefix, live_tell_nobody, NULL);
		return r == -ENOENT ? 0 : r;
	}
	r = live_store_put(store, &record->prefix, &times, record->comment, live_tell_nobody, NULL);
	return r < 0 ? r : 0;
}

/* Into the set, and into the kernel, what it does not have. */
static int take_over(struct live_sets *sets, struct set *set, const struct live_store *store)
{
	struct live_view view, had;
	int r = 0;

	for (bool more = live_store_next(store, NULL, &view); more && r >= 0;
	     more = live_store_next(store, &view.prefix, &view)) {
		struct live_prefix prefix = view.prefix;
		struct kernel_side side = { .sets = sets, .set = set, .target = &prefix };

		if (live_store_find(set->store, &prefix, &had))
			continue;
		r = live_store_put(set->store, &prefix, &view.times, view.comment, live_tell_kernel,
				   &side);
		if (r < 0) /* the next attempt must find that it is not there */
			live_store_remove(set->store, &prefix, live_tell_kernel, &side);
	}
	return r < 0 ? r : 0;
}

int live_restore(struct live_sets *sets, struct set *set, struct diags *diags)
{
	_cleanup_(live_store_freep) struct live_store *store = live_store_new();
	_cleanup_(diags_free) struct diags own = {};
	int r;

	if (!store)
		return -ENOMEM;
	live_close_journal(set);
	r = journal_open(sets->state_dir, set->name, replay, store, &set->journal, &own);
	if (r == -ENOMEM)
		return r;
	if (r < 0) { /* a policy that cannot have its entries of yesterday is better than none */
		note_error(set, &own, diags);
		return 0;
	}
	diags_repeat(diags, &own, true);
	r = take_over(sets, set, store);
	if (r < 0)
		return diag_error(diags, NULL, "cannot restore the live set '%s': %s", set->name,
				  strerror(-r));
	return 0;
}

/* --- writing ----------------------------------------------------------------------------- */

static void make_record(const struct live_view *view, struct journal_record *ret)
{
	uint32_t now = live_now(), end = view->times.end;

	*ret = (struct journal_record){
		.prefix = view->prefix,
		.since = view->times.since,
		.comment = view->comment,
	};
	if (end == LIVE_FOREVER)
		return;
	ret->holds = end > now ? end - now : 1;
	ret->end_real = (uint64_t)shifted(end, ahead_nsec());
}

struct walk {
	const struct live_store *store;
	struct live_view view;
	bool begun;
};

static int next_record(void *context, struct journal_record *ret)
{
	struct walk *walk = context;
	struct live_prefix previous = walk->view.prefix;

	if (!live_store_next(walk->store, walk->begun ? &previous : NULL, &walk->view))
		return 0;
	walk->begun = true;
	make_record(&walk->view, ret);
	return 1;
}

static int ignore_record(void *context, const struct journal_record *record)
{
	return 0;
}

void live_rewrite_journal(struct live_sets *sets, struct set *set, struct diags *diags)
{
	_cleanup_(diags_free) struct diags own = {};
	struct walk walk = { .store = set->store };
	int r = 0;

	if (!sets->state_dir)
		return;
	if (!set->journal)
		r = journal_open(sets->state_dir, set->name, ignore_record, NULL, &set->journal,
				 &own);
	if (r >= 0)
		r = journal_compact(set->journal, next_record, &walk, &own);
	if (r < 0)
		note_error(set, &own, diags);
	else
		all_is_well(set);
}

void live_journal_put(struct set *set, const struct live_view *view)
{
	struct journal_record record;

	if (!set->journal || set->journal_broken)
		return;
	make_record(view, &record);
	if (journal_add(set->journal, &record) < 0)
		note_error(set, &(struct diags){}, NULL);
}

void live_journal_gone(struct set *set, const struct live_prefix *prefix)
{
	const struct journal_record record = { .prefix = *prefix, .gone = true };

	if (set->journal && !set->journal_broken && journal_add(set->journal, &record) < 0)
		note_error(set, &(struct diags){}, NULL);
}

void live_journal_sync(struct live_sets *sets, struct set *set, struct diags *diags)
{
	_cleanup_(diags_free) struct diags own = {};

	if (!set->persist || !sets->state_dir)
		return;
	if (set->journal_broken || !set->journal) {
		if (live_now() >= set->journal_retry)
			live_rewrite_journal(sets, set, diags);
		return;
	}
	if (journal_sync(set->journal, &own) < 0)
		note_error(set, &own, diags);
	else if (journal_is_wasteful(set->journal, live_set_count(set)))
		live_rewrite_journal(sets, set, diags);
}
