/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.h: an entry of a live set, as everything in user space hands it on.
 */
#pragma once

#include <stdint.h>

#include "abi.h"

#define LIVE_COMMENT_MAX 95 /* bytes, without the NUL */

/* How long an entry that is added shall hold: seconds, 0: for ever. */
#define LIVE_TIMEOUT_DEFAULT (-1) /* as long as the set says */
#define LIVE_TIMEOUT_MAX (10 * 366 * 24 * 3600)

/* As on the wire. Bits beyond len are 0, so equal prefixes have equal bytes. */
struct live_prefix {
	uint8_t family;   /* enum family */
	uint8_t len;      /* 0 .. 32 or 0 .. 128 */
	uint8_t addr[16]; /* IPv4: the first 4 bytes, the others are 0 */
};

struct live_times {
	uint32_t end;   /* seconds of CLOCK_MONOTONIC; LIVE_FOREVER */
	uint32_t since; /* when it was added, seconds since 1970 */
};
