/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.h: values that both ends of the control socket turn into JSON and back. JSON is UTF-8
 * by definition, policy files and file names are whatever bytes they are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "diag.h"
#include "explanation.h"

static inline void json_release(json_t **value)
{
	json_decref(*value);
}

#define _cleanup_json_ __attribute__((cleanup(json_release)))

/* Text as a JSON string; bytes that are not UTF-8 become U+FFFD. NULL text: JSON null.
 * NULL when out of memory. */
json_t *wire_string(const char *text);

/* Likewise, cut after max_bytes, with " ..." to say so. NULL text: "". */
json_t *wire_bounded(const char *text, size_t max_bytes);

/* Numbers of JSON end at 2^63 - 1 here; a counter that is past it stays there. */
json_t *wire_uint(uint64_t value);

/* An array of Diagnostic, long texts cut by the limits of bounds.h. */
json_t *wire_diags(const struct diags *diags);

/* How long a policy may wait to be confirmed. */
#define CONFIRM_MIN_SEC 1
#define CONFIRM_MAX_SEC 86400

/* NULL: it may be said of a change, for people who read it on terminals; else why not, of static storage. */
const char *wire_message_problem(const char *text);

/* Of frames as text: the value of a digit, or -1. */
int wire_hex_digit(char c);

/* As Explain answers. NULL: out of memory. */
json_t *wire_explanation(const struct explanation *explanation);

/* All of it as text with lines and carets, without colour. */
json_t *wire_diags_text(const struct diags *diags);
