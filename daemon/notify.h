/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notify.h: what the service manager hears from us (sd_notify), and the socket it may have
 * passed. Without a service manager all of it does nothing.
 *
 * The order systemd sees: STATUS= while interfaces are missing, READY=1 once, then RELOADING=1
 * and READY=1 around each reload, STATUS= whenever it changes, STOPPING=1 at the end. READY=1
 * is sent before its time by nobody: a reload during the start announces nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gate.h"

/* The listening socket that was passed, for the caller to own; -1: none. -EINVAL (logged) when
 * more than one was passed. */
int notify_take_socket(int *ret);

void notify_reloading(void);
/* The daemon's state in words; with ready, READY=1 if systemd waits for it. Repetitions are not sent. */
void notify_state(bool ready, const char *status);
void notify_stopping(const char *status);

/* One line for people: which generation filters where, what is missing, what went wrong. */
void notify_describe(const struct gate_status *status, char *out, size_t size);
