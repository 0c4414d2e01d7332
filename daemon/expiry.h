/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expiry.h: rules and sets with `expires` end without anybody's doing: a timer loads the policy
 * again when the next of them does.
 */
#pragma once

#include <systemd/sd-event.h>

#include "gate.h"

/* Called when something has expired; it reloads. */
typedef void expiry_handler(void *userdata);

struct expiry_timer;

/* Owned by the caller; freed with expiry_timer_free() before the event loop. 0, or negative errno,
 * logged. */
int expiry_timer_new(sd_event *event, expiry_handler *handler, void *userdata,
		     struct expiry_timer **ret);
struct expiry_timer *expiry_timer_free(struct expiry_timer *timer); /* NULL is fine; returns NULL */

/* Set the timer to what the policy in force says; after each load, which succeeded or not. */
void expiry_timer_set(struct expiry_timer *timer, const struct gate *gate, bool loaded);
