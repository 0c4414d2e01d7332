/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * links.h: notice that network devices came, went or were renamed, or that addresses did, in the
 * daemon's own network namespace (netlink), and call somebody who looks after it.
 *
 * Many messages make one call. Of devices the first is answered at once, of addresses after 5 ms,
 * since several tend to come together; later ones at most every 50 ms, of addresses 20 ms, and
 * never sooner than the last call took. If the call fails it is repeated: soon after the next
 * message, or by itself after 1, 2, 4 … 30 seconds.
 */
#pragma once

#include <systemd/sd-event.h>

struct links;

enum links_kind { LINKS_DEVICES, LINKS_ADDRESSES };

/* 0, or a negative errno: not all is well yet, call again later. */
typedef int (*links_handler)(void *userdata);

/* Listens from now on; the handler is called from the event loop only, at the loop's normal
 * priority. 0, or negative errno, logged. */
int links_new(sd_event *event, enum links_kind kind, links_handler handler, void *userdata,
	      struct links **ret);

/* Something outside has failed that the handler may repair: call it later, as if it had. */
void links_retry(struct links *links);

struct links *links_free(struct links *links); /* NULL is fine; returns NULL */
