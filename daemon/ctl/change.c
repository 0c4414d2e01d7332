/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate reload, confirm, rollback: which policy is in force, and for how long. */
#include <string.h>
#include <time.h>

#include "change.h"
#include "quantity.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* --- the options ------------------------------------------------------------------------- */

int change_check(const struct options *options)
{
	const char *why = options->message ? wire_message_problem(options->message) : NULL;
	uint32_t seconds;

	if (options->confirm && (duration_parse(options->confirm, &seconds) < 0 ||
				 seconds < CONFIRM_MIN_SEC || seconds > CONFIRM_MAX_SEC)) {
		text_printf(stderr, "xdpgate: --confirm %s: ", options->confirm);
		fprintf(stderr, "TIME is like 60s, 10m or 1h30m, from 1s to 1d\n");
		return EXIT_USAGE;
	}
	if (options->wait && !options->confirm) {
		fprintf(stderr, "xdpgate: --wait waits for what --confirm TIME begins: add that\n");
		return EXIT_USAGE;
	}
	if (why) {
		fprintf(stderr, "xdpgate: --message: %s\n", why);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

json_t *change_parameters(const struct options *options)
{
	_cleanup_json_ json_t *parameters = json_object();
	uint32_t seconds = 0;
	int r = 0;

	if (options->confirm && duration_parse(options->confirm, &seconds) == 0)
		r |= json_object_set_new(parameters, "confirm_sec", json_integer(seconds));
	if (options->force)
		r |= json_object_set_new(parameters, "force", json_true());
	if (options->accept_shrink)
		r |= json_object_set_new(parameters, "accept_shrink", json_true());
	if (options->if_changed)
		r |= json_object_set_new(parameters, "only_changed", json_true());
	if (options->message)
		r |= json_object_set_new(parameters, "message", json_string(options->message));
	return r < 0 ? NULL : TAKE_PTR(parameters);
}

/* --- what came of it --------------------------------------------------------------------- */

static void print_deadline(long long usec)
{
	long long left = (usec - (long long)realtime_usec() + 999999) / 1000000;
	time_t then = usec / 1000000;
	char stamp[32] = "?", duration[QUANTITY_TEXT];
	struct tm tm;

	if (localtime_r(&then, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	duration_format(left > 0 ? (uint32_t)left : 0, duration);
	printf("unconfirmed: in %s, at %s, the policy before it comes back by itself\n"
	       "keep it: xdpgate confirm; undo it now: xdpgate rollback\n",
	       duration, stamp);
}

void change_print(const json_t *answer, const char *done)
{
	const char *text = string_of(answer, "text");
	long long deadline = number_of(answer, "deadline_usec");

	if (*text)
		text_print_lines(stderr, text);
	if (!json_is_true(json_object_get(answer, "changed")))
		printf("unchanged: ");
	else if (done)
		printf("%s: ", done);
	printf("generation %lld is in force\n", number_of(answer, "generation"));
	if (deadline)
		print_deadline(deadline);
}

int change_conclude(const struct options *options, json_t *answer, const char *done)
{
	bool pending = json_is_integer(json_object_get(answer, "deadline_usec"));
	const char *outcome = NULL;
	int r = EXIT_OK;

	if (!options->json)
		change_print(answer, done);
	if (options->wait && pending)
		r = change_wait(options, answer, &outcome);
	if (!options->json)
		return r;
	if (outcome && json_object_set_new(answer, "outcome", json_string(outcome)) < 0)
		return request_explain(options, -ENOMEM);
	print_json(answer);
	return r;
}

/* --- the commands ------------------------------------------------------------------------ */

/* How the last reload went: systemd's ExecReload= sends SIGHUP, then asks this. */
static int report_last(const struct options *options)
{
	_cleanup_(reply_free) struct reply reply = {};
	const char *error;
	int r;

	r = request(options, "Status", NULL, TIMEOUT_RELOAD_MSEC, &reply);
	if (r != EXIT_OK)
		return r;
	if (options->json)
		print_json(reply.parameters);
	if (!json_is_true(json_object_get(reply.parameters, "last_reload_failed"))) {
		if (!options->json)
			printf("generation %lld is in force\n",
			       (long long)json_integer_value(
				       json_object_get(reply.parameters, "generation")));
		return EXIT_OK;
	}
	error = json_string_value(json_object_get(reply.parameters, "last_reload_error"));
	text_print_lines(stderr, error ? error : "error: unknown");
	fprintf(stderr, "xdpgate: the last reload failed; the old policy stays\n");
	return EXIT_FAILED;
}

/* One of --result and others would be ignored: no reload where one was meant. */
static int check_result(const struct options *options)
{
	if (!options->confirm && !options->force && !options->message && !options->if_changed &&
	    !options->accept_shrink)
		return EXIT_OK;
	fprintf(stderr, "xdpgate: --result does not reload: it goes with no other option\n");
	return EXIT_USAGE;
}

static int change(const struct options *options, const char *method, json_t *parameters,
		  const char *done)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r;

	if (!parameters)
		return request_explain(options, -ENOMEM);
	r = request(options, method, parameters, TIMEOUT_RELOAD_MSEC, &reply);
	return r == EXIT_OK ? change_conclude(options, reply.parameters, done) : r;
}

int run_reload(const struct options *options, int n, char **arguments)
{
	int r = options->result ? check_result(options) : change_check(options);

	if (r != EXIT_OK)
		return r;
	if (options->result)
		return report_last(options);
	return change(options, "Reload", change_parameters(options), NULL);
}

int run_confirm(const struct options *options, int n, char **arguments)
{
	return change(options, "Confirm", json_object(), "confirmed");
}

int run_rollback(const struct options *options, int n, char **arguments)
{
	_cleanup_json_ json_t *parameters = NULL;
	uint32_t id = 0;
	int r = change_check(options);

	if (r != EXIT_OK)
		return r;
	if (n && (count_parse(arguments[0], &id) < 0 || id < 1)) {
		text_printf(stderr, "xdpgate: rollback %s: ", arguments[0]);
		fprintf(stderr, "N is the number of a policy in 'xdpgate history'\n");
		return EXIT_USAGE;
	}
	parameters = change_parameters(options);
	if (n && json_object_set_new(parameters, "history", json_integer(id)) < 0)
		return request_explain(options, -ENOMEM);
	return change(options, "Rollback", TAKE_PTR(parameters), "rolled back");
}
