/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run.h: the command line that differential tests on random policies share, and their loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

struct run_options {
	uint64_t n_policies, n_packets, seed;
	uint64_t first_policy; /* number of the first policy: to come back to a difference */
};

/* One policy, with random numbers that are its own: so that one of them can be looked at alone.
 * Negative: there was a difference, and it is printed. */
typedef int run_policy(struct rng *rng, uint64_t n_packets);
/* Print what all policies met; false if that is too little for so many packets. */
typedef bool run_coverage(void);

/* What main() returns. defaults: if the command line says nothing; its seed is not used. */
int run_main(int argc, char **argv, const struct run_options *defaults, run_policy *check,
	     run_coverage *report);
