/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls to the daemon, and what to tell people when they fail. */
#include <string.h>

#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

int request_open(const struct options *options, struct client *ret)
{
	return client_open(ret, options->socket);
}

static bool is_unreachable(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR ||
	       error == -ENOTSOCK;
}

int request_explain(const struct options *options, int error)
{
	_cleanup_free_ char *socket = text_safe(options->socket);
	const char *path = socket ? socket : "?";

	if (error == -EACCES || error == -EPERM) {
		fprintf(stderr,
			"xdpgate: no permission for the control socket %s: be root, or a member of the group xdpgate (to look), or a user whom live sets name in 'writers'\n",
			path);
		return EXIT_DENIED;
	}
	if (error == -ENOMEM || error == -ENAMETOOLONG) {
		fprintf(stderr, "xdpgate: %s: %s\n", path, strerror(-error));
		return EXIT_FAILED;
	}
	fprintf(stderr, "xdpgate: no answer from xdpgated at %s: %s\n", path, strerror(-error));
	if (is_unreachable(error))
		fprintf(stderr,
			"Filtering does not need the daemon: the policy last in force may still judge packets.\n"
			"Start the daemon: systemctl start xdpgated. Another socket: --socket PATH.\n"
			"Without the daemon, 'xdpgate off' lets all packets pass, 'xdpgate detach' removes all.\n");
	else
		fprintf(stderr,
			"Filtering goes on, but the daemon seems to hang or to be overloaded: see 'systemctl status xdpgated'.\n");
	return EXIT_UNREACHABLE;
}

static const char *string_member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int request_error(const struct options *options, const struct reply *reply)
{
	const char *text = string_member(reply->parameters, "text");
	const char *name = reply->error, *dot;

	if (!name)
		return EXIT_OK;
	if (options->json)
		print_json(reply->message);
	dot = strrchr(name, '.');
	name = dot ? dot + 1 : name;
	if (json_is_array(json_object_get(reply->parameters, "diagnostics")) && text) {
		text_print_lines(stderr, text);
		fprintf(stderr, "xdpgate: %s\n",
			strcmp(name, "ReloadFailed") == 0 || strcmp(name, "RollbackFailed") == 0
				? "the policy was not put in force; the old one stays"
				: "the request failed");
	} else if (text) {
		text_printf(stderr, "xdpgate: %s\n", text);
	} else {
		text_printf(
			stderr,
			"xdpgate: xdpgated answered: %s; are xdpgate and xdpgated of one version?\n",
			reply->error);
	}
	if (strcmp(name, "PermissionDenied") == 0)
		return EXIT_DENIED;
	return strcmp(name, "TooManyClients") == 0 ? EXIT_UNREACHABLE : EXIT_FAILED;
}

static int call(struct client *client, const char *method, json_t *parameters_taken,
		unsigned int timeout_msec, struct reply *ret)
{
	_cleanup_json_ json_t *parameters = parameters_taken;
	_cleanup_free_ char *full = NULL;
	int r;

	if (asprintf(&full, GATE_INTERFACE "%s", method) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	client_set_timeout(client, timeout_msec);
	r = client_call(client, full, TAKE_PTR(parameters), false);
	return r < 0 ? r : client_receive(client, ret);
}

int request_try(const struct options *options, const char *method, json_t *parameters_taken,
		unsigned int timeout_msec, struct reply *ret)
{
	_cleanup_json_ json_t *parameters = parameters_taken;
	_cleanup_(client_close) struct client client = CLIENT_CLOSED;
	int r = request_open(options, &client);

	return r < 0 ? r : call(&client, method, TAKE_PTR(parameters), timeout_msec, ret);
}

int request(const struct options *options, const char *method, json_t *parameters,
	    unsigned int timeout_msec, struct reply *ret)
{
	int r = request_try(options, method, parameters, timeout_msec, ret);

	if (r < 0)
		return request_explain(options, r);
	r = request_error(options, ret);
	if (r != EXIT_OK) {
		reply_free(ret);
		return r;
	}
	if (!ret->parameters) {
		reply_free(ret);
		return request_explain(options, -EBADMSG);
	}
	return EXIT_OK;
}

const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void print_json(const json_t *value)
{
	size_t flags = isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT;

	/* ASCII only: no byte of a name reaches a terminal as a control sequence */
	json_dumpf(value, stdout, flags | JSON_ENSURE_ASCII);
	putchar('\n');
}
