/* SPDX-License-Identifier: GPL-2.0-only */
/* See burst.h. */
#include <string.h>

#include "bounds.h"
#include "burst.h"
#include "session.h"
#include "util.h"

static void tell(struct session *session)
{
	const struct control *control = session->control;
	struct burst *burst = &session->burst;
	const struct control_event event = {
		.method = "SetChange",
		.uid = session->peer.uid,
		.pid = session->peer.pid,
		.done = true,
		.set = burst->set,
		.changes = &burst->changes,
	};

	if (!burst->set[0])
		return;
	burst->changes.why = burst->why;
	if (control->observer)
		control->observer(&event, control->userdata);
	free(TAKE_PTR(burst->why));
	burst->set[0] = '\0';
	burst->changes = (struct control_changes){};
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
	tell(userdata);
	return 0;
}

static int start_timer(struct session *session)
{
	struct burst *burst = &session->burst;
	sd_event *event = session->control->event;
	uint64_t now, when;
	int r = sd_event_now(event, CLOCK_MONOTONIC, &now);

	if (r < 0)
		return r;
	if (!burst->timer) {
		r = sd_event_add_time(event, &burst->timer, CLOCK_MONOTONIC, 0, 0, on_pause,
				      session);
		if (r >= 0)
			r = sd_event_source_set_priority(burst->timer, CONTROL_PRIORITY);
	}
	if (r < 0)
		return r;
	if (!burst->changes.calls)
		burst->since_usec = now;
	when = now + BURST_PAUSE_USEC;
	if (when > burst->since_usec + BURST_MAX_USEC)
		when = burst->since_usec + BURST_MAX_USEC;
	sd_event_source_set_time(burst->timer, when);
	return sd_event_source_set_enabled(burst->timer, SD_EVENT_ONESHOT);
}

static void keep_why(struct burst *burst, int r, const struct diags *diags)
{
	for (size_t i = 0; !burst->why && i < diags->n; i++)
		if (diags->items[i].severity == SEVERITY_ERROR)
			burst->why = strdup(diags->items[i].message);
	if (!burst->why)
		burst->why = strdup(strerror(-r));
}

void burst_add(struct session *session, const char *set, int r, const struct live_result *result,
	       const struct diags *diags)
{
	struct burst *burst = &session->burst;
	struct control_changes *changes = &burst->changes;
	int timer;

	if (strcmp(burst->set, set) != 0)
		tell(session);
	timer = start_timer(session);
	snprintf(burst->set, sizeof(burst->set), "%s", set);
	changes->calls++;
	if (r < 0) {
		changes->failed++;
		keep_why(burst, r, diags);
	} else {
		changes->added += result->added;
		changes->changed += result->changed;
		changes->removed += result->removed;
		changes->missing += result->missing;
		changes->refused += result->refused;
	}
	if (timer < 0) /* no memory for it: then at once */
		tell(session);
}

void burst_end(struct session *session)
{
	tell(session);
	sd_event_source_disable_unref(session->burst.timer);
	session->burst.timer = NULL;
}
