// SPDX-License-Identifier: GPL-2.0-only
#include "live_timer.h"

#include "control/control.h"
#include "log.h"
#include "util.h"

/* Ends are whole seconds: many come in one moment. */
#define ACCURACY_USEC 1000

struct live_timer {
	sd_event_source *source, *post;
	struct gate *gate;
	uint64_t at; /* what it is set to; 0: it is off */
};

static void set(struct live_timer *timer, uint64_t at)
{
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
		log_warning_errno(r, "cannot set a timer for entries of live sets: %m; packets see "
				     "them end nevertheless");
}

/* Something was done: an entry may have come that ends earlier. */
static int on_post(sd_event_source *source, void *userdata)
{
	struct live_timer *timer = userdata;

	set(timer, gate_set_next_end(timer->gate));
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct live_timer *timer = userdata;

	timer->at = 0;
	gate_set_tick(timer->gate);
	set(timer, gate_set_next_end(timer->gate));
	return 0;
}

int live_timer_new(sd_event *event, struct gate *gate, struct live_timer **ret)
{
	struct live_timer *timer = calloc(1, sizeof(*timer));
	int r;

	if (!timer)
		return log_error_errno(ENOMEM, "cannot make a timer: %m");
	timer->gate = gate;
	r = sd_event_add_time(event, &timer->source, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_time,
			      timer);
	/* Behind clients: a slice of ended entries at a time, whoever asks comes first. */
	if (r >= 0)
		r = sd_event_source_set_priority(timer->source, CONTROL_PRIORITY + 1);
	if (r >= 0)
		r = sd_event_add_post(event, &timer->post, on_post, timer);
	if (r < 0) {
		live_timer_free(timer);
		return log_error_errno(r, "cannot make a timer: %m");
	}
	*ret = timer;
	return 0;
}

struct live_timer *live_timer_free(struct live_timer *timer)
{
	if (!timer)
		return NULL;
	sd_event_source_unref(timer->post);
	sd_event_source_unref(timer->source);
	free(timer);
	return NULL;
}
