/* SPDX-License-Identifier: GPL-2.0-only */
/* schema.h: lists of words as JSON, for `xdpgate schema` and `xdpgate fields`. */
#pragma once

#include <jansson.h>

#include "shapes.h"

/* An array of all words that a key's value may be; empty if it has none. NULL: out of memory. */
json_t *shape_words(const struct key_schema *key, const struct shape *shape);
