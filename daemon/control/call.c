/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One Varlink call, taken apart. Jansson is asked to be strict: one object, no duplicate
 * keys, UTF-8 only, no NUL inside of strings; it bounds the depth of nesting itself (2048).
 * Members of the call that Varlink does not define are tolerated, as its specification asks;
 * parameters of methods are not (see methods.c).
 */
#include <errno.h>
#include <string.h>

#include "call.h"
#include "util.h"
#include "wire.h"

/* null counts as absent: some clients send every member. 0, or -EINVAL. */
static int flag_member(const json_t *message, const char *key, bool *ret)
{
	const json_t *value = json_object_get(message, key);

	*ret = json_is_true(value);
	return !value || json_is_null(value) || json_is_boolean(value) ? 0 : -EINVAL;
}

static char *parse_error(const json_error_t *error)
{
	char *text;

	if (asprintf(&text, "not JSON: %s, at byte %d", error->text, error->position) < 0)
		return NULL;
	return text;
}

int call_parse(const char *text, size_t len, struct call *ret, char **error, const char **parameter,
	       bool *oneway)
{
	_cleanup_json_ json_t *message = NULL;
	struct call call = {};
	json_error_t where;
	bool upgrade;

	message = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
	if (!message) {
		*error = parse_error(&where);
		return -EBADMSG;
	}
	if (!json_is_object(message)) {
		*error = strdup("not a Varlink call: a call is a JSON object");
		return -EBADMSG;
	}
	call.method = json_string_value(json_object_get(message, "method"));
	if (!call.method) {
		*error = strdup("not a Varlink call: \"method\" must be there, and a string");
		return -EBADMSG;
	}
	*parameter = "oneway";
	if (flag_member(message, "oneway", &call.oneway) < 0)
		return -EINVAL;
	*oneway = call.oneway;
	*parameter = "more";
	if (flag_member(message, "more", &call.more) < 0)
		return -EINVAL;
	*parameter = "upgrade";
	if (flag_member(message, "upgrade", &upgrade) < 0 || upgrade)
		return -EINVAL;
	*parameter = "parameters";
	call.parameters = json_object_get(message, "parameters");
	if (json_is_null(call.parameters))
		call.parameters = NULL;
	if (call.parameters && !json_is_object(call.parameters))
		return -EINVAL;
	call.message = TAKE_PTR(message);
	*ret = call;
	return 0;
}

void call_free(struct call *call)
{
	json_decref(call->message);
	call->message = NULL;
}
