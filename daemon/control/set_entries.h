/* SPDX-License-Identifier: GPL-2.0-only */
/* set_entries.h: entries of live sets out of the JSON of a call, checked as strictly as a policy. */
#pragma once

#include <stddef.h>
#include <jansson.h>

#include "live_prefix.h"
#include "live_sets.h"

/* What is wrong with the first bad one. */
struct bad_entry {
	size_t index;
	const char *entry; /* its text, the call's; NULL: it has none */
	char why[LIVE_PREFIX_WHY];
};

/* array of SetRequest (entries) or of string (prefixes). *ret is the caller's to free; comments are
 * the call's. -EINVAL: *bad says why; -ENOMEM. Outputs are untouched on failure. */
int set_entries_parse(const json_t *array, struct live_request **ret, struct bad_entry *bad);
int set_prefixes_parse(const json_t *array, struct live_prefix **ret, struct bad_entry *bad);
