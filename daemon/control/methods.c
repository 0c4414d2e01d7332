/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The methods of both interfaces as one table: who may call them, which parameters they know,
 * what they run; and the errors that do not depend on the method.
 */
#include <string.h>

#include "method_runs.h"
#include "util.h"
#include "wire.h"

#define MAX_PARAMETERS 5

struct method {
	const char *interface;
	const char *name;
	enum right right; /* that it takes at least */
	bool changes;     /* also done for who does not wait for the answer */
	void (*run)(struct session *session, const struct call *call);
	struct parameter {
		const char *name;
		json_type type; /* JSON_TRUE: true or false */
	} parameters[MAX_PARAMETERS];
};

json_t *parameter_of(const struct call *call, const char *name)
{
	json_t *value = json_object_get(call->parameters, name);

	return json_is_null(value) ? NULL : value;
}

const char *string_of(const struct call *call, const char *name)
{
	return json_string_value(parameter_of(call, name));
}

/* --- errors ------------------------------------------------------------------------------ */

void method_text_error(struct session *session, const char *error, const char *text)
{
	session_error(session, error, json_pack("{s:o}", "text", wire_string(text)));
}

void method_invalid_message(struct session *session, const char *text)
{
	session->streaming = false;
	session->closing = true;
	method_text_error(session, GATE ".InvalidMessage", text);
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

void method_denied(struct session *session, const char *text)
{
	method_text_error(session, GATE ".PermissionDenied", text);
}

void method_explain(struct diags *diags, const char *what, int error)
{
	if (diags->n_errors == 0)
		diag_error(diags, NULL, "%s: %s", what, strerror(-error));
}

/* --- dispatch ---------------------------------------------------------------------------- */

static const struct method methods[] = {
	{ SERVICE, "GetInfo", RIGHT_WRITE, false, run_get_info },
	{ SERVICE,
	  "GetInterfaceDescription",
	  RIGHT_WRITE,
	  false,
	  run_get_interface_description,
	  { { "interface", JSON_STRING } } },
	{ GATE, "Status", RIGHT_LOOK, false, run_status },
	{ GATE, "Stats", RIGHT_LOOK, false, run_stats, { { "interval_ms", JSON_INTEGER } } },
	{ GATE, "Rules", RIGHT_LOOK, false, run_rules },
	{ GATE, "Policy", RIGHT_CHANGE, false, run_policy },
	{ GATE,
	  "Explain",
	  RIGHT_LOOK,
	  false,
	  run_explain,
	  { { "interface", JSON_STRING }, { "frame", JSON_STRING }, { "length", JSON_INTEGER } } },
	{ GATE, "Check", RIGHT_LOOK, false, run_check, { { "path", JSON_STRING } } },
	{ GATE, "History", RIGHT_LOOK, false, run_history },
	{ GATE,
	  "Reload",
	  RIGHT_CHANGE,
	  true,
	  run_reload,
	  { { "accept_shrink", JSON_TRUE },
	    { "confirm_sec", JSON_INTEGER },
	    { "force", JSON_TRUE },
	    { "only_changed", JSON_TRUE },
	    { "message", JSON_STRING } } },
	{ GATE, "Confirm", RIGHT_CHANGE, true, run_confirm },
	{ GATE,
	  "Rollback",
	  RIGHT_CHANGE,
	  true,
	  run_rollback,
	  { { "history", JSON_INTEGER },
	    { "confirm_sec", JSON_INTEGER },
	    { "force", JSON_TRUE },
	    { "message", JSON_STRING } } },
	{ GATE,
	  "Trial",
	  RIGHT_CHANGE,
	  true,
	  run_trial,
	  { { "seconds", JSON_INTEGER }, { "one_in", JSON_INTEGER } } },
	{ GATE, "TrialEnd", RIGHT_CHANGE, true, run_trial_end },
	{ GATE, "Off", RIGHT_CHANGE, true, run_off, { { "interface", JSON_STRING } } },
	{ GATE, "On", RIGHT_CHANGE, true, run_on, { { "interface", JSON_STRING } } },
	{ GATE, "Detach", RIGHT_CHANGE, true, run_detach },
	/* These look at the set they are about: who is named in its `writers` may. */
	{ GATE,
	  "SetAdd",
	  RIGHT_WRITE,
	  true,
	  run_set_add,
	  { { "set", JSON_STRING }, { "entries", JSON_ARRAY }, { "guard", JSON_STRING } } },
	{ GATE,
	  "SetDelete",
	  RIGHT_WRITE,
	  true,
	  run_set_delete,
	  { { "set", JSON_STRING }, { "prefixes", JSON_ARRAY } } },
	{ GATE, "SetFlush", RIGHT_WRITE, true, run_set_flush, { { "set", JSON_STRING } } },
	{ GATE,
	  "SetReplace",
	  RIGHT_WRITE,
	  true,
	  run_set_replace,
	  { { "set", JSON_STRING },
	    { "entries", JSON_ARRAY },
	    { "final", JSON_TRUE },
	    { "offset", JSON_INTEGER },
	    { "guard", JSON_STRING } } },
	{ GATE,
	  "SetTest",
	  RIGHT_WRITE,
	  false,
	  run_set_test,
	  { { "set", JSON_STRING }, { "prefix", JSON_STRING } } },
	{ GATE,
	  "SetList",
	  RIGHT_WRITE,
	  false,
	  run_set_list,
	  { { "set", JSON_STRING }, { "after", JSON_STRING }, { "limit", JSON_INTEGER } } },
	{ GATE, "SetStats", RIGHT_WRITE, false, run_set_stats, { { "set", JSON_STRING } } },
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

static bool parameter_fits(const struct method *method, const char *key, const json_t *value)
{
	for (size_t i = 0; i < MAX_PARAMETERS && method->parameters[i].name; i++) {
		json_type type = method->parameters[i].type;

		if (strcmp(key, method->parameters[i].name) == 0)
			return json_is_null(value) ||
			       (type == JSON_TRUE ? json_is_boolean(value)
						  : json_typeof(value) == type);
	}
	return false;
}

/* The name of a parameter that the method does not know or that has the wrong type: a typing
 * error in "interface" must not switch off all interfaces. NULL: all is well. */
static const char *bad_parameter(const struct method *method, const struct call *call)
{
	const char *key;
	json_t *value;

	json_object_foreach (call->parameters, key, value)
		if (!parameter_fits(method, key, value))
			return key;
	return NULL;
}

static void answer_call(struct session *session, const struct call *call)
{
	const struct method *method;
	const char *bad;

	if (session->peer.right == RIGHT_NONE) {
		session->closing = true;
		method_denied(session, "only root and members of the group " CONTROL_GROUP
				       " may talk to xdpgated, and users whom a live set names in "
				       "its 'writers'");
		return;
	}
	method = find_method(session, call->method);
	if (!method)
		return;
	/* nobody left to be answered: only what changes something is still done */
	if (session->hung_up && !method->changes)
		return;
	if (session->peer.right < method->right) {
		method_denied(session,
			      method->right == RIGHT_LOOK
				      ? "only root and members of the group " CONTROL_GROUP
					" may do this; you may use the live sets that name you in "
					"'writers'"
				      : "only root may do this; members of the group " CONTROL_GROUP
					" may look (status, stats, rules, history)");
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
