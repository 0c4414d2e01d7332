/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * request.h: a call to the daemon as commands need it: errors are printed, with what to do
 * about them, and become exit codes.
 */
#pragma once

#include "client.h"
#include "ctl.h"

#define GATE_INTERFACE "org.xdpgate.gate."

#define TIMEOUT_MSEC 30000U         /* a daemon that says nothing for so long hangs */
#define TIMEOUT_RELOAD_MSEC 120000U /* big lists, small machines */
#define TIMEOUT_SWITCH_MSEC 10000U  /* then we try without it */

/* Connect. Says nothing: off, on and detach can do without. */
int request_open(const struct options *options, struct client *ret);

/* The exit code for a negative errno of client.h, after having explained it. */
int request_explain(const struct options *options, int error);

/* The exit code for an error reply, after having printed it (EXIT_OK if it is none). */
int request_error(const struct options *options, const struct reply *reply);

/* All in one: connect, call, one reply. method without the interface's name. EXIT_OK, or the
 * exit code, all said. Takes parameters over. */
int request(const struct options *options, const char *method, json_t *parameters,
	    unsigned int timeout_msec, struct reply *ret);

/* Likewise, but without a word: 0 and the reply, which may be an error; or a negative errno of client.h. */
int request_try(const struct options *options, const char *method, json_t *parameters,
		unsigned int timeout_msec, struct reply *ret);

/* A member of an answer; "" or 0 if it is not there, or is something else. */
const char *string_of(const json_t *object, const char *key);
long long number_of(const json_t *object, const char *key);

/* What --json prints: indented for a terminal, else on one line. */
void print_json(const json_t *value);
