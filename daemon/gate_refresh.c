/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_refresh.c: watched list files have changed. Each is looked at by itself, by the rules of its
 * set; then the policy in force is made again, with what they hold now in the place of what they held,
 * and put in force like any other. So a file that is poisoned harms nobody, and neither the policy
 * file nor other lists are read.
 */
#include "gate_internal.h"

#include <malloc.h>
#include <string.h>

#include "local.h"
#include "log.h"
#include "util.h"

/* --- what has changed -------------------------------------------------------------------- */

/* Remember why the feed is refused; say it, unless it was said. */
static void refuse(struct feed *feed, const struct diags *found, struct diags *diags)
{
	char *error = gate_print_diags(found);
	bool news = !feed->tell.error || !error || strcmp(feed->tell.error, error) != 0;

	feed->pending = false;
	feed->refused = feed->stamp;
	free(feed->tell.error);
	feed->tell.error = error ? error : strdup("refused; out of memory to say why");
	if (!news)
		return;
	diags_repeat(diags, found, false);
	if (feed->in_force)
		log_error("list %s is refused: the %llu prefixes that it held before stay in force",
			  feed->tell.path, (unsigned long long)feed->tell.n_prefixes);
	else
		log_error("list %s is refused, and not in force", feed->tell.path);
}

/* Look at one. 0, or -ENOMEM. */
static int look(struct gate *gate, struct feed *feed, struct diags *diags)
{
	_cleanup_(diags_free) struct diags found = { .limit = 3 };
	struct list_change change = { .stamp = feed->refused };
	int r = list_cache_refresh(gate->lists, feed->tell.path, &feed->guard, &change, &found);

	if (r == -ENOMEM || r == -EALREADY)
		return r == -ENOMEM ? r : 0;
	feed->pending = r > 0;
	feed->before = change.before;
	feed->stamp = change.stamp;
	feed->refused = 0;
	if (r < 0) {
		refuse(feed, &found, diags);
	} else if (!r && feed->tell.error) {
		free(TAKE_PTR(feed->tell.error));
		log_notice("list %s holds what is in force", feed->tell.path);
	}
	return 0;
}

static bool is_among(const char *path, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(path, paths[i]))
			return true;
	return false;
}

/* NULL: all are. */
static bool is_wanted(const char *path, const char *const *paths, size_t n)
{
	return !paths || is_among(path, paths, n);
}

/* Those that the pattern would bring, and that are gone again before they were ever in force. */
static void forget_gone(struct feeds *feeds, const struct paths *paths)
{
	for (size_t i = feeds->n; i-- > 0;)
		if (!feeds->items[i].in_force &&
		    !is_among(feeds->items[i].tell.path, (const char *const *)paths->items,
			      paths->n))
			gate_feed_forget(feeds, &feeds->items[i]);
}

/* Files that the pattern matches now and did not when the policy was loaded. */
static int look_for_new(struct gate *gate, const struct policy_pattern *pattern,
			struct diags *diags)
{
	_cleanup_(paths_done) struct paths paths = { 0 };
	int r = list_pattern_expand(pattern->path, &paths, diags);

	for (size_t i = 0; i < paths.n && r >= 0; i++) {
		struct feed *feed = gate_feed_find(&gate->feeds, paths.items[i]);

		if (feed && feed->in_force)
			continue;
		if (!feed)
			feed = gate_feed_add(&gate->feeds, paths.items[i], &pattern->guard);
		if (!feed)
			return -ENOMEM;
		if (!feed->pending)
			r = look(gate, feed, diags);
		if (r >= 0 && feed->pending)
			r = list_cache_refresh_pattern(gate->lists, pattern->path, paths.items[i]);
	}
	return r;
}

/* None of the patterns has the file any more. */
static int forget_all_gone(struct gate *gate)
{
	_cleanup_(paths_done) struct paths all = { 0 };
	int r = 0;

	for (size_t i = 0; i < gate->feeds.n_patterns && r >= 0; i++) {
		_cleanup_(diags_free) struct diags unsaid = {};
		_cleanup_(paths_done) struct paths paths = { 0 };

		r = list_pattern_expand(gate->feeds.patterns[i].path, &paths, &unsaid);
		for (size_t j = 0; j < paths.n && r >= 0; j++) {
			r = array_reserve((void **)&all.items, &all.capacity, all.n + 1,
					  sizeof(*all.items));
			if (r >= 0)
				all.items[all.n++] = TAKE_PTR(paths.items[j]);
		}
	}
	if (r >= 0)
		forget_gone(&gate->feeds, &all);
	return r;
}

/* --- putting it in force ----------------------------------------------------------------- */

static int look_at_all(struct gate *gate, const char *const *paths, size_t n, struct diags *diags)
{
	struct feeds *feeds = &gate->feeds;
	int r = 0;

	for (size_t i = 0; i < feeds->n; i++)
		feeds->items[i].pending = false;
	for (size_t i = 0; i < feeds->n && r >= 0; i++)
		if (feeds->items[i].in_force && is_wanted(feeds->items[i].tell.path, paths, n))
			r = look(gate, &feeds->items[i], diags);
	for (size_t i = 0; i < feeds->n_patterns && r >= 0; i++)
		if (is_wanted(feeds->patterns[i].path, paths, n))
			r = look_for_new(gate, &feeds->patterns[i], diags);
	return r == -EINVAL ? 0 : r;
}

struct change {
	char *path;
	size_t before;
};

struct changes {
	struct change *items;
	size_t n, capacity;
};

static void changes_done(struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		free(changes->items[i].path);
	free(changes->items);
}

/* The pending ones; their table is made anew with the policy. 0 or -ENOMEM. */
static int note_changes(const struct feeds *feeds, struct changes *ret)
{
	for (size_t i = 0; i < feeds->n; i++) {
		struct change change = { .before = feeds->items[i].before };

		if (!feeds->items[i].pending)
			continue;
		if (array_reserve((void **)&ret->items, &ret->capacity, ret->n + 1,
				  sizeof(change)) < 0)
			return -ENOMEM;
		change.path = strdup(feeds->items[i].tell.path);
		if (!change.path)
			return -ENOMEM;
		ret->items[ret->n++] = change;
	}
	return 0;
}

static void tell_changes(struct gate *gate, const struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct feed *feed = gate_feed_find(&gate->feeds, changes->items[i].path);

		log_notice("list %s: %llu prefixes now, %zu before: generation %llu is in force",
			   changes->items[i].path,
			   (unsigned long long)(feed ? feed->tell.n_prefixes : 0),
			   changes->items[i].before,
			   (unsigned long long)gate_manifest(gate)->generation);
	}
}

static int put_in_force(struct gate *gate, struct diags *diags)
{
	const struct gate_load how = { .again = true, .refreshed = true };
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	int r = gate_read_self(&self, diags);

	if (r >= 0)
		return gate_load_and_install(gate, &self, &how, diags);
	list_cache_end(gate->lists, false);
	return r;
}

static void refuse_pending(struct gate *gate, const struct diags *found, struct diags *diags)
{
	for (size_t i = 0; i < gate->feeds.n; i++)
		if (gate->feeds.items[i].pending)
			refuse(&gate->feeds.items[i], found, diags);
}

/* What is not about files, but about interfaces or copies. What there is to say of the policy was
 * said when it was loaded. */
void gate_say_warnings(struct diags *diags, const struct diags *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (!found->items[i].file)
			diag_warning(diags, NULL, "%s", found->items[i].message);
}

/* *ret_changes is what was about to change if it was refused, else empty. */
static int refresh(struct gate *gate, const char *const *paths, size_t n, struct changes *ret,
		   struct diags *found, struct diags *diags)
{
	_cleanup_(changes_done) struct changes changes = {};
	int r;

	list_cache_refresh_begin(gate->lists);
	r = look_at_all(gate, paths, n, diags);
	if (r >= 0)
		r = note_changes(&gate->feeds, &changes);
	if (r < 0 || !changes.n) {
		list_cache_end(gate->lists, false);
		return r;
	}
	if (put_in_force(gate, found) < 0) {
		*ret = changes;
		changes = (struct changes){};
		return 0;
	}
	gate_say_warnings(diags, found);
	tell_changes(gate, &changes);
	return 1;
}

/* By itself. */
static int refresh_one(struct gate *gate, const char *path, struct diags *diags)
{
	_cleanup_(changes_done) struct changes changes = {};
	_cleanup_(diags_free) struct diags found = {};
	int r = refresh(gate, &path, 1, &changes, &found, diags);

	if (changes.n)
		refuse_pending(gate, &found, diags);
	return r;
}

/* All together are refused: each by itself, so that one harms no other; new files of a pattern come
 * by that. */
static int refresh_one_by_one(struct gate *gate, const struct changes *changes, struct diags *diags)
{
	int r = 0, done = 0;

	for (size_t i = 0; i < changes->n && done >= 0; i++) {
		const struct feed *feed = gate_feed_find(&gate->feeds, changes->items[i].path);

		if (feed && feed->in_force)
			done = refresh_one(gate, changes->items[i].path, diags);
		r |= done > 0;
	}
	for (size_t i = 0; i < gate->feeds.n_patterns && done >= 0; i++) {
		_cleanup_free_ char *path = strdup(gate->feeds.patterns[i].path);

		done = path ? refresh_one(gate, path, diags) : -ENOMEM;
		r |= done > 0;
	}
	return done < 0 ? done : r;
}

int gate_feeds_changed(struct gate *gate, const char *const *paths, size_t n, struct diags *diags)
{
	_cleanup_(changes_done) struct changes changes = {};
	_cleanup_(diags_free) struct diags found = {};
	int r;

	if (gate->detached || !gate->loaded || !(gate->feeds.n + gate->feeds.n_patterns))
		return 0;
	r = refresh(gate, paths, n, &changes, &found, diags);
	if (changes.n > 1)
		r = refresh_one_by_one(gate, &changes, diags);
	else if (changes.n)
		refuse_pending(gate, &found, diags);
	if (r >= 0 && forget_all_gone(gate) < 0)
		r = -ENOMEM;
	if (r > 0)
		malloc_trim(0);
	return r;
}
