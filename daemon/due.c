// SPDX-License-Identifier: GPL-2.0-only
#include "due.h"

#include "log.h"
#include "util.h"

#define ACCURACY_USEC 1000

struct due_timer {
	sd_event_source *source, *post;
	const struct gate *gate;
	struct due due;
	uint64_t at; /* what it is set to; 0: it is off */
};

static void set(struct due_timer *timer)
{
	uint64_t at = timer->due.when(timer->gate);
	int r = 0;

	if (at == timer->at)
		return;
	if (at)
		r = sd_event_source_set_time(timer->source, at);
	if (r >= 0)
		r = sd_event_source_set_enabled(timer->source,
						at ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	timer->at = at;
	if (r < 0)
		log_warning_errno(r,
				  "cannot set a timer for %s: %m; packets go by it "
				  "nevertheless",
				  timer->due.what);
}

/* Something was done: the moment may be another. */
static int on_post(sd_event_source *source, void *userdata)
{
	set(userdata);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct due_timer *timer = userdata;

	timer->at = 0;
	timer->due.handler(timer->due.userdata);
	set(timer);
	return 0;
}

int due_timer_new(sd_event *event, const struct gate *gate, const struct due *due,
		  struct due_timer **ret)
{
	struct due_timer *timer = calloc(1, sizeof(*timer));
	int r;

	if (!timer)
		return log_error_errno(ENOMEM, "cannot make a timer: %m");
	timer->gate = gate;
	timer->due = *due;
	r = sd_event_add_time(event, &timer->source, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_time,
			      timer);
	if (r >= 0)
		r = sd_event_source_set_priority(timer->source, due->priority);
	if (r >= 0)
		r = sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_post(event, &timer->post, on_post, timer);
	if (r < 0) {
		due_timer_free(timer);
		return log_error_errno(r, "cannot make a timer: %m");
	}
	set(timer);
	*ret = timer;
	return 0;
}

struct due_timer *due_timer_free(struct due_timer *timer)
{
	if (!timer)
		return NULL;
	sd_event_source_unref(timer->post);
	sd_event_source_unref(timer->source);
	free(timer);
	return NULL;
}
