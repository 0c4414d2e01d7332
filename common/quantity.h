/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quantity.h: durations and numbers as people write them: 1h30m, 200k.
 */
#pragma once

#include <stdint.h>

#define QUANTITY_TEXT 32 /* enough for any as text */

/*
 * Seconds from numbers with their units, the largest unit first, each once at most: w, d, h, m, s.
 * -EINVAL: no such thing; -ERANGE: more than 32 bits. *ret is untouched then.
 */
int duration_parse(const char *text, uint32_t *ret);
/* The same text for equal durations; 0 is "0s". Returns buffer. */
const char *duration_format(uint32_t seconds, char buffer[QUANTITY_TEXT]);

/* A number, maybe with k (1,000) or M (1,000,000) behind it. Errors as above. */
int count_parse(const char *text, uint32_t *ret);
const char *count_format(uint32_t count, char buffer[QUANTITY_TEXT]);
