/* SPDX-License-Identifier: GPL-2.0-only */
/* The control server: its socket, and who may connect. The rest is in session.c. */
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "bounds.h"
#include "methods.h"
#include "session.h"
#include "users.h"
#include "util.h"

static void refuse(int fd, const char *text)
{
	_cleanup_free_ char *message = method_too_many(text);

	if (message)
		(void)!send(fd, message, strlen(message) + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* NULL: there is a place for this client; else why not. */
static const char *no_place(const struct control *control, const struct peer *peer)
{
	unsigned int n_of_uid = 0;

	if (control->n_sessions >= CLIENTS_MAX)
		return "xdpgated serves 64 clients already";
	if (peer->right == RIGHT_CHANGE)
		return NULL;
	if (control->n_unprivileged >= CLIENTS_MAX_UNPRIVILEGED)
		return "xdpgated serves 48 clients that are not root already";
	for (const struct session *s = control->sessions; s; s = s->next)
		n_of_uid += s->peer.uid == peer->uid;
	return n_of_uid >= CLIENTS_MAX_PER_UID ? "you have 16 connections to xdpgated already"
					       : NULL;
}

static void welcome(struct control *control, int fd_taken)
{
	_cleanup_close_ int fd = fd_taken;
	struct peer peer;
	const char *text;

	if (peer_identify(fd, control->has_group ? &control->group : NULL, &peer) < 0)
		return;
	if (peer.right == RIGHT_NONE && gate_set_is_writer(control->gate, peer.uid))
		peer.right = RIGHT_WRITE;
	text = no_place(control, &peer);
	if (text)
		refuse(fd, text);
	else
		session_new(control, TAKE_FD(fd), &peer);
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct control *control = userdata;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint64_t now;

	if (client >= 0) {
		welcome(control, client);
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return 0;
	/* Out of fds or memory: the client stays in the queue, so polling on would spin. */
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	sd_event_now(control->event, CLOCK_MONOTONIC, &now);
	sd_event_source_set_time(control->accept_timer, now + ACCEPT_PAUSE_USEC);
	sd_event_source_set_enabled(control->accept_timer, SD_EVENT_ONESHOT);
	return 0;
}

static int on_accept_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct control *control = userdata;

	sd_event_source_set_enabled(control->accept_source, SD_EVENT_ON);
	return 0;
}

static int add_sources(struct control *control)
{
	int r;

	r = sd_event_add_io(control->event, &control->accept_source, control->listener.fd, EPOLLIN,
			    on_accept, control);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(control->accept_source, CONTROL_PRIORITY);
	if (r < 0)
		return r;
	r = sd_event_add_time(control->event, &control->accept_timer, CLOCK_MONOTONIC, 0, 0,
			      on_accept_timer, control);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(control->accept_timer, CONTROL_PRIORITY);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(control->accept_timer, SD_EVENT_OFF);
}

int control_new(sd_event *event, struct gate *gate, int listen_fd, const char *socket_path,
		struct control **ret, struct diags *diags)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control) {
		if (listen_fd >= 0)
			close(listen_fd);
		return -ENOMEM;
	}
	control->event = sd_event_ref(event);
	control->gate = gate;
	control->listener = (struct listener)LISTENER_NONE;
	control->has_group = group_find(CONTROL_GROUP, &control->group) == 0;
	if (listen_fd >= 0)
		r = listener_adopt(listen_fd, &control->listener, diags);
	else
		r = listener_open(socket_path, control->has_group ? &control->group : NULL,
				  &control->listener, diags);
	if (r == 0)
		r = add_sources(control);
	if (r < 0) {
		control_free(control);
		return r;
	}
	*ret = control;
	return 0;
}

void control_admit_writers(struct control *control, struct diags *diags)
{
	admission_update(control, diags);
}

void control_observe(struct control *control, control_observer observer, void *userdata)
{
	control->observer = observer;
	control->userdata = userdata;
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	while (control->sessions)
		session_free(control->sessions);
	sd_event_source_disable_unref(control->accept_source);
	sd_event_source_disable_unref(control->accept_timer);
	admission_done(&control->admission);
	listener_close(&control->listener);
	sd_event_unref(control->event);
	free(control);
	return NULL;
}
