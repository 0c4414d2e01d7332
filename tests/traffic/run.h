/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run.h: one run of the generator: what to send, where to, how fast, and the report.
 */
#pragma once

#include <signal.h>

#include "stream.h"

#define MAX_STREAMS 512

struct options {
	const char *ifname, *read_path, *write_path;
	uint8_t dmac[6];
	uint64_t rate, duration, seed;
	bool loop, live;
	struct stream streams[MAX_STREAMS];
	unsigned int n_streams;
};

/* Set by a signal handler: the run ends after the frame in hand. */
extern volatile sig_atomic_t run_stopped;

/* Sends, and prints the report on stdout. 0, or -1 with a message on stderr. */
int run_all(struct options *options);
