/* SPDX-License-Identifier: GPL-2.0-only */
/* trial_daemon.c: see trial_daemon.h. */
#include "trial_daemon.h"

#include <string.h>
#include <time.h>

#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

#define MEASURE_MSEC 500

/* As request(), but nothing is said. 0 with a reply, which may be an error; or negative errno. */
static int ask(const struct options *options, const char *method, json_t *parameters_taken,
	       struct reply *ret)
{
	_cleanup_json_ json_t *parameters = parameters_taken;
	_cleanup_(client_close) struct client client = CLIENT_CLOSED;
	int r = request_open(options, &client);

	if (r == 0)
		r = client_set_timeout(&client, TIMEOUT_MSEC);
	if (r == 0)
		r = client_call(&client, method, TAKE_PTR(parameters), false);
	return r < 0 ? r : client_receive(&client, ret);
}

/* --- how many packets there are ----------------------------------------------------------- */

static uint64_t packets_of(const json_t *stats)
{
	uint64_t n = 0;
	const json_t *item;
	json_t *counter;
	const char *name;
	size_t i;

	json_array_foreach (json_object_get(stats, "interfaces"), i, item)
		json_object_foreach ((json_t *)json_object_get(item, "verdicts"), name, counter)
			n += (uint64_t)number_of(counter, "packets");
	json_array_foreach (json_object_get(stats, "unjudged"), i, item)
		n += (uint64_t)number_of(item, "packets");
	return n;
}

int trial_daemon_measure(const struct options *options, uint32_t rate, uint32_t *ret_one_in)
{
	const struct timespec pause = { .tv_nsec = MEASURE_MSEC * 1000000L };
	uint64_t packets[2];
	double began = 0, one_in;

	for (int i = 0; i < 2; i++) {
		_cleanup_(reply_free) struct reply reply = {};
		int r;

		if (i > 0)
			nanosleep(&pause, NULL);
		r = request(options, "Stats", NULL, TIMEOUT_MSEC, &reply);
		if (r != EXIT_OK)
			return r;
		packets[i] = packets_of(reply.parameters);
		began = i ? trial_clock() - began : trial_clock();
	}
	one_in = packets[1] > packets[0] ? (double)(packets[1] - packets[0]) / began / rate : 1;
	*ret_one_in = one_in <= 1 ? 1 : one_in >= MAX_ONE_IN ? MAX_ONE_IN : (uint32_t)one_in + 1;
	return EXIT_OK;
}

/* --- sampling ---------------------------------------------------------------------------- */

static json_t *trial_parameters(uint32_t seconds, uint32_t one_in)
{
	return json_pack("{s:I, s:I}", "seconds", (json_int_t)seconds, "one_in",
			 (json_int_t)one_in);
}

int trial_daemon_begin(struct trial *trial, uint32_t seconds, char **ret_ring)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = request(trial->options, "Trial", trial_parameters(seconds, trial->one_in),
			TIMEOUT_MSEC, &reply);

	if (r != EXIT_OK)
		return r;
	if (number_of(reply.parameters, "generation") != trial->generation) {
		trial_daemon_end(trial->options);
		fprintf(stderr, "xdpgate: another policy has just come in force; try again\n");
		return EXIT_FAILED;
	}
	trial->until = trial_clock() + seconds;
	*ret_ring = strdup(string_of(reply.parameters, "ring"));
	return *ret_ring ? EXIT_OK : EXIT_FAILED;
}

bool trial_daemon_adapt(const struct options *options, uint32_t seconds, uint32_t one_in)
{
	_cleanup_(reply_free) struct reply reply = {};

	return ask(options, GATE_INTERFACE "Trial", trial_parameters(seconds, one_in), &reply) ==
		       0 &&
	       !reply.error;
}

bool trial_daemon_goes_on(struct trial *trial)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = ask(trial->options, GATE_INTERFACE "Status", NULL, &reply);

	if (r == -EINTR)
		return true; /* the caller has its own way to know */
	if (r < 0 || reply.error)
		trial->end = TRIAL_DAEMON;
	else if (number_of(reply.parameters, "generation") != trial->generation)
		trial->end = TRIAL_POLICY;
	else if (!sample_ring_is_pinned(trial->ring))
		trial->end = TRIAL_STOPPED;
	return trial->end == TRIAL_GOES_ON;
}

void trial_daemon_end(const struct options *options)
{
	_cleanup_(reply_free) struct reply reply = {};

	ask(options, GATE_INTERFACE "TrialEnd", NULL, &reply);
}
