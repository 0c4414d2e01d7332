/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_sets.c: the life of live sets: adopted from the kernel, taken over by a policy, parked when
 * none names them, and the end of their entries.
 */
#include "live_sets_internal.h"

#include <string.h>
#include <time.h>

#include "diag.h"
#include "users.h"
#include "util.h"

/* --- time -------------------------------------------------------------------------------- */

uint32_t live_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec;
}

uint32_t live_end(int64_t timeout)
{
	struct timespec now;

	if (!timeout)
		return LIVE_FOREVER;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(now.tv_sec + (now.tv_nsec > 0) + timeout);
}

uint32_t live_left(uint32_t end)
{
	uint32_t now = live_end(1) - 1;

	return end > now ? end - now : 1;
}

uint64_t live_now_real(void)
{
	return (uint64_t)time(NULL);
}

/* --- sets -------------------------------------------------------------------------------- */

static void forget_writers(struct set *set)
{
	for (size_t i = 0; i < set->n_writers; i++)
		free(set->writers[i]);
	free(TAKE_PTR(set->writers));
	free(TAKE_PTR(set->uids));
	set->n_writers = 0;
}

static struct set *set_free(struct set *set)
{
	if (!set)
		return NULL;
	live_store_free(set->store);
	live_close_journal(set);
	forget_writers(set);
	space_done(&set->except);
	free(set->journal_error);
	free(set);
	return NULL;
}

static void set_freep(struct set **set)
{
	set_free(*set);
}

struct set *live_find_set(const struct live_sets *sets, const char *name)
{
	for (size_t i = 0; i < sets->n; i++)
		if (strcmp(sets->items[i]->name, name) == 0)
			return sets->items[i];
	return NULL;
}

struct set *live_need_set(const struct live_sets *sets, const char *name, struct diags *diags)
{
	struct set *set = live_find_set(sets, name);
	char known[1024] = "";
	size_t used = 0;

	if (set)
		return set;
	for (size_t i = 0; i < sets->n && used < sizeof(known); i++)
		used += snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
				 sets->items[i]->name);
	if (sets->n)
		diag_error(diags, NULL, "there is no live set '%.63s'; there are: %s", name, known);
	else
		diag_error(
			diags, NULL,
			"there is no live set '%.63s', nor any other: the policy in force has no "
			"set with `live: true`",
			name);
	return NULL;
}

size_t live_set_count(const struct set *set)
{
	return live_store_count(set->store, FAMILY_V4) + live_store_count(set->store, FAMILY_V6);
}

void live_note_empty(struct live_sets *sets, const struct set *set)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (!live_store_count(set->store, family))
			live_maps_is_empty(sets->maps, set->slot, family);
}

/* --- adopting ---------------------------------------------------------------------------- */

static int adopt_entry(void *context, const struct live_prefix *prefix,
		       const struct live_times *times, const char *comment)
{
	struct set *set = context;
	int r = live_store_put(set->store, prefix, times, comment, live_tell_nobody, NULL);

	return r < 0 ? r : 0;
}

/* A crash may have come between an entry and those within it, whose effective end it changes: to a
 * later one or to an earlier one. In their order, those within one come right behind it. */
struct mending {
	struct kernel_side side;
	struct live_prefix outer;
	bool begun;
};

static int mend_effective_end(void *context, const struct live_view *view)
{
	struct mending *mending = context;

	if (mending->begun && live_prefix_covers(&mending->outer, &view->prefix))
		return live_tell_kernel(&mending->side, view, false);
	mending->outer = view->prefix;
	mending->begun = true;
	return 0;
}

/* The set of a slot that is in the kernel; it is parked until a policy names it. */
static int adopt_set(struct live_sets *sets, uint32_t slot, struct diags *diags)
{
	_cleanup_(set_freep) struct set *set = calloc(1, sizeof(*set));
	int r;

	if (!set)
		return -ENOMEM;
	snprintf(set->name, sizeof(set->name), "%s", live_maps_name(sets->maps, slot));
	set->slot = slot;
	set->parked = true;
	/* Until a policy says otherwise: or what is removed now is back after a reboot. */
	set->persist = sets->state_dir && live_maps_is_restored(sets->maps, slot) &&
		       journal_exists(sets->state_dir, set->name);
	set->store = live_store_new();
	if (!set->store)
		return -ENOMEM;
	r = live_maps_each(sets->maps, slot, adopt_entry, set);
	if (r >= 0)
		r = live_store_each(set->store, mend_effective_end,
				    &(struct mending){ .side = { .sets = sets, .set = set } });
	if (r < 0)
		return diag_error(diags, NULL, "cannot read the live set '%s' from the kernel: %s",
				  set->name, strerror(-r));
	live_note_empty(sets, set);
	sets->items[sets->n++] = TAKE_PTR(set);
	return 0;
}

static bool has_entry(void *context, uint32_t slot, const struct live_prefix *prefix)
{
	const struct live_sets *sets = context;
	struct live_view view;

	for (size_t i = 0; i < sets->n; i++)
		if (sets->items[i]->slot == slot)
			return live_store_find(sets->items[i]->store, prefix, &view);
	return false;
}

static void sets_freep(struct live_sets **sets)
{
	live_sets_free(*sets);
}

int live_sets_new(struct live_maps *maps, const char *state_dir, struct live_sets **ret,
		  struct diags *diags)
{
	_cleanup_(sets_freep) struct live_sets *sets = calloc(1, sizeof(*sets));
	int r = 0;

	if (!sets)
		return -ENOMEM;
	sets->maps = maps;
	if (state_dir) {
		sets->state_dir = strdup(state_dir);
		if (!sets->state_dir)
			return -ENOMEM;
	}
	for (uint32_t slot = 0; r >= 0 && slot < MAX_LIVE_SETS; slot++)
		if (live_maps_name(maps, slot))
			r = adopt_set(sets, slot, diags);
	if (r >= 0)
		r = live_maps_sweep_comments(maps, has_entry, sets);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(sets);
	return 0;
}

struct live_sets *live_sets_free(struct live_sets *sets)
{
	if (!sets)
		return NULL;
	for (size_t i = 0; i < sets->n; i++)
		set_free(sets->items[i]);
	free(sets->state_dir);
	free(sets);
	return NULL;
}

void live_drop_if_idle(struct live_sets *sets, struct set *set)
{
	bool restored = live_maps_is_restored(sets->maps, set->slot);
	size_t i;

	if (!set->parked || set->awaited || live_set_count(set))
		return;
	if (live_maps_forget(sets->maps, set->slot) < 0)
		return; /* it stays, empty */
	for (i = 0; sets->items[i] != set; i++)
		;
	memmove(&sets->items[i], &sets->items[i + 1], (--sets->n - i) * sizeof(*sets->items));
	live_close_journal(set);
	/* What is on disk and was not restored yet is all there is. */
	if (sets->state_dir && restored)
		journal_remove(sets->state_dir, set->name);
	set_free(set);
}

/* --- policies ---------------------------------------------------------------------------- */

int live_sets_prepare(struct live_sets *sets, const struct live_set *policy, size_t n,
		      struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct set *set = live_find_set(sets, policy[i].name);
		uint32_t slot;

		if (!set) {
			r = live_maps_assign(sets->maps, policy[i].name, &slot, diags);
			if (r >= 0)
				r = adopt_set(sets, slot, diags);
			set = live_find_set(sets, policy[i].name);
		}
		if (r >= 0 && set && !live_maps_is_restored(sets->maps, set->slot)) {
			if (policy[i].persist && sets->state_dir)
				r = live_restore(sets, set, diags);
			if (r >= 0)
				r = live_maps_set_restored(sets->maps, set->slot);
		}
	}
	return r;
}

static int take_writers(struct set *set, const struct live_set *policy, struct diags *diags)
{
	forget_writers(set);
	set->writers = calloc(policy->n_writers + 1, sizeof(*set->writers));
	set->uids = calloc(policy->n_writers + 1, sizeof(*set->uids));
	if (!set->writers || !set->uids)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_writers; i++) {
		set->writers[i] = strdup(policy->writers[i]);
		if (!set->writers[i])
			return -ENOMEM;
		set->uids[set->n_writers++] = (uid_t)-1;
		if (user_find(policy->writers[i], &set->uids[i]) < 0)
			diag_warning(diags, NULL,
				     "there is no user '%s', who may write to the live set '%s': "
				     "make it, then reload",
				     policy->writers[i], set->name);
	}
	return 0;
}

/* Entries that the policy does not let in (any more); there are none, if it lets in what it let in
 * before. Of a set that is too full, the ones that end first would be as good as any to go; they are
 * kept, and nothing is let in. */
static void remove_refused(struct live_sets *sets, struct set *set, struct diags *diags)
{
	struct kernel_side side = { .sets = sets, .set = set };
	struct live_view view;
	uint64_t removed = 0;

	if (set->judged)
		return;
	set->judged = true;
	for (bool more = live_store_next(set->store, NULL, &view); more;
	     more = live_store_next(set->store, &view.prefix, &view)) {
		struct live_prefix prefix = view.prefix;
		_cleanup_free_ char *why = NULL;

		if (live_judge(set, LIVE_ADD, &prefix, NULL, &why) != -EPERM)
			continue;
		live_journal_gone(set, &prefix);
		removed += live_store_remove(set->store, &prefix, live_tell_kernel, &side) >= 0;
	}
	if (!removed)
		return;
	live_note_empty(sets, set);
	set->removed += removed;
	diag_warning(diags, NULL,
		     "%llu entries were removed from the live set '%s', since the policy does not "
		     "let them in any more ('max-width', 'except')",
		     (unsigned long long)removed, set->name);
}

static void take_set(struct live_sets *sets, struct set *set, const struct live_set *policy,
		     struct diags *diags)
{
	struct space except;
	bool had_journal = set->journal;

	set->parked = false;
	set->size = policy->size;
	set->timeout = policy->timeout;
	set->judged &= memcmp(set->widest, policy->widest, sizeof(set->widest)) == 0;
	memcpy(set->widest, policy->widest, sizeof(set->widest));
	set->persist = policy->persist;
	if (take_writers(set, policy, diags) < 0 || space_of(&policy->except, &except) < 0) {
		diag_warning(diags, NULL,
			     "out of memory: who may write to the live set '%s', and "
			     "what it never holds, is as it was; reload",
			     set->name);
		return;
	}
	set->judged &= space_equal(&set->except, &except);
	space_done(&set->except);
	set->except = except;
	remove_refused(sets, set, diags);
	if (!policy->persist || !sets->state_dir) {
		live_close_journal(set);
		if (sets->state_dir)
			journal_remove(sets->state_dir, set->name);
	} else if (!had_journal || set->journal_broken) {
		live_rewrite_journal(sets, set, diags);
	} else {
		live_journal_sync(sets, set, diags);
	}
	if (live_set_count(set) > set->size)
		diag_warning(diags, NULL,
			     "the live set '%s' has %zu entries and may have %u: nothing is added "
			     "until some are gone",
			     set->name, live_set_count(set), set->size);
}

void live_sets_await(struct live_sets *sets, const struct live_set *policy, size_t n)
{
	for (size_t i = 0; i < sets->n; i++)
		sets->items[i]->awaited = false;
	for (size_t i = 0; i < n; i++) {
		struct set *set = live_find_set(sets, policy[i].name);

		if (set)
			set->awaited = true;
	}
}

void live_sets_take(struct live_sets *sets, const struct live_set *policy, size_t n,
		    struct diags *diags)
{
	for (size_t i = 0; i < sets->n; i++)
		sets->items[i]->parked = true;
	for (size_t i = 0; i < n; i++) {
		struct set *set = live_find_set(sets, policy[i].name);

		if (set)
			take_set(sets, set, &policy[i], diags);
	}
	for (size_t i = sets->n; i-- > 0;) {
		struct set *set = sets->items[i];

		if (!set->parked)
			continue;
		if (live_set_count(set))
			diag_warning(diags, NULL,
				     "no policy names the live set '%s' any more; its %zu entries "
				     "are kept until they end, or until `xdpgate set flush %s`",
				     set->name, live_set_count(set), set->name);
		forget_writers(set);
		live_drop_if_idle(sets, set);
	}
}

/* --- rights ------------------------------------------------------------------------------ */

static bool is_writer(const struct set *set, uid_t uid)
{
	for (size_t i = 0; i < set->n_writers; i++)
		if (set->uids[i] == uid && uid != (uid_t)-1)
			return true;
	return false;
}

bool live_sets_may_write(const struct live_sets *sets, const char *name, uid_t uid)
{
	const struct set *set = live_find_set(sets, name);

	return set && is_writer(set, uid);
}

bool live_sets_is_writer(const struct live_sets *sets, uid_t uid)
{
	for (size_t i = 0; i < sets->n; i++)
		if (is_writer(sets->items[i], uid))
			return true;
	return false;
}

/* --- the end of entries ------------------------------------------------------------------ */

size_t live_remove_ended(struct live_sets *sets, struct set *set, size_t most)
{
	struct kernel_side side = { .sets = sets, .set = set };
	uint32_t now = live_now();
	struct live_view view;
	size_t n = 0;

	while (n < most && live_store_ended(set->store, now, &view)) {
		struct live_prefix prefix = view.prefix;

		/* Whatever the kernel says, it has ended, and packets know. */
		live_store_remove(set->store, &prefix, live_tell_kernel, &side);
		n++;
	}
	if (n)
		live_note_empty(sets, set);
	set->ended += n;
	return n;
}

void live_sets_tick(struct live_sets *sets, struct diags *diags)
{
	size_t left = LIVE_TICK_ENTRIES;

	for (size_t i = sets->n; i-- > 0;) {
		struct set *set = sets->items[i];

		left -= live_remove_ended(sets, set, left);
		if (set->journal && journal_is_wasteful(set->journal, live_set_count(set)))
			live_rewrite_journal(sets, set, diags);
		live_drop_if_idle(sets, set);
	}
}

uint64_t live_sets_next_end(const struct live_sets *sets)
{
	uint32_t next = LIVE_FOREVER;

	for (size_t i = 0; i < sets->n; i++)
		if (live_store_next_end(sets->items[i]->store) < next)
			next = live_store_next_end(sets->items[i]->store);
	return next == LIVE_FOREVER ? 0 : next * UINT64_C(1000000);
}
