/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One client's connection. Whatever happens (bytes came, room for output, a timer, more
 * messages in the buffer) ends in session_turn(): send what waits, take at most ONE message
 * and answer it, send again, and decide what to wait for next. One message a turn, and all
 * sources at one priority, so sd-event serves the sessions in turns: a client that pipelines
 * thousands of calls delays the others by one call each.
 *
 * The next message is neither read nor answered while output waits above the low-water mark
 * or a stream is running, so memory is bounded by one input buffer and one answer beyond the
 * mark; the rest waits in the socket's buffers, which is to say, with the client.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bounds.h"
#include "methods.h"
#include "session.h"
#include "util.h"
#include "wire.h"

static bool is_privileged(const struct session *session)
{
	return session->peer.right == RIGHT_CHANGE;
}

static uint64_t now_usec(const struct session *session)
{
	uint64_t now = 0;

	sd_event_now(session->control->event, CLOCK_MONOTONIC, &now);
	return now;
}

/* May an answer be added to what waits already? */
static bool has_room(const struct session *session)
{
	if (session->hung_up)
		return true; /* answers are thrown away */
	return session_unsent(session) < OUTPUT_LOW_BYTES &&
	       (is_privileged(session) ||
		session->control->unsent_unprivileged < OUTPUT_UNPRIVILEGED_BYTES);
}

/* Is it time for the next page of a stream that goes as fast as the client reads? */
static bool wants_page(const struct session *session)
{
	return session->streaming && !session->interval_usec && !session->failed &&
	       has_room(session);
}

/* May a message be taken, from the buffer or from the socket? */
static bool may_take(const struct session *session)
{
	return !session->closing && !session->failed && !session->streaming && has_room(session);
}

static bool is_over(const struct session *session)
{
	bool sent = session_unsent(session) == 0;

	if (session->failed)
		return true;
	if (session->closing)
		return sent || session->hung_up;
	return session->eof && !session->has_message && !session->streaming && sent;
}

/* --- output ------------------------------------------------------------------------------ */

/* When the budget that all unprivileged sessions share has room again, those that waited for
 * it have to be told. */
static void unsent_changed(struct session *session, ssize_t delta)
{
	struct control *control = session->control;
	size_t before = control->unsent_unprivileged;

	if (is_privileged(session))
		return;
	control->unsent_unprivileged += delta;
	if (before < OUTPUT_UNPRIVILEGED_BYTES ||
	    control->unsent_unprivileged >= OUTPUT_UNPRIVILEGED_BYTES)
		return;
	for (struct session *other = control->sessions; other; other = other->next)
		if (other != session)
			session_update(other);
}

static void drop_output(struct session *session)
{
	size_t unsent = session_unsent(session);

	free(session->out);
	session->out = NULL;
	session->out_len = session->out_sent = 0;
	if (unsent)
		unsent_changed(session, -(ssize_t)unsent);
}

/* Takes text, of len bytes, over. */
static int queue_output(struct session *session, char *text, size_t len)
{
	size_t unsent = session_unsent(session);

	if (unsent == 0) {
		free(session->out);
		session->out = text;
		session->out_len = len;
		session->out_sent = 0;
		session->progress_usec = now_usec(session);
		session->progress_sent = 0;
	} else {
		char *joined = malloc(unsent + len);

		if (!joined) {
			free(text);
			return -ENOMEM;
		}
		memcpy(joined, session->out + session->out_sent, unsent);
		memcpy(joined + unsent, text, len);
		free(text);
		free(session->out);
		session->out = joined;
		session->out_len = unsent + len;
		session->out_sent = 0;
	}
	unsent_changed(session, len);
	return 0;
}

static void queue_message(struct session *session, json_t *message_taken)
{
	_cleanup_json_ json_t *message = message_taken;
	char *text;

	if (session->hung_up || session->muted)
		return;
	text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	/* the NUL that ends the string is the one that ends the message */
	if (!text || queue_output(session, text, strlen(text) + 1) < 0)
		session->failed = true;
}

void session_reply(struct session *session, json_t *parameters, bool continues)
{
	if (continues)
		queue_message(session,
			      json_pack("{s:o, s:b}", "parameters", parameters, "continues", 1));
	else
		queue_message(session, json_pack("{s:o}", "parameters", parameters));
}

void session_error(struct session *session, const char *error, json_t *parameters)
{
	queue_message(session, json_pack("{s:s, s:o}", "error", error, "parameters", parameters));
}

static void flush_output(struct session *session)
{
	while (session_unsent(session) > 0) {
		ssize_t n = send(session->fd, session->out + session->out_sent,
				 session_unsent(session), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* gone: calls that are there already still count, see take_message() */
			if (errno != EAGAIN)
				session->hung_up = true;
			break;
		}
		session->out_sent += n;
		session->progress_sent += n;
		unsent_changed(session, -n);
		if (session->progress_sent >= OUTPUT_PROGRESS_BYTES) {
			session->progress_usec = now_usec(session);
			session->progress_sent = 0;
		}
	}
	if (session->hung_up || session_unsent(session) == 0)
		drop_output(session);
}

/* --- input ------------------------------------------------------------------------------- */

static void find_message(struct session *session)
{
	size_t left = session->in_len - session->scanned;
	const char *end = left ? memchr(session->in + session->scanned, 0, left) : NULL;

	session->has_message = end;
	session->message_len = end ? (size_t)(end - session->in) : 0;
	session->scanned = end ? session->message_len : session->in_len;
	/* without its end, all that is there belongs to it */
	if ((end ? session->message_len : session->in_len) > MESSAGE_MAX_BYTES)
		method_invalid_message(session, "a message may have at most 65536 bytes");
}

static void read_input(struct session *session)
{
	ssize_t n;

	if (session->in_len == session->in_size) {
		char *grown = realloc(session->in, session->in_size + READ_BYTES);

		if (!grown) {
			session->failed = true;
			return;
		}
		session->in = grown;
		session->in_size += READ_BYTES;
	}
	n = recv(session->fd, session->in + session->in_len, session->in_size - session->in_len,
		 MSG_DONTWAIT);
	if (n < 0) {
		/* Nobody there any more, or (after EPIPE) somebody who only stopped reading:
		 * what has not come by now does not count. */
		if (session->hung_up || (errno != EAGAIN && errno != EINTR))
			session->eof = session->hung_up = true;
		return;
	}
	if (n == 0) {
		session->eof = true;
		return;
	}
	session->in_len += n;
	find_message(session);
}

static void forget_message(struct session *session)
{
	size_t used = session->message_len + 1;

	memmove(session->in, session->in + used, session->in_len - used);
	session->in_len -= used;
	session->scanned = 0;
	find_message(session);
	if (session->in_len == 0) {
		free(session->in);
		session->in = NULL;
		session->in_size = 0;
	}
}

/* Answer the first message in the buffer. */
static void take_message(struct session *session)
{
	_cleanup_free_ char *error = NULL;
	const char *parameter = NULL;
	struct call call = {};
	bool oneway = false;
	int r;

	session->asked = true;
	session->partial_since_usec = 0;
	r = call_parse(session->in, session->message_len, &call, &error, &parameter, &oneway);
	if (r == -EBADMSG)
		method_invalid_message(session, error ? error : "out of memory");
	else if (r == 0)
		method_call(session, &call);
	else if (!oneway)
		method_invalid_parameter(session, parameter);
	call_free(&call);
	forget_message(session);
}

/* --- what next --------------------------------------------------------------------------- */

/* When to give up on the client if nothing happens until then; 0: never. */
static uint64_t deadline_usec(const struct session *session)
{
	uint64_t deadline = 0;

	if (session->partial_since_usec)
		deadline = session->partial_since_usec + INPUT_TIMEOUT_USEC;
	else if (session->peer.right == RIGHT_NONE && !session->asked)
		deadline = session->connected_usec + INPUT_TIMEOUT_USEC;
	if (session_unsent(session) > 0) {
		uint64_t output = session->progress_usec + OUTPUT_TIMEOUT_USEC;

		if (!deadline || output < deadline)
			deadline = output;
	}
	if (session->staging) {
		uint64_t staged = session->staging->since_usec + STAGED_TIMEOUT_USEC;

		if (!deadline || staged < deadline)
			deadline = staged;
	}
	return deadline;
}

static void update_guard(struct session *session)
{
	uint64_t deadline = deadline_usec(session);

	if (deadline)
		sd_event_source_set_time(session->guard, deadline);
	sd_event_source_set_enabled(session->guard, deadline ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void session_update(struct session *session)
{
	bool take = may_take(session);
	bool reads = take && !session->has_message && !session->eof;
	uint32_t events = 0;

	/* A call is late only while we would read the rest of it. */
	if (!reads || session->in_len == 0)
		session->partial_since_usec = 0;
	else if (!session->partial_since_usec)
		session->partial_since_usec = now_usec(session);
	if (session->hung_up) {
		/* EPOLLHUP cannot be masked: without its source, read on by turns */
		sd_event_source_set_enabled(session->io, SD_EVENT_OFF);
	} else {
		events |= reads ? EPOLLIN : 0;
		events |= session_unsent(session) > 0 ? EPOLLOUT : 0;
		sd_event_source_set_io_events(session->io, events);
	}
	/* what is over is also freed in a turn */
	if ((take && session->has_message) || (session->hung_up && reads) || wants_page(session) ||
	    is_over(session))
		sd_event_source_set_enabled(session->work, SD_EVENT_ONESHOT);
	else
		sd_event_source_set_enabled(session->work, SD_EVENT_OFF);
	if (!session->streaming || !session->interval_usec)
		sd_event_source_set_enabled(session->tick, SD_EVENT_OFF);
	update_guard(session);
}

/* May free the session. */
static void session_turn(struct session *session)
{
	flush_output(session);
	if (session->hung_up)
		session->streaming = false;
	if (wants_page(session))
		session->stream(session);
	if (may_take(session) && !session->has_message && !session->eof)
		read_input(session);
	if (may_take(session) && session->has_message)
		take_message(session);
	flush_output(session);
	if (session->hung_up)
		session->streaming = false;
	if (is_over(session))
		session_free(session);
	else
		session_update(session);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct session *session = userdata;

	if (revents & (EPOLLHUP | EPOLLERR))
		session->hung_up = true;
	session_turn(session);
	return 0;
}

static int on_work(sd_event_source *source, void *userdata)
{
	session_turn(userdata);
	return 0;
}

static int on_guard(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;

	/* Who does not read, or leaves a replacement half done, gets no farewell; who does not
	 * finish a call may read one. */
	if (session_unsent(session) > 0 || !session->partial_since_usec)
		session->failed = true;
	else
		method_invalid_message(session, "the message was not complete within 10 seconds");
	session_turn(session);
	return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;

	/* A client that has not read the last answers misses this one. */
	if (session->streaming && has_room(session))
		session->stream(session);
	sd_event_source_set_time(source, now_usec(session) + session->interval_usec);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	session_turn(session);
	return 0;
}

void session_stream(struct session *session, void (*stream)(struct session *session),
		    uint64_t interval_usec)
{
	session->streaming = true;
	session->stream = stream;
	session->interval_usec = interval_usec;
	if (!interval_usec)
		return;
	sd_event_source_set_time(session->tick, now_usec(session) + interval_usec);
	sd_event_source_set_enabled(session->tick, SD_EVENT_ONESHOT);
}

/* --- life -------------------------------------------------------------------------------- */

static int add_sources(struct session *session)
{
	sd_event *event = session->control->event;
	sd_event_source **sources[] = { &session->io, &session->work, &session->guard,
					&session->tick };
	int r;

	r = sd_event_add_io(event, &session->io, session->fd, EPOLLIN, on_io, session);
	if (r < 0)
		return r;
	r = sd_event_add_defer(event, &session->work, on_work, session);
	if (r < 0)
		return r;
	r = sd_event_add_time(event, &session->guard, CLOCK_MONOTONIC, 0, 0, on_guard, session);
	if (r < 0)
		return r;
	/* 1 ms: streams of one interval need not wake up one by one */
	r = sd_event_add_time(event, &session->tick, CLOCK_MONOTONIC, 0, 1000, on_tick, session);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		r = sd_event_source_set_priority(*sources[i], CONTROL_PRIORITY);
		if (r < 0)
			return r;
	}
	return 0;
}

int session_new(struct control *control, int fd, const struct peer *peer)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session) {
		close(fd);
		return -ENOMEM;
	}
	session->control = control;
	session->fd = fd;
	session->peer = *peer;
	session->connected_usec = now_usec(session);
	session->next = control->sessions;
	if (session->next)
		session->next->previous = session;
	control->sessions = session;
	control->n_sessions++;
	if (!is_privileged(session))
		control->n_unprivileged++;
	r = add_sources(session);
	if (r < 0) {
		session_free(session);
		return r;
	}
	session_update(session);
	return 0;
}

void session_free(struct session *session)
{
	struct control *control = session->control;
	sd_event_source *sources[] = { session->io, session->work, session->guard, session->tick };

	if (!session->failed)
		flush_output(session);
	burst_end(session);
	staging_drop(session);
	if (session->next)
		session->next->previous = session->previous;
	if (session->previous)
		session->previous->next = session->next;
	else
		control->sessions = session->next;
	control->n_sessions--;
	if (!is_privileged(session))
		control->n_unprivileged--;
	drop_output(session);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		sd_event_source_disable_unref(sources[i]);
	close(session->fd);
	free(session->in);
	free(session);
}
