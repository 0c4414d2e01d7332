/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_prefix.h: the prefix of an entry of a live set as text and back: as prefix.h has it, for
 * those who do not care how a policy holds prefixes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "live.h"
#include "prefix.h"

#define LIVE_PREFIX_WHY 256 /* enough for any explanation */

/* As strict as a policy file. -EINVAL: why (of LIVE_PREFIX_WHY bytes) says what is wrong, and the
 * remedy, in one line; *ret is untouched. */
int live_prefix_parse(const char *text, struct live_prefix *ret, char *why);

bool live_prefix_equal(const struct live_prefix *a, const struct live_prefix *b);
/* Are all addresses of inner in outer? */
bool live_prefix_covers(const struct live_prefix *outer, const struct live_prefix *inner);

/* As text, without the length of a single host: into buffer of PREFIX_TEXT bytes. */
const char *live_prefix_format(const struct live_prefix *prefix, char *buffer);
