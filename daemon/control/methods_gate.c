/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the methods of the table in methods.c run, but for those of live sets (method_sets.c). What
 * they answer is made in answers.c.
 */
#include <limits.h>
#include <string.h>

#include "answers.h"
#include "bounds.h"
#include "method_runs.h"
#include "util.h"
#include "wire.h"

static const char service_description[] =
#include "org.varlink.service.varlink.inc"
	;
static const char gate_description[] =
#include "org.xdpgate.gate.varlink.inc"
	;

/* --- org.varlink.service ----------------------------------------------------------------- */

void run_get_info(struct session *session, const struct call *call)
{
	session_reply(session,
		      json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "xdpgate", "product",
				"xdpgated", "version", XDPGATE_VERSION, "url",
				"https://xdpgate.org", "interfaces", SERVICE, GATE),
		      false);
}

void run_get_interface_description(struct session *session, const struct call *call)
{
	const char *interface = string_of(call, "interface");
	const char *description = NULL;

	if (!interface) {
		method_invalid_parameter(session, "interface");
		return;
	}
	if (strcmp(interface, SERVICE) == 0)
		description = service_description;
	else if (strcmp(interface, GATE) == 0)
		description = gate_description;
	if (description)
		session_reply(session, json_pack("{s:s}", "description", description), false);
	else
		session_error(session, SERVICE ".InterfaceNotFound",
			      json_pack("{s:o}", "interface", wire_string(interface)));
}

/* --- looking ----------------------------------------------------------------------------- */

static void read_failed(struct session *session, const char *what, int error)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "cannot read %s: %s", what, strerror(-error)) < 0)
		text = NULL;
	method_text_error(session, GATE ".ReadFailed", text ? text : "out of memory");
}

void run_status(struct session *session, const struct call *call)
{
	struct gate_status status = {};
	int r = gate_get_status(session->control->gate, &status);

	if (r < 0) {
		read_failed(session, "the status", r);
		return;
	}
	session_reply(session, answer_status(&status), false);
	gate_status_free(&status);
}

static int reply_stats(struct session *session, bool continues)
{
	struct stats stats = {};
	int r = gate_get_stats(session->control->gate, &stats);

	if (r < 0) {
		read_failed(session, "the counters", r);
		return r;
	}
	session_reply(session, answer_stats(&stats), continues);
	stats_free(&stats);
	return 0;
}

static void stream_stats(struct session *session)
{
	/* an error ends the stream, but not the session */
	if (reply_stats(session, true) < 0)
		session->streaming = false;
}

void run_stats(struct session *session, const struct call *call)
{
	const json_t *interval = parameter_of(call, "interval_ms");
	json_int_t msec = interval ? json_integer_value(interval) : STREAM_INTERVAL_DEFAULT_MSEC;

	if (msec < STREAM_INTERVAL_MIN_MSEC || msec > STREAM_INTERVAL_MAX_MSEC) {
		method_invalid_parameter(session, "interval_ms");
		return;
	}
	if (reply_stats(session, call->more) == 0 && call->more)
		session_stream(session, stream_stats, msec * 1000);
}

void run_rules(struct session *session, const struct call *call)
{
	struct gate_rules rules = {};
	int r = gate_get_rules(session->control->gate, &rules);

	if (r < 0) {
		read_failed(session, "the rules", r);
		return;
	}
	session_reply(session, answer_rules(&rules), false);
	gate_rules_free(&rules);
}

void run_policy(struct session *session, const struct call *call)
{
	_cleanup_free_ char *text = NULL;
	uint64_t generation = 0;
	struct diags diags = {};
	int r = gate_get_policy(session->control->gate, &text, &generation, &diags);

	if (r < 0) {
		method_explain(&diags, "cannot tell the policy", r);
		session_error(session, GATE ".CheckFailed", answer_diags(&diags));
	} else {
		session_reply(session,
			      json_pack("{s:o, s:o}", "generation", wire_uint(generation), "text",
					wire_string(text)),
			      false);
	}
	diags_free(&diags);
}

void run_check(struct session *session, const struct call *call)
{
	const char *path = string_of(call, "path");
	struct diags diags = {};
	int r;

	if (path && session->peer.right != RIGHT_CHANGE) {
		method_denied(session, "only root may have a file of its choice checked by the "
				       "daemon; 'xdpgate check FILE' needs neither");
		return;
	}
	/* relative to what? The daemon's folder is not the client's. */
	if (path && (path[0] != '/' || strlen(path) >= PATH_MAX)) {
		method_invalid_parameter(session, "path");
		return;
	}
	r = gate_check(session->control->gate, path, &diags);
	if (r < 0) {
		method_explain(&diags, "the check failed", r);
		session_error(session, GATE ".CheckFailed", answer_diags(&diags));
	} else {
		session_reply(session, answer_diags(&diags), false);
	}
	diags_free(&diags);
}

/* --- changing ---------------------------------------------------------------------------- */

static void tell(struct session *session, struct control_event *event)
{
	const struct control *control = session->control;

	event->uid = session->peer.uid;
	event->pid = session->peer.pid;
	if (control->observer)
		control->observer(event, control->userdata);
}

static void tell_result(struct session *session, struct control_event *event, int result,
			const struct diags *diags)
{
	event->done = true;
	event->result = result;
	event->diags = diags;
	tell(session, event);
}

static void reply_reloaded(struct session *session, const struct diags *diags)
{
	struct gate_status status = {};
	_cleanup_json_ json_t *answer = answer_diags(diags);
	int r = gate_get_status(session->control->gate, &status);

	if (r < 0) {
		read_failed(session, "the status after the reload", r);
		return;
	}
	if (answer && json_object_set_new(answer, "generation", wire_uint(status.generation)) < 0)
		json_decref(TAKE_PTR(answer));
	gate_status_free(&status);
	session_reply(session, TAKE_PTR(answer), false);
}

void run_reload(struct session *session, const struct call *call)
{
	const struct gate_change change = {
		.who = "a client",
		.accept_shrink = json_is_true(parameter_of(call, "accept_shrink")),
	};
	struct gate_changed changed = {};
	struct control_event event = { .method = "Reload" };
	struct diags diags = {};
	int r;

	tell(session, &event);
	r = gate_reload(session->control->gate, &change, &changed, &diags);
	if (r < 0)
		method_explain(&diags, "the reload failed, the old policy stays in force", r);
	tell_result(session, &event, r, &diags);
	if (r < 0)
		session_error(session, GATE ".ReloadFailed", answer_diags(&diags));
	else
		reply_reloaded(session, &diags);
	diags_free(&diags);
}

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

	tell(session, &event);
	r = gate_set_off(session->control->gate, interface, off, &diags);
	if (r < 0)
		method_explain(&diags, off ? "switching off failed" : "switching on failed", r);
	tell_result(session, &event, r, &diags);
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

	tell(session, &event);
	r = gate_detach(session->control->gate, &diags);
	if (r < 0)
		method_explain(&diags, "detaching failed", r);
	tell_result(session, &event, r, &diags);
	if (r < 0)
		session_error(session, GATE ".DetachFailed", answer_diags(&diags));
	else
		session_reply(session, answer_diags(&diags), false);
	diags_free(&diags);
}
