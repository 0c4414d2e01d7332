/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate stats: counters, once or again and again with rates (--watch). */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "request.h"
#include "stats_view.h"
#include "text.h"
#include "util.h"
#include "wire.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Keep only what is about the interface. False: there is none of that name. */
static bool filter(json_t *stats, const char *interface)
{
	json_t *interfaces = json_object_get(stats, "interfaces");
	json_t *rules = json_object_get(stats, "rules");

	for (size_t i = json_array_size(interfaces); i-- > 0;) {
		json_t *name = json_object_get(json_array_get(interfaces, i), "name");

		if (strcmp(json_string_value(name) ? json_string_value(name) : "", interface) != 0)
			json_array_remove(interfaces, i);
	}
	for (size_t i = json_array_size(rules); i-- > 0;) {
		json_t *name = json_object_get(json_array_get(rules, i), "interface");

		if (strcmp(json_string_value(name) ? json_string_value(name) : "", interface) != 0)
			json_array_remove(rules, i);
	}
	json_array_clear(json_object_get(stats, "unjudged"));
	return json_array_size(interfaces) > 0;
}

/* EXIT_OK: stats may be shown. */
static int select_interface(const struct options *options, json_t *stats)
{
	if (!options->interface || filter(stats, options->interface))
		return EXIT_OK;
	text_printf(stderr, "xdpgate: no interface '%s' in the policy; see 'xdpgate status'\n",
		    options->interface);
	return EXIT_FAILED;
}

static int run_once(const struct options *options)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r;

	r = request(options, "Stats", NULL, TIMEOUT_MSEC, &reply);
	if (r == EXIT_OK)
		r = select_interface(options, reply.parameters);
	if (r != EXIT_OK)
		return r;
	if (options->json)
		print_json(reply.parameters);
	else
		stats_view(reply.parameters, NULL, 0, stdout, wants_color(options));
	return EXIT_OK;
}

/* One reply of the stream. False: output is gone, or memory. */
static bool show(const struct options *options, const json_t *stats, const json_t *previous,
		 double seconds)
{
	_cleanup_free_ char *frame = NULL;
	size_t size;
	FILE *stream;

	if (options->json) {
		json_dumpf(stats, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else {
		stream = open_memstream(&frame, &size);
		if (!stream)
			return false;
		stats_view(stats, previous, seconds, stream, wants_color(options));
		if (fclose(stream) != 0)
			return false;
		text_show_frame(frame);
	}
	return fflush(stdout) == 0;
}

/* Wait for a reply, or for the signals that are blocked but here: none can come in between
 * the check of the flag and the wait. -ETIMEDOUT, -EINTR. */
static int wait_for_reply(const struct options *options, const struct client *client)
{
	unsigned int msec = options->interval_msec + TIMEOUT_MSEC;
	struct timespec timeout = { .tv_sec = msec / 1000 };
	struct pollfd fd = { .fd = client->fd, .events = POLLIN };
	sigset_t none;
	int n;

	if (client_has_reply(client))
		return 0;
	sigemptyset(&none);
	n = ppoll(&fd, 1, &timeout, &none);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

static int follow(const struct options *options, struct client *client)
{
	_cleanup_json_ json_t *previous = NULL;
	double then = 0;

	while (!interrupted) {
		_cleanup_(reply_free) struct reply reply = {};
		int r = wait_for_reply(options, client);
		double now;

		if (r == -EINTR)
			continue;
		if (r == 0)
			r = client_receive(client, &reply);
		now = now_seconds();
		if (r == 0 && !reply.error && !reply.parameters)
			r = -EBADMSG;
		if (r < 0)
			return request_explain(options, r);
		r = request_error(options, &reply);
		if (r == EXIT_OK)
			r = select_interface(options, reply.parameters);
		if (r != EXIT_OK)
			return r;
		if (!show(options, reply.parameters, previous, previous ? now - then : 0))
			return EXIT_OK; /* main() tells a closed pipe from a full disk */
		if (!reply.continues)
			return EXIT_OK;
		json_decref(previous);
		previous = json_incref(reply.parameters);
		then = now;
	}
	return EXIT_OK;
}

static int run_watch(const struct options *options)
{
	_cleanup_(client_close) struct client client = CLIENT_CLOSED;
	struct sigaction action = { .sa_handler = on_signal };
	json_t *parameters;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	parameters = json_pack("{s:i}", "interval_ms", (int)options->interval_msec);
	r = parameters ? request_open(options, &client) : -ENOMEM;
	if (r == 0)
		r = client_set_timeout(&client, options->interval_msec + TIMEOUT_MSEC);
	if (r == 0)
		r = client_call(&client, GATE_INTERFACE "Stats", TAKE_PTR(parameters), true);
	json_decref(parameters);
	if (r < 0)
		return request_explain(options, r);
	return follow(options, &client);
}

int run_stats(const struct options *options, int n, char **arguments)
{
	struct options watch = *options;

	if (n == 0)
		return options->watch ? run_watch(options) : run_once(options);
	/* the 2 of `stats --watch 2` */
	if (!options->watch || !interval_parse(arguments[0], &watch.interval_msec)) {
		fprintf(stderr,
			"xdpgate: usage: xdpgate stats [--watch [SECONDS]] [--interface NAME], SECONDS from 0.1 to 3600\n");
		return EXIT_USAGE;
	}
	return run_watch(&watch);
}
