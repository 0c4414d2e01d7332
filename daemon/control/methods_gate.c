/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the methods of the table in methods.c run that only look. Those that change something are in
 * method_change.c, those of live sets in method_sets.c. What they answer is made in answers.c.
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

void run_history(struct session *session, const struct call *call)
{
	struct gate_history history = {};
	int r = gate_get_history(session->control->gate, &history);

	if (r == -EOPNOTSUPP) {
		method_text_error(
			session, GATE ".ReadFailed",
			"no history is kept: xdpgated was started without a state folder, "
			"or it cannot be used; its log says why");
		return;
	}
	if (r < 0) {
		read_failed(session, "the history", r);
		return;
	}
	session_reply(session, answer_history(&history), false);
	gate_history_free(&history);
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
