/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h: notice that list files changed (inotify on the folders of their paths), and call somebody
 * who looks after it.
 *
 * A file counts as changed when it was written and closed, or when another came in its place, by
 * rename or by a symbolic link anywhere on its path; not while it is being written. Many events make
 * one call: when half a second has passed without another, 5 s after the first at the latest.
 * Where the kernel cannot tell (it lost events, there are too many watches), all files are looked at
 * each minute, and so are those that could not be taken.
 */
#pragma once

#include <systemd/sd-event.h>

#include "gate.h"

struct watch;

/* These may have changed, as gate_watched() names them; NULL: all. True: all is well; false: call
 * again in a minute. */
typedef bool watch_handler(const char *const *paths, size_t n, void *userdata);

/* Owned by the caller; freed with watch_free() before the event loop. 0, or negative errno, logged. */
int watch_new(sd_event *event, watch_handler *handler, void *userdata, struct watch **ret);
struct watch *watch_free(struct watch *watch); /* NULL is fine; returns NULL */

/* Watch what the gate says from now on; after each load. */
void watch_set(struct watch *watch, const struct gate *gate);
