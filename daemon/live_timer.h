/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_timer.h: entries of live sets end when they should: packets know by themselves, and this
 * removes them.
 */
#pragma once

#include <systemd/sd-event.h>

#include "gate.h"

struct live_timer;

/* From here on, whatever the event loop does: behind each thing that it did, it is seen when the
 * next entry ends. 0, or a negative errno, logged. */
int live_timer_new(sd_event *event, struct gate *gate, struct live_timer **ret);
struct live_timer *live_timer_free(struct live_timer *timer); /* NULL is fine; returns NULL */
