/* SPDX-License-Identifier: GPL-2.0-only */
/* clock.h: microseconds of CLOCK_MONOTONIC, as sd-event, systemd and D-Bus count them. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_monotonic_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
