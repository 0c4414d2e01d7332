/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * front.h: xdp/front.bpf.c, which may stand in a port's slot in front of what a generation has for
 * the port: while the generation waits to be confirmed, or while packets are sampled.
 *
 * PIN_DIR/generations/N/KEY-front is the program, and goes into the slot in the place of
 * generations/N/KEY; KEY-behind is its PROG_ARRAY, which the kernel empties with its last pin: so it is
 * pinned first and, after a wait for packets, removed last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "pins.h"
#include "port.h"

struct front {
	int now_fd;      /* the generation's own program for the port */
	int before_fd;   /* what judged before; -1: nothing is to */
	int pending_fd;  /* map of struct pending_state; -1: it does not wait to be confirmed */
	int sampling_fd; /* map of struct sampling_state; -1: no packets are sampled .. */
	int samples_fd;  /* .. or the ring for them */
	bool fail_closed;
};

/*
 * Load and pin it; *ret_fd, the caller's, is for the slot. If one is pinned already, its program stays
 * and only what is behind it changes, in one update: the next packet goes to the new program.
 */
int front_load(const struct pins *pins, uint64_t generation, const struct port *port,
	       const struct front *front, int *ret_fd, struct diags *diags);
/* It stands in the slots of none of these ports any more: remove its pins, if there are any. 0, or
 * negative errno. */
int front_remove(const struct pins *pins, uint64_t generation, struct port *const *ports, size_t n);
