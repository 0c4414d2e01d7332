/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expiry.h: the dates and times of `expires:`.
 */
#pragma once

#include <stdint.h>

enum moment_result {
	MOMENT_OK,
	MOMENT_SYNTAX,  /* neither a date nor a time */
	MOMENT_NO_ZONE, /* a time of day that does not say where */
	MOMENT_NO_DAY,  /* 30 February, 24:00 … */
};

/* "2026-12-31", which lasts to its end in UTC, or RFC 3339's "2026-12-31T18:00:00+01:00": the first
 * second that is not part of it any more, since 1970. */
enum moment_result moment_parse(const char *text, int64_t *ret);
