/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * change_wait.c: stay until a policy that waits to be confirmed is confirmed, by whomever, or undone. The
 * daemon is asked again and again: it may well be restarted meanwhile. That the policy is undone in time
 * does not depend on it, nor on us.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "change.h"
#include "quantity.h"
#include "request.h"
#include "util.h"

#define LOOK_MSEC 250
#define GRACE_USEC 10000000 /* past the deadline, for a daemon that must be started first */

struct wait {
	const struct options *options;
	long long history;    /* 0: none is kept */
	long long generation; /* as last seen while it was pending */
	long long deadline_usec;
	bool counts; /* on a terminal */
};

enum outcome { OUTCOME_PENDING, OUTCOME_CONFIRMED, OUTCOME_REVERTED };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

/* What the history says of ours, which is not in force. */
static enum outcome look_up(const struct wait *wait)
{
	_cleanup_(reply_free) struct reply reply = {};
	const json_t *item;
	size_t i;

	if (request_try(wait->options, "History", NULL, TIMEOUT_MSEC, &reply) < 0)
		return OUTCOME_PENDING;
	json_array_foreach (json_object_get(reply.parameters, "policies"), i, item) {
		if (number_of(item, "id") != wait->history)
			continue;
		return strcmp(string_of(item, "state"), "confirmed") == 0 ? OUTCOME_CONFIRMED
									  : OUTCOME_REVERTED;
	}
	return OUTCOME_REVERTED;
}

/* A negative errno if the daemon does not answer; 0. */
static int look(struct wait *wait, enum outcome *ret)
{
	_cleanup_(reply_free) struct reply reply = {};
	const json_t *status;
	int r = request_try(wait->options, "Status", NULL, TIMEOUT_MSEC, &reply);

	status = reply.parameters;
	if (r < 0)
		return r;
	if (reply.error)
		return -EBADMSG;
	*ret = OUTCOME_PENDING;
	if (json_is_integer(json_object_get(status, "deadline_usec")) &&
	    number_of(status, "history") == wait->history) {
		wait->generation = number_of(status, "generation");
		wait->deadline_usec = number_of(status, "deadline_usec");
	} else if (wait->history && number_of(status, "history") != wait->history) {
		*ret = look_up(wait);
	} else if (wait->history) { /* whether or not the history could be told */
		*ret = OUTCOME_CONFIRMED;
	} else {
		*ret = number_of(status, "generation") == wait->generation ? OUTCOME_CONFIRMED
									   : OUTCOME_REVERTED;
	}
	return 0;
}

static const char *left_text(const struct wait *wait, char buffer[QUANTITY_TEXT])
{
	long long left = wait->deadline_usec - (long long)realtime_usec();

	return duration_format(left > 0 ? (uint32_t)((left + 999999) / 1000000) : 0, buffer);
}

static void count_down(const struct wait *wait)
{
	char left[QUANTITY_TEXT];

	if (wait->counts)
		fprintf(stderr, "\rreverts in %s unless it is confirmed (Ctrl-C leaves it so)    ",
			left_text(wait, left));
}

/* A line on standard output, or where failures go; nothing for --json. */
static void say(const struct wait *wait, FILE *stream, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(const struct wait *wait, FILE *stream, const char *format, ...)
{
	va_list args;

	if (wait->counts)
		fputc('\n', stderr);
	if (wait->options->json)
		return;
	va_start(args, format);
	vfprintf(stream, format, args);
	va_end(args);
}

static int conclude(const struct wait *wait, enum outcome outcome, const char **ret)
{
	char left[QUANTITY_TEXT];

	switch (outcome) {
	case OUTCOME_CONFIRMED:
		*ret = "confirmed";
		say(wait, stdout, "confirmed: it stays\n");
		return EXIT_OK;
	case OUTCOME_REVERTED:
		*ret = "reverted";
		say(wait, stderr, "xdpgate: it was undone: the policy before is in force again\n");
		return EXIT_FAILED;
	case OUTCOME_PENDING:
		break;
	}
	*ret = "pending";
	say(wait, stderr,
	    "xdpgate: interrupted: it is in force still, and reverts in %s unless 'xdpgate "
	    "confirm'\n",
	    left_text(wait, left));
	return EXIT_PENDING;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int change_wait(const struct options *options, const json_t *answer, const char **ret_outcome)
{
	struct wait wait = {
		.options = options,
		.history = number_of(answer, "history"),
		.generation = number_of(answer, "generation"),
		.deadline_usec = number_of(answer, "deadline_usec"),
		.counts = !options->json && isatty(STDERR_FILENO),
	};
	enum outcome outcome = OUTCOME_PENDING;

	catch_signals();
	fflush(stdout);
	while (!interrupted && outcome == OUTCOME_PENDING) {
		int r = look(&wait, &outcome);

		if (interrupted)
			break;
		if (r < 0 && (long long)realtime_usec() > wait.deadline_usec + GRACE_USEC) {
			*ret_outcome = "unknown";
			say(&wait, stderr,
			    "xdpgate: its time is over, so it is undone unless it was confirmed, "
			    "which cannot be told:\n");
			return request_explain(options, r);
		}
		count_down(&wait);
		if (outcome == OUTCOME_PENDING)
			poll(NULL, 0, LOOK_MSEC);
	}
	return conclude(&wait, outcome, ret_outcome);
}
