/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate off, on, detach: the emergency brake. They must work whatever the daemon does:
 * asked first, it does it; when it is not there, the pins in the kernel are enough.
 */
#include <string.h>

#include "offline.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

struct job {
	const char *method;
	const char *interface; /* NULL: all */
	const char *done;      /* what is true afterwards */
};

static void print_done(const struct options *options, const struct job *job, bool by_daemon,
		       const json_t *diagnostics)
{
	_cleanup_json_ json_t *answer = NULL;

	if (!options->json) {
		text_printf(stdout, "%s: ", job->interface ? job->interface : "all interfaces");
		printf("%s (%s)\n", job->done,
		       by_daemon ? "by the daemon" : "without the daemon, by its pins");
		return;
	}
	answer = json_pack("{s:s, s:o, s:s, s:O?}", "done", job->method, "interface",
			   wire_string(job->interface), "way", by_daemon ? "daemon" : "pins",
			   "diagnostics", diagnostics);
	if (answer)
		print_json(answer);
}

/* -1: there is no daemon that answers; else an exit code, all said. */
static int by_daemon(const struct options *options, const struct job *job)
{
	_cleanup_(client_close) struct client client = CLIENT_CLOSED;
	_cleanup_(reply_free) struct reply reply = {};
	_cleanup_free_ char *method = NULL;
	json_t *parameters = NULL;
	const char *text;
	int r;

	if (job->interface) {
		parameters = json_pack("{s:o}", "interface", wire_string(job->interface));
		if (!parameters)
			return request_explain(options, -ENOMEM);
	}
	if (asprintf(&method, GATE_INTERFACE "%s", job->method) < 0) {
		method = NULL;
		json_decref(parameters);
		return request_explain(options, -ENOMEM);
	}
	r = request_open(options, &client);
	if (r == 0)
		r = client_set_timeout(&client, TIMEOUT_SWITCH_MSEC);
	if (r == 0)
		r = client_call(&client, method, TAKE_PTR(parameters), false);
	json_decref(parameters);
	if (r == 0)
		r = client_receive(&client, &reply);
	if (r == -EACCES || r == -EPERM)
		return request_explain(options, r);
	if (r < 0) {
		text_printf(stderr, "xdpgate: no answer from xdpgated at %s", options->socket);
		fprintf(stderr, " (%s): trying without it\n", strerror(-r));
		return -1;
	}
	r = request_error(options, &reply);
	if (r != EXIT_OK)
		return r;
	text = json_string_value(json_object_get(reply.parameters, "text"));
	if (text && *text && !options->json)
		text_print_lines(stderr, text);
	print_done(options, job, true, json_object_get(reply.parameters, "diagnostics"));
	return EXIT_OK;
}

static int by_pins(const struct options *options, const struct job *job)
{
	_cleanup_json_ json_t *diagnostics = NULL;
	struct diags diags = {};
	int r;

	if (strcmp(job->method, "Detach") == 0)
		r = offline_detach(options->pin_dir, &diags);
	else
		r = offline_set_off(options->pin_dir, job->interface,
				    strcmp(job->method, "Off") == 0, &diags);
	if (r < 0 && diags.n_errors == 0)
		diag_error(&diags, NULL, "%s: %s", options->pin_dir, strerror(-r));
	diagnostics = wire_diags(&diags);
	if (r == 0) {
		if (!options->json)
			diags_print(&diags, stderr, false);
		print_done(options, job, false, diagnostics);
	} else {
		diags_print(&diags, stderr, false);
	}
	diags_free(&diags);
	if (r == 0)
		return EXIT_OK;
	return r == -EACCES || r == -EPERM ? EXIT_DENIED : EXIT_FAILED;
}

static int run_job(const struct options *options, const struct job *job)
{
	int r = by_daemon(options, job);

	return r >= 0 ? r : by_pins(options, job);
}

int run_off(const struct options *options, int n, char **arguments)
{
	struct job job = { "Off", n ? arguments[0] : NULL,
			   "off: every packet passes, until 'xdpgate on'" };

	return run_job(options, &job);
}

int run_on(const struct options *options, int n, char **arguments)
{
	struct job job = { "On", n ? arguments[0] : NULL, "on: the policy filters" };

	return run_job(options, &job);
}

int run_detach(const struct options *options, int n, char **arguments)
{
	struct job job = { "Detach", NULL, "detached, nothing of xdpgate is left in the kernel" };

	return run_job(options, &job);
}
