/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample_ring.h: the reader of the packets that the programs in front of the ports' own have sampled
 * (struct sample, xdp/front.bpf.c). A sample is gone with its reading, so there is one reader.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "diag.h"

struct sample_ring;

/* The ring that is pinned at path; PIN_DIR is the folder it is in. -EBUSY: another reads it; -ENOENT: it
 * is not there; all with the reason in diags. */
int sample_ring_open(const char *path, struct sample_ring **ret, struct diags *diags);
struct sample_ring *sample_ring_close(struct sample_ring *ring); /* NULL is fine; returns NULL */

/* What is in it until now is of no interest. */
int sample_ring_begin(struct sample_ring *ring, struct diags *diags);

/* sample->captured bytes of the data can be read, and are no more than sample->len. Negative ends the
 * reading. */
typedef int sample_visit(void *context, const struct sample *sample);

/*
 * Visit the samples that there are, a few thousand at most; if there are none, wait for msec at most.
 * How many came, or what the last visit returned; -EINTR: a signal came; -EBADMSG: the ring has
 * something else in it.
 */
int sample_ring_read(struct sample_ring *ring, int msec, sample_visit *visit, void *context);

/* So many samples there was no room for, as the last one that was read tells, since _begin(). */
uint64_t sample_ring_lost(const struct sample_ring *ring);

/* Is it still what is pinned at its path? */
bool sample_ring_is_pinned(const struct sample_ring *ring);
