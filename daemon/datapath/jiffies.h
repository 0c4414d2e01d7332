/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jiffies.h: when programs, which compare deadlines with jiffies64, see a moment of
 * CLOCK_MONOTONIC come.
 */
#pragma once

#include <stdint.h>

#include "diag.h"

struct jiffies_clock {
	uint64_t jiffies, monotonic_ns; /* at the same moment */
	uint64_t tick_ns;               /* of one jiffy */
};

/* Runs a program once. 0, or a negative errno, reported. */
int jiffies_clock_read(struct jiffies_clock *ret, struct diags *diags);
/* The first jiffy that is not before the moment. */
uint64_t jiffies_at(const struct jiffies_clock *clock, uint64_t monotonic_ns);
