/* SPDX-License-Identifier: GPL-2.0-only */
/* method_set.h: what the methods of live sets have in common. */
#pragma once

#include "method_runs.h"

bool method_may_change_set(const struct session *session, const char *set);

/* The parameter `set`, which the client may change; NULL after the error was queued. */
const char *method_set_name(struct session *session, const struct call *call);

/* Is there such a set? False after the error was queued. */
bool method_set_is_there(struct session *session, const char *set);

/* NoSuchSet if r is -ENOENT, else SetFailed. */
void method_set_failed(struct session *session, const char *set, int r, struct diags *diags);
void method_set_fails(struct session *session, const char *set, const char *text);
