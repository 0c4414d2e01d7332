/* SPDX-License-Identifier: GPL-2.0-only */
/* client.h: the client's end of the control socket: one call, one or more replies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

struct client {
	int fd;
	char *in; /* what came and is not taken yet */
	size_t len, size;
	size_t scanned;
};

struct reply {
	json_t *message;    /* owns the rest */
	const char *error;  /* full name, or NULL */
	json_t *parameters; /* an object, or NULL */
	bool continues;
};

#define CLIENT_CLOSED                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Negative errno of socket() and connect(). */
int client_open(struct client *client, const char *path);

/* How long client_receive() and client_call() wait. 0: until something comes. */
int client_set_timeout(struct client *client, unsigned int msec);

/* Send one call. Takes parameters over, on failure too; NULL: none. */
int client_call(struct client *client, const char *method, json_t *parameters, bool more);

/* -ETIMEDOUT; -EINTR: a signal came; -ECONNRESET: the daemon hung up; -EBADMSG: not Varlink;
 * -EMSGSIZE. */
int client_receive(struct client *client, struct reply *ret);

/* A whole reply is there already: client_receive() will not wait. */
bool client_has_reply(const struct client *client);

void reply_free(struct reply *reply);
void client_close(struct client *client); /* a closed one is fine */
