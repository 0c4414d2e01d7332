/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_timer.h: entries of live sets end when they should: packets know by themselves, and this
 * removes them.
 */
#pragma once

#include <systemd/sd-event.h>

#include "gate.h"

struct live_timer;

/* 0, or a negative errno, logged. */
int live_timer_new(sd_event *event, struct gate *gate, struct live_timer **ret);
struct live_timer *live_timer_free(struct live_timer *timer); /* NULL is fine; returns NULL */
/* Entries were added, or a policy came in force: there may be an earlier end. */
void live_timer_set(struct live_timer *timer);
