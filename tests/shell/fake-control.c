// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake-control.c: a control socket without Varlink, for tests of the daemon around it. Each connection
 * brings one word, "Reload", "Confirm", "Rollback", "Detach" or "SetChange", and is answered "done" when that is
 * done and observed.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control/control.h"
#include "util.h"

struct control {
	struct gate *gate;
	sd_event_source *io;
	int fd;
	control_observer observer;
	void *userdata;
};

/* A bulk with all there can be in it. */
static struct control_event changes_of_a_set(void)
{
	static const struct control_changes changes = {
		.calls = 200, .failed = 2, .added = 99000, .refused = 1000, .why = "no\nroom"
	};

	return (struct control_event){
		.method = "SetChange",
		.set = "banned",
		.uid = 1001,
		.pid = 4711,
		.done = true,
		.changes = &changes,
	};
}

/* As a client may ask for it. */
static const struct gate_change change = {
	.who = "a test",
	.why = "NOC-4711\033[31m",
	.confirm_sec = 600,
	.accept_shrink = true,
	.force = true,
	.only_changed = true,
};

static int run(struct gate *gate, struct control_event *event, struct gate_changed *changed,
	       struct diags *diags)
{
	if (strcmp(event->method, "Reload") == 0)
		return gate_reload(gate, &(struct gate_change){ .who = "a test" }, changed, diags);
	if (strcmp(event->method, "Confirm") == 0)
		return gate_confirm(gate, "a test", changed, diags);
	if (strcmp(event->method, "Rollback") == 0)
		return gate_rollback(gate, event->history, event->change, changed, diags);
	return strcmp(event->method, "Detach") == 0 ? gate_detach(gate, diags) : 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct control *control = userdata;
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_close_ int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	char word[16] = "";
	struct control_event event = { .method = word, .pid = 4711 };
	struct gate_changed changed = { 0 };

	if (client < 0 || read(client, word, sizeof(word) - 1) <= 0)
		return 0;
	if (strcmp(word, "Rollback") == 0) {
		event.change = &change;
		event.history = 7;
	}
	if (strcmp(word, "SetChange") != 0)
		control->observer(&event, control->userdata);
	event.result = run(control->gate, &event, &changed, &diags);
	event.changed = event.result < 0 ? NULL : &changed;
	event.done = true;
	event.diags = &diags;
	if (strcmp(word, "SetChange") == 0)
		event = changes_of_a_set();
	control->observer(&event, control->userdata);
	if (write(client, "done", 4) != 4)
		abort();
	return 0;
}

int control_new(sd_event *event, struct gate *gate, int listen_fd, const char *socket_path,
		struct control **ret, struct diags *diags)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return -ENOMEM;
	control->gate = gate;
	control->fd = listen_fd;
	if (listen_fd < 0) {
		strncpy(address.sun_path, socket_path, sizeof(address.sun_path) - 1);
		control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(control->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		    listen(control->fd, 5) < 0) {
			diag_error(diags, NULL, "cannot listen on %s: %m", socket_path);
			control_free(control);
			return -EADDRINUSE;
		}
	}
	sd_event_add_io(event, &control->io, control->fd, EPOLLIN, on_connection, control);
	sd_event_source_set_priority(control->io, CONTROL_PRIORITY);
	*ret = control;
	return 0;
}

void control_observe(struct control *control, control_observer observer, void *userdata)
{
	control->observer = observer;
	control->userdata = userdata;
}

void control_admit_writers(struct control *control, struct diags *diags)
{
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	sd_event_source_disable_unref(control->io);
	close_fd(&control->fd);
	free(control);
	return NULL;
}
