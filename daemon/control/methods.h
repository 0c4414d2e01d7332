/* SPDX-License-Identifier: GPL-2.0-only */
/* methods.h: from a call to the functions of gate.h and back to an answer. */
#pragma once

#include "session.h"

/* Check rights and parameters, run the method, queue its answer unless it is oneway. */
void method_call(struct session *session, const struct call *call);

/* Answers to what is no call. The session closes after it is sent. */
void method_invalid_message(struct session *session, const char *text);

/* A call with a bad member or parameter. */
void method_invalid_parameter(struct session *session, const char *parameter);

/* The one message to a client that is one too many: a whole message without its NUL, or NULL
 * when out of memory. Caller frees. */
char *method_too_many(const char *text);
