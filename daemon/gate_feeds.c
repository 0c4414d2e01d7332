/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_feeds.c: list files of sets with `watch: true`: which they are, and what is known of them.
 */
#include "gate_internal.h"

#include <string.h>

#include "log.h"
#include "util.h"

/* --- which they are ---------------------------------------------------------------------- */

struct feed *gate_feed_find(struct feeds *feeds, const char *path)
{
	for (size_t i = 0; i < feeds->n; i++)
		if (!strcmp(feeds->items[i].tell.path, path))
			return &feeds->items[i];
	return NULL;
}

static void feed_done(struct feed *feed)
{
	free(feed->tell.path);
	free(feed->tell.error);
	*feed = (struct feed){};
}

static void feeds_done(struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->n; i++)
		feed_done(&feeds->items[i]);
	free(feeds->items);
	for (size_t i = 0; i < feeds->n_patterns; i++)
		free(feeds->patterns[i].path);
	free(feeds->patterns);
	*feeds = (struct feeds){};
}

void gate_feeds_done(struct gate *gate)
{
	feeds_done(&gate->feeds);
}

struct feed *gate_feed_add(struct feeds *feeds, const char *path, const struct list_guard *guard)
{
	struct feed feed = { .guard = *guard };

	if (array_reserve((void **)&feeds->items, &feeds->capacity, feeds->n + 1, sizeof(feed)) < 0)
		return NULL;
	feed.tell.path = strdup(path);
	if (!feed.tell.path)
		return NULL;
	feeds->items[feeds->n] = feed;
	return &feeds->items[feeds->n++];
}

void gate_feed_forget(struct feeds *feeds, struct feed *feed)
{
	size_t i = (size_t)(feed - feeds->items);

	feed_done(feed);
	memmove(feed, feed + 1, (--feeds->n - i) * sizeof(*feed));
}

/* The file must be what each of its sets wants. */
static void add_guard(struct list_guard *to, const struct list_guard *guard)
{
	if (guard->v4 > to->v4) {
		to->v4 = guard->v4;
		to->v4_given = guard->v4_given;
	}
	if (guard->v6 > to->v6) {
		to->v6 = guard->v6;
		to->v6_given = guard->v6_given;
	}
	if (guard->max_shrink < to->max_shrink)
		to->max_shrink = guard->max_shrink;
}

static int add_files(struct feeds *feeds, const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_files; i++) {
		const struct policy_file *file = &policy->files[i];

		if (!file->guard.watch || gate_feed_find(feeds, file->path))
			continue;
		if (!gate_feed_add(feeds, file->path, &file->guard))
			return -ENOMEM;
		feeds->items[feeds->n - 1].in_force = true;
		feeds->items[feeds->n - 1].tell.n_prefixes = file->n_prefixes;
	}
	/* It may be in sets that are not watched, too. */
	for (size_t i = 0; i < policy->n_files; i++) {
		struct feed *feed = policy->files[i].guard.set[0]
					    ? gate_feed_find(feeds, policy->files[i].path)
					    : NULL;

		if (feed)
			add_guard(&feed->guard, &policy->files[i].guard);
	}
	return 0;
}

static int add_patterns(struct feeds *feeds, const struct policy *policy)
{
	feeds->patterns = calloc(policy->n_patterns + 1, sizeof(*feeds->patterns));
	for (size_t i = 0; feeds->patterns && i < policy->n_patterns; i++) {
		struct policy_pattern *pattern = &feeds->patterns[i];

		*pattern = policy->patterns[i];
		pattern->path = strdup(policy->patterns[i].path);
		if (!pattern->path)
			return -ENOMEM;
		feeds->n_patterns++;
	}
	return feeds->patterns ? 0 : -ENOMEM;
}

/* What was refused before still is, if nothing else was read meanwhile. */
static int take_over(struct feeds *feeds, struct feeds *old)
{
	for (size_t i = 0; i < old->n; i++) {
		struct feed *from = &old->items[i], *to = gate_feed_find(feeds, from->tell.path);

		if (!from->tell.error || from->pending)
			continue;
		if (!to)
			to = gate_feed_add(feeds, from->tell.path, &from->guard);
		if (!to)
			return -ENOMEM;
		to->tell.error = TAKE_PTR(from->tell.error);
		to->refused = from->refused;
	}
	return 0;
}

void gate_feeds_loaded(struct gate *gate, const struct policy *policy, bool again)
{
	struct feeds feeds = {};
	int r = add_files(&feeds, policy);

	if (r >= 0)
		r = add_patterns(&feeds, policy);
	if (r >= 0 && again)
		r = take_over(&feeds, &gate->feeds);
	for (size_t i = 0; i < feeds.n; i++) {
		struct gate_feed *tell = &feeds.items[i].tell;
		size_t n;

		if (list_cache_tell(gate->lists, tell->path, &n, &tell->changed_usec))
			tell->n_prefixes = n;
	}
	if (r < 0)
		log_warning("out of memory: not all list files are watched until the next reload");
	feeds_done(&gate->feeds);
	gate->feeds = feeds;
}

bool gate_watched(const struct gate *gate, size_t i, struct gate_watch *ret)
{
	const struct feeds *feeds = &gate->feeds;

	if (gate->detached || i >= feeds->n + feeds->n_patterns)
		return false;
	ret->pattern = i >= feeds->n;
	ret->path = ret->pattern ? feeds->patterns[i - feeds->n].path : feeds->items[i].tell.path;
	return true;
}

bool gate_feeds_refused(const struct gate *gate)
{
	for (size_t i = 0; i < gate->feeds.n; i++)
		if (gate->feeds.items[i].tell.error)
			return true;
	return false;
}

void gate_feeds_free(struct gate_feed *feeds, size_t n)
{
	for (size_t i = 0; feeds && i < n; i++) {
		free(feeds[i].path);
		free(feeds[i].error);
	}
	free(feeds);
}

int gate_feeds_tell(const struct gate *gate, struct gate_status *ret)
{
	ret->feeds = calloc(gate->feeds.n + 1, sizeof(*ret->feeds));
	if (!ret->feeds)
		return -ENOMEM;
	for (size_t i = 0; i < gate->feeds.n; i++) {
		const struct gate_feed *from = &gate->feeds.items[i].tell;
		struct gate_feed *to = &ret->feeds[ret->n_feeds++];

		*to = *from;
		to->path = strdup(from->path);
		to->error = from->error ? strdup(from->error) : NULL;
		if (!to->path || (from->error && !to->error))
			return -ENOMEM;
	}
	return 0;
}
