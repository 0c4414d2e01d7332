// SPDX-License-Identifier: GPL-2.0-only
/*
 * expiry.c: the timer of what expires; see expiry.h. It goes by the wall clock, so a clock that is
 * set anew is heeded.
 */
#include "expiry.h"

#include <inttypes.h>
#include <time.h>

#include "log.h"
#include "util.h"

#define ACCURACY_USEC 100000
/* If the policy could not be loaded then, what has expired is in force still: try again. */
#define RETRY_USEC (300 * UINT64_C(1000000))

struct expiry_timer {
	sd_event_source *source;
	expiry_handler *handler;
	void *userdata;
};

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct expiry_timer *timer = userdata;

	timer->handler(timer->userdata);
	return 0;
}

int expiry_timer_new(sd_event *event, expiry_handler *handler, void *userdata,
		     struct expiry_timer **ret)
{
	struct expiry_timer *timer = calloc(1, sizeof(*timer));
	int r;

	if (!timer)
		return log_error_errno(ENOMEM, "cannot make a timer: %m");
	timer->handler = handler;
	timer->userdata = userdata;
	r = sd_event_add_time(event, &timer->source, CLOCK_REALTIME, 0, ACCURACY_USEC, on_expiry,
			      timer);
	if (r >= 0)
		r = sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
	if (r < 0) {
		expiry_timer_free(timer);
		return log_error_errno(r, "cannot make a timer: %m");
	}
	*ret = timer;
	return 0;
}

struct expiry_timer *expiry_timer_free(struct expiry_timer *timer)
{
	if (!timer)
		return NULL;
	sd_event_source_unref(timer->source);
	free(timer);
	return NULL;
}

void expiry_timer_set(struct expiry_timer *timer, const struct gate *gate, bool loaded)
{
	uint64_t at = gate_next_expiry(gate) * UINT64_C(1000000), now;
	int r;

	if (!at || gate_is_detached(gate)) {
		sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
		return;
	}
	r = sd_event_now(sd_event_source_get_event(timer->source), CLOCK_REALTIME, &now);
	if (r >= 0 && !loaded && at <= now)
		at = now + RETRY_USEC;
	if (r >= 0) /* what has expired while it was loaded is due at once */
		r = sd_event_source_set_time(timer->source, at);
	if (r >= 0)
		r = sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
	if (r < 0)
		log_warning_errno(r, "cannot set a timer for what expires next: %m; reload then");
}
