/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * prefix.h: prefixes and addresses as text, strict: 192.0.2.0/24, 192.0.2.1, 2001:db8::/32,
 * 2001:db8::1. Fast, because lists hold millions of them.
 */
#pragma once

#include "policy.h"

enum prefix_result {
	PREFIX_V4,
	PREFIX_V6,
	PREFIX_SYNTAX,    /* neither family's */
	PREFIX_LENGTH,    /* an address, but a bad prefix length behind it */
	PREFIX_HOST_BITS, /* bits set behind the prefix length */
};

struct prefix {
	struct prefix_v4 v4; /* one is valid, as the result says; */
	struct prefix_v6 v6; /* PREFIX_HOST_BITS: family says which, bits already cleared */
	enum family family;
};

#define PREFIX_TEXT 64 /* enough for any prefix as text */

enum prefix_result prefix_parse(const char *text, size_t len, struct prefix *ret);

/* As text, without the length of a single host: into buffer of PREFIX_TEXT bytes. */
const char *prefix_format(const struct prefix *prefix, char *buffer);

/* What is wrong with a text that prefix_parse() refused, and the remedy; one line. */
void prefix_explain(enum prefix_result result, const char *text, size_t len,
		    const struct prefix *prefix, char *buffer, size_t size);
