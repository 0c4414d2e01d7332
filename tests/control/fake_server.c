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

struct server {
	struct gate *gate;
	struct control *control;
};

static void note_warnings(struct gate *gate, const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		if (diags->items[i].severity == SEVERITY_WARNING)
			fake_gate_note(gate, "warning: %s", diags->items[i].message);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct server *server = userdata;
	struct diags diags = {};

	gate_reload(server->gate, &(struct gate_change){ .who = "a test" },
		    &(struct gate_changed){}, &diags);
	control_admit_writers(server->control, &diags);
	note_warnings(server->gate, &diags);
	diags_free(&diags);
	return 0;
}

static void on_request(const struct control_event *event, void *userdata)
{
	const struct control_changes *changes = event->changes;

	if (changes) {
		fake_gate_note(
			userdata,
			"observed set %s of uid %u: %lu calls, %lu failed%s%s; +%lu ~%lu -%lu "
			"missing %lu refused %lu",
			event->set, event->uid, changes->calls, changes->failed,
			changes->why ? ": " : "", changes->why ?: "", changes->added,
			changes->changed, changes->removed, changes->missing, changes->refused);
		return;
	}
	fake_gate_note(userdata, "observed %s %s of uid %u: %s %d %zu", event->method,
		       event->interface ? event->interface : "-", event->uid,
		       event->done ? "done" : "begins", event->result,
		       event->diags ? event->diags->n : 0);
}

static int run(const char *socket, const char *scenario, int listen_fd)
{
	struct gate *gate = fake_gate_new(scenario);
	struct server server = { .gate = gate };
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
		r = sd_event_add_signal(event, &hangup, SIGHUP, on_hangup, &server);
	if (r >= 0)
		r = control_new(event, gate, listen_fd, socket, &server.control, &diags);
	diags_print(&diags, stderr, false);
	if (r >= 0) {
		control_observe(server.control, on_request, gate);
		control_admit_writers(server.control, &diags);
		note_warnings(gate, &diags);
		printf("ready\n");
		fflush(stdout);
		r = sd_event_loop(event);
	}
	control_free(server.control);
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
