/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * links.h: notice that network devices came, went or were renamed (netlink, RTMGRP_LINK), in
 * the daemon's own network namespace, and call somebody who looks after it.
 *
 * Many messages make one call: the first is answered at once, later ones at most every
 * 50 ms. If the call fails it is repeated: soon after the next message, or by itself
 * after 1, 2, 4 … 30 seconds.
 */
#pragma once

#include <systemd/sd-event.h>

struct links;

/* 0, or a negative errno: not all is well yet, call again later. */
typedef int (*links_handler)(void *userdata);

/* Listens from now on; the handler is called from the event loop only, at the loop's normal
 * priority. 0, or negative errno, logged. */
int links_new(sd_event *event, links_handler handler, void *userdata, struct links **ret);

/* Something outside has failed that the handler may repair: call it later, as if it had. */
void links_retry(struct links *links);

struct links *links_free(struct links *links); /* NULL is fine; returns NULL */
