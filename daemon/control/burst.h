/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * burst.h: what one client does to live sets, summed up for the observer, so that a bulk of two
 * hundred calls is one line in the log.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "control.h"
#include "live_sets.h"

struct session;

struct burst {
	char set[NAME_LEN]; /* "": there is none */
	struct control_changes changes;
	char *why;
	uint64_t since_usec;
	sd_event_source *timer; /* made when there is something to tell */
};

/* A call changed the set (result is valid), or failed (r < 0; diags say why). */
void burst_add(struct session *session, const char *set, int r, const struct live_result *result,
	       const struct diags *diags);

/* Tell what there is, and free what it owns. */
void burst_end(struct session *session);
