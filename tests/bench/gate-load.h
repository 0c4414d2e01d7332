/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate-load.h: a policy put into the kernel by the very functions that the daemon uses, short
 * of pins and interfaces; and what each step of it cost.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "live_maps.h"
#include "policy.h"

struct gate_cost {
	double compile_ms;
	double load_ms;     /* maps made and filled, programs verified, smoke test */
	double remove_ms;   /* closing it all; the kernel may free memory later still */
	size_t table_bytes; /* kernel memory of all maps of this generation */
	uint32_t jited_bytes;
};

struct gate_load {
	int program_fd; /* -1: refused */
	char *refused;  /* the first error's text */
	struct gate_cost cost;
	struct gate_kernel *kernel; /* what keeps it there */
};

/* Where its live sets are, in the order of the policy: slot 0, 1, …; NULL: it has none. */
struct live_maps *gate_load_live(const struct gate_load *load);

/* Load the first interface's program. A refusal by compiler or kernel is success, with
 * .refused set. Negative errno is for trouble of our own. */
int gate_load(const struct policy *policy, struct gate_load *ret);
void gate_unload(struct gate_load *load); /* keeps .cost; {} is fine */
