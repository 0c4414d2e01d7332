/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * session.h: one client's connection: messages in, answers out, in order, within bounds.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#include "admission.h"
#include "burst.h"
#include "call.h"
#include "control.h"
#include "listener.h"
#include "peer.h"
#include "staging.h"

struct session;

/* Where the next page of a listing begins. */
struct set_listing {
	char set[NAME_LEN];
	struct live_prefix after;
	size_t limit; /* entries of a page */
};

struct control {
	sd_event *event;
	struct gate *gate;
	struct listener listener;
	sd_event_source *accept_source;
	sd_event_source *accept_timer; /* goes on with accept() after a pause */
	bool has_group;
	gid_t group;
	control_observer observer;
	void *userdata;
	struct session *sessions; /* doubly linked */
	unsigned int n_sessions, n_unprivileged;
	size_t unsent_unprivileged;         /* bytes of all sessions without RIGHT_CHANGE */
	size_t staged, staged_unprivileged; /* bytes of stagings: of all; of those sessions */
	struct admission admission;
};

struct session {
	struct control *control;
	struct session *next, *previous;
	int fd;
	struct peer peer;
	uint64_t connected_usec;
	sd_event_source *io;    /* the socket */
	sd_event_source *work;  /* one more message is there already */
	sd_event_source *guard; /* hangs up on who takes too long */
	sd_event_source *tick;  /* next answer of a stream */

	/* Input: in[0 .. in_len). message_len: of the first message, when its NUL is there. */
	char *in;
	size_t in_len, in_size, scanned, message_len;
	bool has_message;
	uint64_t partial_since_usec; /* 0: no call is half there */

	/* Output: out[out_sent .. out_len) waits. */
	char *out;
	size_t out_len, out_sent;
	uint64_t progress_usec; /* of the last progress, while output waits */
	size_t progress_sent;   /* bytes since then */

	bool muted;   /* the call being run wants no answer */
	bool asked;   /* at least one call came */
	bool eof;     /* the client sends no more */
	bool hung_up; /* and reads no more */
	bool closing; /* send what is there, then hang up */
	bool failed;  /* out of memory, or the socket broke: hang up now */

	/* A stream that is being answered: by stream(), each interval. */
	bool streaming;
	uint64_t interval_usec; /* 0: as fast as the client reads */
	void (*stream)(struct session *session);
	struct set_listing listing; /* SetList */

	struct staging *staging; /* SetReplace: what was sent of it; NULL: nothing */
	struct burst burst;      /* changes of live sets that the observer is not told of yet */
};

/* Takes fd over, on failure too. The session frees itself when it is over. */
int session_new(struct control *control, int fd, const struct peer *peer);

/* Hangs up. Unsent output is tried once. */
void session_free(struct session *session);

/* Look again at what is to be done, after the limits that all share have changed. */
void session_update(struct session *session);

static inline size_t session_unsent(const struct session *session)
{
	return session->out_len - session->out_sent;
}

/* Queue an answer. Both take parameters over; NULL (out of memory) ends the session. */
void session_reply(struct session *session, json_t *parameters, bool continues);
void session_error(struct session *session, const char *error, json_t *parameters);

/* Go on answering by stream() each interval until the client hangs up, or stream() sets
 * session->streaming to false. interval 0: whenever the client has read what there is. */
void session_stream(struct session *session, void (*stream)(struct session *session),
		    uint64_t interval_usec);
