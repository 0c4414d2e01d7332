/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * due.h: what the gate has to do when a moment comes that it knows itself and that may change with
 * whatever happens: entries of live sets end, a policy was not confirmed in time. Packets see both on
 * time, with or without us.
 */
#pragma once

#include <systemd/sd-event.h>

#include "gate.h"

/* When, CLOCK_MONOTONIC in microseconds; 0: never. Asked after everything that the loop does. */
typedef uint64_t due_time(const struct gate *gate);
typedef void due_handler(void *userdata);

struct due {
	const char *what; /* for messages: "entries of live sets" */
	due_time *when;
	due_handler *handler;
	void *userdata; /* of the handler */
	int64_t priority;
};

struct due_timer;

/* gate must outlive it; it is freed before the event loop. 0, or negative errno, logged. */
int due_timer_new(sd_event *event, const struct gate *gate, const struct due *due,
		  struct due_timer **ret);
struct due_timer *due_timer_free(struct due_timer *timer); /* NULL is fine; returns NULL */
