/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The methods of both interfaces as one table: who may call them, which parameters they know,
 * what they run. What they answer is made in answers.c.
 */
#include <limits.h>
#include <string.h>

#include "answers.h"
#include "bounds.h"
#include "methods.h"
#include "util.h"
#include "wire.h"

#define SERVICE "org.varlink.service"
#define GATE "org.xdpgate.gate"

static const char service_description[] =
#include "org.varlink.service.varlink.inc"
	;
static const char gate_description[] =
#include "org.xdpgate.gate.varlink.inc"
	;

struct method {
	const char *interface;
	const char *name;
	enum right right;
	const char *parameter; /* the only one it has, or NULL */
	json_type type;        /* of that parameter */
	void (*run)(struct session *session, const struct call *call);
};

static json_t *parameter_of(const struct call *call, const char *name)
{
	json_t *value = json_object_get(call->parameters, name);

	return json_is_null(value) ? NULL : value;
}

static const char *string_of(const struct call *call, const char *name)
{
	return json_string_value(parameter_of(call, name));
}

/* --- errors ------------------------------------------------------------------------------ */

static void text_error(struct session *session, const char *error, const char *text)
{
	session_error(session, error, json_pack("{s:o}", "text", wire_string(text)));
}

void method_invalid_message(struct session *session, const char *text)
{
	session->streaming = false;
	session->closing = true;
	text_error(session, GATE ".InvalidMessage", text);
}

void method_invalid_parameter(struct session *session, const char *parameter)
{
	session_error(session, SERVICE ".InvalidParameter",
		      json_pack("{s:o}", "parameter", wire_string(parameter)));
}

char *method_too_many(const char *text)
{
	_cleanup_json_ json_t *message = json_pack(
		"{s:s, s:{s:s}}", "error", GATE ".TooManyClients", "parameters", "text", text);

	return message ? json_dumps(message, JSON_COMPACT) : NULL;
}

static void permission_denied(struct session *session, const char *text)
{
	text_error(session, GATE ".PermissionDenied", text);
}

/* errno alone is a poor answer, but better than none: when a function fails without a word. */
static void explain(struct diags *diags, const char *what, int error)
{
	if (diags->n_errors == 0)
		diag_error(diags, NULL, "%s: %s", what, strerror(-error));
}

/* --- org.varlink.service ----------------------------------------------------------------- */

static void run_get_info(struct session *session, const struct call *call)
{
	session_reply(session,
		      json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "xdpgate", "product",
				"xdpgated", "version", XDPGATE_VERSION, "url",
				"https://xdpgate.org", "interfaces", SERVICE, GATE),
		      false);
}

static void run_get_interface_description(struct session *session, const struct call *call)
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
	text_error(session, GATE ".ReadFailed", text ? text : "out of memory");
}

static void run_status(struct session *session, const struct call *call)
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

void method_stream(struct session *session)
{
	/* an error ends the stream, but not the session */
	if (reply_stats(session, true) < 0)
		session->streaming = false;
}

static void run_stats(struct session *session, const struct call *call)
{
	const json_t *interval = parameter_of(call, "interval_ms");
	json_int_t msec = interval ? json_integer_value(interval) : STREAM_INTERVAL_DEFAULT_MSEC;

	if (msec < STREAM_INTERVAL_MIN_MSEC || msec > STREAM_INTERVAL_MAX_MSEC) {
		method_invalid_parameter(session, "interval_ms");
		return;
	}
	if (reply_stats(session, call->more) == 0 && call->more)
		session_stream(session, msec * 1000);
}

static void run_rules(struct session *session, const struct call *call)
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

static void run_check(struct session *session, const struct call *call)
{
	const char *path = string_of(call, "path");
	struct diags diags = {};
	int r;

	if (path && session->peer.right != RIGHT_CHANGE) {
		permission_denied(session, "only root may have a file of its choice checked by the "
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
		explain(&diags, "the check failed", r);
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

static void run_reload(struct session *session, const struct call *call)
{
	struct control_event event = { .method = "Reload" };
	struct diags diags = {};
	int r;

	tell(session, &event);
	r = gate_reload(session->control->gate, &diags);
	if (r < 0)
		explain(&diags, "the reload failed, the old policy stays in force", r);
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
		explain(&diags, off ? "switching off failed" : "switching on failed", r);
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

static void run_off(struct session *session, const struct call *call)
{
	run_switch(session, call, true);
}

static void run_on(struct session *session, const struct call *call)
{
	run_switch(session, call, false);
}

static void run_detach(struct session *session, const struct call *call)
{
	struct control_event event = { .method = "Detach" };
	struct diags diags = {};
	int r;

	tell(session, &event);
	r = gate_detach(session->control->gate, &diags);
	if (r < 0)
		explain(&diags, "detaching failed", r);
	tell_result(session, &event, r, &diags);
	if (r < 0)
		session_error(session, GATE ".DetachFailed", answer_diags(&diags));
	else
		session_reply(session, answer_diags(&diags), false);
	diags_free(&diags);
}

/* --- dispatch ---------------------------------------------------------------------------- */

static const struct method methods[] = {
	{ SERVICE, "GetInfo", RIGHT_LOOK, NULL, 0, run_get_info },
	{ SERVICE, "GetInterfaceDescription", RIGHT_LOOK, "interface", JSON_STRING,
	  run_get_interface_description },
	{ GATE, "Status", RIGHT_LOOK, NULL, 0, run_status },
	{ GATE, "Stats", RIGHT_LOOK, "interval_ms", JSON_INTEGER, run_stats },
	{ GATE, "Rules", RIGHT_LOOK, NULL, 0, run_rules },
	{ GATE, "Check", RIGHT_LOOK, "path", JSON_STRING, run_check },
	{ GATE, "Reload", RIGHT_CHANGE, NULL, 0, run_reload },
	{ GATE, "Off", RIGHT_CHANGE, "interface", JSON_STRING, run_off },
	{ GATE, "On", RIGHT_CHANGE, "interface", JSON_STRING, run_on },
	{ GATE, "Detach", RIGHT_CHANGE, NULL, 0, run_detach },
};

/* The method, or NULL after the error was queued. */
static const struct method *find_method(struct session *session, const char *full_name)
{
	const char *dot = strrchr(full_name, '.');
	_cleanup_free_ char *interface = NULL;
	bool known = false;

	if (!dot || dot == full_name || !dot[1]) {
		method_invalid_parameter(session, "method");
		return NULL;
	}
	interface = strndup(full_name, dot - full_name);
	if (!interface) {
		session->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (strcmp(methods[i].interface, interface) != 0)
			continue;
		known = true;
		if (strcmp(methods[i].name, dot + 1) == 0)
			return &methods[i];
	}
	if (known)
		session_error(session, SERVICE ".MethodNotFound",
			      json_pack("{s:o}", "method", wire_string(dot + 1)));
	else
		session_error(session, SERVICE ".InterfaceNotFound",
			      json_pack("{s:o}", "interface", wire_string(interface)));
	return NULL;
}

/* The name of a parameter that the method does not know or that has the wrong type: a typing
 * error in "interface" must not switch off all interfaces. NULL: all is well. */
static const char *bad_parameter(const struct method *method, const struct call *call)
{
	const char *key;
	json_t *value;

	json_object_foreach (call->parameters, key, value) {
		if (!method->parameter || strcmp(key, method->parameter) != 0)
			return key;
		if (!json_is_null(value) && json_typeof(value) != method->type)
			return key;
	}
	return NULL;
}

static void answer_call(struct session *session, const struct call *call)
{
	const struct method *method;
	const char *bad;

	if (session->peer.right == RIGHT_NONE) {
		session->closing = true;
		permission_denied(session, "only root and members of the group " CONTROL_GROUP
					   " may talk to xdpgated");
		return;
	}
	method = find_method(session, call->method);
	if (!method)
		return;
	/* nobody left to be answered: only what changes something is still done */
	if (session->hung_up && method->right != RIGHT_CHANGE)
		return;
	if (session->peer.right < method->right) {
		permission_denied(session,
				  "only root may do this; members of the group " CONTROL_GROUP
				  " may look (status, stats, rules)");
		return;
	}
	bad = bad_parameter(method, call);
	if (bad)
		method_invalid_parameter(session, bad);
	else
		method->run(session, call);
}

void method_call(struct session *session, const struct call *call)
{
	session->muted = call->oneway;
	answer_call(session, call);
	session->muted = false;
	if (call->oneway)
		session->streaming = false;
}
