/* SPDX-License-Identifier: GPL-2.0-only */
/* call.h: one Varlink call as it came over the socket, taken apart and checked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

struct call {
	json_t *message;    /* owns all below */
	const char *method; /* full name, "org.xdpgate.gate.Stats" */
	json_t *parameters; /* an object, or NULL for none */
	bool oneway;        /* no answer, please */
	bool more;          /* several answers, please */
};

/*
 * call_parse() - text is one message without its NUL.
 * 0, or -EBADMSG: not a call at all, *error (caller frees; NULL when out of memory) says why;
 * -EINVAL: a call with a bad member, whose name is *parameter. In both cases *ret is
 * untouched, but -EINVAL sets *oneway: even a bad call may want no answer.
 */
int call_parse(const char *text, size_t len, struct call *ret, char **error, const char **parameter,
	       bool *oneway);

void call_free(struct call *call);
