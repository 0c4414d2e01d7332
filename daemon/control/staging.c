/* SPDX-License-Identifier: GPL-2.0-only */
/* See staging.h. */
#include <malloc.h>
#include <string.h>

#include "bounds.h"
#include "session.h"
#include "util.h"

#define TRIM_BYTES (16U << 20)
#define MALLOC_BYTES 16U /* what an allocation costs beside its bytes */

static void count_bytes(struct session *session, ssize_t delta)
{
	session->staging->bytes += delta;
	session->control->staged += delta;
	if (session->peer.right != RIGHT_CHANGE)
		session->control->staged_unprivileged += delta;
}

static bool has_room(const struct session *session, size_t bytes, size_t n)
{
	const struct control *control = session->control;

	return session->staging->n + n <= STAGED_MAX_ENTRIES &&
	       control->staged + bytes <= STAGED_MAX_BYTES &&
	       (session->peer.right == RIGHT_CHANGE ||
		control->staged_unprivileged + bytes <= STAGED_UNPRIVILEGED_BYTES);
}

static int append(struct session *session, const struct live_request *item)
{
	struct staging *staging = session->staging;
	struct live_request copy = *item;
	size_t before = staging->size;

	if (array_reserve((void **)&staging->items, &staging->size, staging->n + 1, sizeof(copy)) <
	    0)
		return -ENOMEM;
	count_bytes(session, (ssize_t)((staging->size - before) * sizeof(copy)));
	if (item->comment) {
		copy.comment = strdup(item->comment);
		if (!copy.comment)
			return -ENOMEM;
		count_bytes(session, (ssize_t)(strlen(copy.comment) + 1 + MALLOC_BYTES));
	}
	staging->items[staging->n++] = copy;
	return 0;
}

static void cut(struct session *session, size_t n)
{
	struct staging *staging = session->staging;

	while (staging->n > n) {
		char *comment = (char *)staging->items[--staging->n].comment;

		if (comment)
			count_bytes(session, -(ssize_t)(strlen(comment) + 1 + MALLOC_BYTES));
		free(comment);
	}
}

static size_t bytes_of(const struct live_request *items, size_t n)
{
	size_t bytes = n * sizeof(*items);

	for (size_t i = 0; i < n; i++)
		bytes += items[i].comment ? strlen(items[i].comment) + 1 + MALLOC_BYTES : 0;
	return bytes;
}

int staging_add(struct session *session, const char *set, const struct live_request *items,
		size_t n)
{
	size_t before;
	int r = 0;

	if (!session->staging) {
		session->staging = calloc(1, sizeof(*session->staging));
		if (!session->staging)
			return -ENOMEM;
		snprintf(session->staging->set, sizeof(session->staging->set), "%s", set);
	}
	before = session->staging->n;
	if (!has_room(session, bytes_of(items, n), n))
		r = -ENOSPC;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = append(session, &items[i]);
	if (r < 0)
		cut(session, before);
	sd_event_now(session->control->event, CLOCK_MONOTONIC, &session->staging->since_usec);
	return r;
}

void staging_drop(struct session *session)
{
	size_t bytes = session->staging ? session->staging->bytes : 0;

	if (!session->staging)
		return;
	cut(session, 0);
	count_bytes(session, -(ssize_t)session->staging->bytes);
	free(session->staging->items);
	free(TAKE_PTR(session->staging));
	/* a million freed comments are the process's still */
	if (bytes >= TRIM_BYTES)
		malloc_trim(0);
}
