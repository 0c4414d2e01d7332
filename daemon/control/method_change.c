/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The methods that change which policy is in force, or whether it judges at all. The observer is told
 * before and after; the gate is told who asks.
 */
#include <string.h>

#include "answers.h"
#include "method_runs.h"
#include "users.h"
#include "util.h"
#include "wire.h"

void method_tell(struct session *session, struct control_event *event)
{
	const struct control *control = session->control;

	event->uid = session->peer.uid;
	event->pid = session->peer.pid;
	if (control->observer)
		control->observer(event, control->userdata);
}

void method_tell_result(struct session *session, struct control_event *event, int result,
			const struct diags *diags)
{
	event->done = true;
	event->result = result;
	event->diags = diags;
	method_tell(session, event);
}

/* --- which policy is in force ------------------------------------------------------------ */

/* "root (process 77)". Caller frees; NULL when out of memory. */
static char *name_peer(const struct peer *peer)
{
	_cleanup_free_ char *name = NULL;
	char *text;
	int r = user_name(peer->uid, &name);

	if (r == -ENOMEM)
		return NULL;
	if (r < 0)
		r = asprintf(&text, "user %u (process %d)", peer->uid, (int)peer->pid);
	else
		r = asprintf(&text, "%s (process %d)", name, (int)peer->pid);
	return r < 0 ? NULL : text;
}

/* How the call wants it done. False after the error was queued. who: for the caller to free. */
static bool change_of(struct session *session, const struct call *call, struct gate_change *ret,
		      char **who)
{
	const json_t *confirm = parameter_of(call, "confirm_sec");
	const char *message = string_of(call, "message");
	json_int_t seconds = json_integer_value(confirm);

	if (confirm && (seconds < CONFIRM_MIN_SEC || seconds > CONFIRM_MAX_SEC)) {
		method_invalid_parameter(session, "confirm_sec");
		return false;
	}
	if (message && wire_message_problem(message)) {
		method_invalid_parameter(session, "message");
		return false;
	}
	*who = name_peer(&session->peer);
	if (!*who) {
		session->failed = true;
		return false;
	}
	*ret = (struct gate_change){
		.who = *who,
		.why = message && *message ? message : NULL,
		.confirm_sec = (uint32_t)seconds,
		.only_changed = json_is_true(parameter_of(call, "only_changed")),
		.accept_shrink = json_is_true(parameter_of(call, "accept_shrink")),
		.force = json_is_true(parameter_of(call, "force")),
	};
	return true;
}

/* Tell the observer, then the client. The event says what was asked. */
static void conclude(struct session *session, struct control_event *event, int r,
		     const struct gate_changed *changed, struct diags *diags, const char *error)
{
	event->changed = r < 0 ? NULL : changed;
	method_tell_result(session, event, r, diags);
	if (r < 0)
		session_error(session, error, answer_diags(diags));
	else
		session_reply(session, answer_changed(changed, diags), false);
	diags_free(diags);
}

void run_reload(struct session *session, const struct call *call)
{
	_cleanup_free_ char *who = NULL;
	struct gate_change change;
	struct gate_changed changed = {};
	struct control_event event = { .method = "Reload", .change = &change };
	struct diags diags = {};
	int r;

	if (!change_of(session, call, &change, &who))
		return;
	method_tell(session, &event);
	r = gate_reload(session->control->gate, &change, &changed, &diags);
	if (r < 0)
		method_explain(&diags, "the reload failed, the old policy stays in force", r);
	conclude(session, &event, r, &changed, &diags, GATE ".ReloadFailed");
}

void run_confirm(struct session *session, const struct call *call)
{
	_cleanup_free_ char *who = name_peer(&session->peer);
	struct gate_changed changed = {};
	struct control_event event = { .method = "Confirm" };
	struct diags diags = {};
	int r;

	if (!who) {
		session->failed = true;
		return;
	}
	method_tell(session, &event);
	r = gate_confirm(session->control->gate, who, &changed, &diags);
	if (r == -ENOENT)
		method_explain(&diags,
			       "there is nothing to confirm: no policy in force waits for it", r);
	else if (r < 0)
		method_explain(&diags, "the policy in force could not be confirmed", r);
	conclude(session, &event, r, &changed, &diags, GATE ".ConfirmFailed");
}

void run_rollback(struct session *session, const struct call *call)
{
	const json_t *history = parameter_of(call, "history");
	json_int_t id = json_integer_value(history);
	_cleanup_free_ char *who = NULL;
	struct gate_change change;
	struct gate_changed changed = {};
	struct control_event event = { .method = "Rollback",
				       .change = &change,
				       .history = (uint64_t)id };
	struct diags diags = {};
	int r;

	if (history && id < 1) {
		method_invalid_parameter(session, "history");
		return;
	}
	if (!change_of(session, call, &change, &who))
		return;
	method_tell(session, &event);
	r = gate_rollback(session->control->gate, (uint64_t)id, &change, &changed, &diags);
	if (r == -ENOENT)
		method_explain(&diags,
			       id ? "there is no policy of this number to go back to; 'xdpgate "
				    "history' lists those that there are"
				  : "there is no policy before this one to go back to",
			       r);
	else if (r < 0)
		method_explain(&diags, "the rollback failed, the policy in force stays", r);
	conclude(session, &event, r, &changed, &diags, GATE ".RollbackFailed");
}

/* --- whether it judges ------------------------------------------------------------------- */

static json_t *no_such_interface(const char *interface, const struct diags *diags)
{
	_cleanup_json_ json_t *answer = answer_diags(diags);

	if (json_object_set_new(answer, "interface", wire_string(interface)) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

static void run_switch(struct session *session, const struct call *call, bool off)
{
	const char *interface = string_of(call, "interface");
	struct control_event event = { .method = off ? "Off" : "On", .interface = interface };
	struct diags diags = {};
	int r;

	method_tell(session, &event);
	r = gate_set_off(session->control->gate, interface, off, &diags);
	if (r < 0)
		method_explain(&diags, off ? "switching off failed" : "switching on failed", r);
	method_tell_result(session, &event, r, &diags);
	if (interface && r == -ENOENT)
		session_error(session, GATE ".NoSuchInterface",
			      no_such_interface(interface, &diags));
	else if (r < 0)
		session_error(session, GATE ".SwitchFailed", answer_diags(&diags));
	else
		session_reply(session, answer_diags(&diags), false);
	diags_free(&diags);
}

void run_off(struct session *session, const struct call *call)
{
	run_switch(session, call, true);
}

void run_on(struct session *session, const struct call *call)
{
	run_switch(session, call, false);
}

void run_detach(struct session *session, const struct call *call)
{
	struct control_event event = { .method = "Detach" };
	struct diags diags = {};
	int r;

	method_tell(session, &event);
	r = gate_detach(session->control->gate, &diags);
	if (r < 0)
		method_explain(&diags, "detaching failed", r);
	method_tell_result(session, &event, r, &diags);
	if (r < 0)
		session_error(session, GATE ".DetachFailed", answer_diags(&diags));
	else
		session_reply(session, answer_diags(&diags), false);
	diags_free(&diags);
}
