/* SPDX-License-Identifier: GPL-2.0-only */
/* utf8.h: what is text, in UTF-8. */
#pragma once

#include <stddef.h>

/* Length of the well-formed sequence at p, of which there are len bytes, at least one; or 0. */
size_t utf8_sequence(const unsigned char *p, size_t len);
