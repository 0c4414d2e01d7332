/* SPDX-License-Identifier: GPL-2.0-only */
/* method_runs.h: what the table of methods and what it runs have in common. */
#pragma once

#include "methods.h"

#define SERVICE "org.varlink.service"
#define GATE "org.xdpgate.gate"

/* A parameter of the call, NULL if it is absent or null. Its type was checked. */
json_t *parameter_of(const struct call *call, const char *name);
const char *string_of(const struct call *call, const char *name);

/* error (text: string) */
void method_text_error(struct session *session, const char *error, const char *text);
void method_denied(struct session *session, const char *text); /* PermissionDenied */

/* errno alone is a poor answer, but better than none: when a function failed without a word. */
void method_explain(struct diags *diags, const char *what, int error);

/* methods_gate.c */
void run_get_info(struct session *session, const struct call *call);
void run_get_interface_description(struct session *session, const struct call *call);
void run_status(struct session *session, const struct call *call);
void run_stats(struct session *session, const struct call *call);
void run_rules(struct session *session, const struct call *call);
void run_policy(struct session *session, const struct call *call);
void run_explain(struct session *session, const struct call *call);
void run_check(struct session *session, const struct call *call);
void run_history(struct session *session, const struct call *call);

/* method_trial.c */
void run_trial(struct session *session, const struct call *call);
void run_trial_end(struct session *session, const struct call *call);

/* method_change.c */
/* Tell who observes the socket that a call that changes something begins, or what came of it. */
void method_tell(struct session *session, struct control_event *event);
void method_tell_result(struct session *session, struct control_event *event, int result,
			const struct diags *diags);
void run_reload(struct session *session, const struct call *call);
void run_confirm(struct session *session, const struct call *call);
void run_rollback(struct session *session, const struct call *call);
void run_off(struct session *session, const struct call *call);
void run_on(struct session *session, const struct call *call);
void run_detach(struct session *session, const struct call *call);

/* method_sets.c, method_set_list.c */
void run_set_add(struct session *session, const struct call *call);
void run_set_delete(struct session *session, const struct call *call);
void run_set_flush(struct session *session, const struct call *call);
void run_set_replace(struct session *session, const struct call *call);
void run_set_test(struct session *session, const struct call *call);
void run_set_list(struct session *session, const struct call *call);
void run_set_stats(struct session *session, const struct call *call);
