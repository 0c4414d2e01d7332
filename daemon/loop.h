/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * loop.h: what the daemon does when something happens: signals, interfaces that come and
 * go, requests of clients. Each is one call of the gate, a record in the log, and a word to
 * the service manager.
 *
 * Priorities: stop signals, then SIGHUP, then interfaces, then clients; so a request that was
 * sent after a SIGHUP is answered by the new policy, and a storm of anything cannot delay the
 * stop.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/control.h"
#include "expiry.h"
#include "gate.h"
#include "links.h"
#include "watch.h"

#define STOP_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 20)
#define RELOAD_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 10)

/* The parts belong to main(), which makes and frees them. */
struct loop {
	sd_event *event;
	struct gate *gate;
	struct links *links;
	struct expiry_timer *expiry;
	struct control *control;
	struct watch *watch;
	uint64_t generation; /* in force, as of the last loop_report() */
	bool links_failed;   /* the last loop_on_links() did */
	bool self_failed;    /* the last loop_on_addresses() did */
};

/* Block the signals that loop_watch_signals() takes, before anything else, so that
 * one which comes early is neither lost nor deadly; and ignore SIGPIPE. 0, or negative errno. */
int loop_block_signals(void);

/* SIGTERM and SIGINT end the loop, SIGHUP reloads; the watchdog is fed if one is set. */
int loop_watch_signals(struct loop *loop);

int loop_on_links(void *userdata);                                       /* a links_handler */
int loop_on_addresses(void *userdata);                                   /* likewise */
void loop_on_expiry(void *userdata);                                     /* an expiry_handler */
void loop_on_ends(void *userdata);                                       /* a due_handler */
void loop_on_deadline(void *userdata);                                   /* likewise */
bool loop_on_feeds(const char *const *paths, size_t n, void *userdata);  /* a watch_handler */
void loop_on_control(const struct control_event *event, void *userdata); /* a control_observer */

/* Let those whom the live sets of the policy in force name as writers open the control socket. */
void loop_admit_writers(struct loop *loop);

/* Tell the service manager and the log's fields what is true now; plan another try for an
 * interface that failed. */
void loop_report(struct loop *loop);
