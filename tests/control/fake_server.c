/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control server over the fake gate: fake-server SOCKET SCENARIO [LISTEN_FD].
 * SIGTERM ends it, SIGHUP reloads, as with the real daemon. Prints "ready" when it serves.
 */
#include <signal.h>
#include <sys/signalfd.h>

#include "control.h"
#include "fake_gate.h"
#include "util.h"

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct diags diags = {};

	gate_reload(userdata, &diags);
	diags_free(&diags);
	return 0;
}

static void on_request(const struct control_event *event, void *userdata)
{
	fake_gate_note(userdata, "observed %s %s of uid %u: %s %d %zu", event->method,
		       event->interface ? event->interface : "-", event->uid,
		       event->done ? "done" : "begins", event->result,
		       event->diags ? event->diags->n : 0);
}

static int run(const char *socket, const char *scenario, int listen_fd)
{
	struct gate *gate = fake_gate_new(scenario);
	struct control *control = NULL;
	struct diags diags = {};
	sd_event *event = NULL;
	sd_event_source *hangup = NULL;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = sd_event_new(&event);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, &hangup, SIGHUP, on_hangup, gate);
	if (r >= 0)
		r = control_new(event, gate, listen_fd, socket, &control, &diags);
	diags_print(&diags, stderr, false);
	if (r >= 0) {
		control_observe(control, on_request, gate);
		printf("ready\n");
		fflush(stdout);
		r = sd_event_loop(event);
	}
	control_free(control);
	sd_event_source_unref(hangup);
	sd_event_unref(event);
	gate_free(gate);
	diags_free(&diags);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: fake-server SOCKET SCENARIO [LISTEN_FD]\n");
		return 2;
	}
	return run(argv[1], argv[2], argc == 4 ? atoi(argv[3]) : -1);
}
