/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.h: the daemon's control socket. A Varlink service (https://varlink.org) on a UNIX
 * stream socket, driven by sd-event, that turns calls into the functions of gate.h. Its
 * interface is org.xdpgate.gate.varlink beside this file.
 *
 * Everything is non-blocking and bounded: see bounds.h. All sources of the event loop have
 * SD_EVENT_PRIORITY_NORMAL + 10, behind signals and network devices: a request that was sent
 * after a SIGHUP is answered after that reload.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "diag.h"
#include "gate.h"

#define CONTROL_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct control;

/* A request that changes something: told before it runs and after. For the log, sd_notify()
 * and, after Detach, the end of the daemon; the answer is sent when the observer returned. */
struct control_event {
	const char *method;    /* "Reload", "Confirm", "Rollback", "Off", "On", "Detach"; or
				* "SetChange", see changes */
	const char *interface; /* Off, On: which, NULL for all */
	const struct gate_change *change;   /* Reload, Rollback: as it was asked for */
	uint64_t history;                   /* Rollback: to which; 0: to the one before */
	const struct gate_changed *changed; /* Reload, Confirm, Rollback, done: what came of it;
					     * NULL: it failed */
	uid_t uid;                          /* of the client */
	pid_t pid;
	bool done;                 /* false: about to run */
	int result;                /* done: 0 or negative errno */
	const struct diags *diags; /* done: what came up, warnings too */
	/* SetChange, told only when done: what a client did to a live set since the last time. */
	const char *set;
	const struct control_changes *changes;
};

/* A bulk is many calls, and told as one: after a second without another, or when it is about another
 * set, or the client leaves. */
struct control_changes {
	uint64_t calls, failed; /* of the calls */
	uint64_t added, changed, removed, missing, refused;
	const char *why; /* of the first call that failed; NULL: none did */
};

typedef void (*control_observer)(const struct control_event *event, void *userdata);

/*
 * control_new() - listen and serve.
 * @listen_fd: a listening socket from socket activation (taken over, on failure too), or -1:
 *             then the socket is made at socket_path, mode 0660 and group xdpgate if that
 *             group exists, else 0600; its folder is made (0755) if missing. A socket that
 *             nobody serves any more is replaced, nothing else ever is.
 * 0, or a negative errno with the reason in diags: -EADDRINUSE when somebody serves there.
 */
int control_new(sd_event *event, struct gate *gate, int listen_fd, const char *socket_path,
		struct control **ret, struct diags *diags);

/* Let the users that live sets name in `writers` open the socket: to be called when another policy
 * came in force. Whoever is named no more is kept out. What fails is a warning. */
void control_admit_writers(struct control *control, struct diags *diags);

void control_observe(struct control *control, control_observer observer, void *userdata);

/* Hangs up on all clients and removes the socket if it is still the one made by
 * control_new(). NULL is fine; returns NULL. */
struct control *control_free(struct control *control);
