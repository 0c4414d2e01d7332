/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sampling.h: copies of some packets that arrive, for whoever reads the ring PIN_DIR/samples: a
 * program in front of each port's own takes them (front.h). It ends at a deadline in jiffies, whether
 * or not a daemon lives; what is left in front then only jumps on, and goes with the next daemon.
 */
#pragma once

#include <stdint.h>

#include "abi.h"
#include "diag.h"
#include "pins.h"

struct sampling {
	int fd, samples_fd;
	volatile struct sampling_state *state; /* the map's, mapped */
};

/* The maps; the ring is pinned in the place of another. until stays 0: nothing is sampled. */
int sampling_new(const struct pins *pins, struct sampling **ret, struct diags *diags);
/* From now on, for so many seconds, about one packet in one_in (at least 1). */
int sampling_set(struct sampling *sampling, uint32_t seconds, uint32_t one_in, struct diags *diags);
struct sampling *sampling_free(struct sampling *sampling); /* the pin stays; NULL is fine */
int sampling_unpin(const struct pins *pins);
