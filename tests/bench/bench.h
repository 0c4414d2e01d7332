/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h: one run of the benchmark: the harness, the report, and what each part of it needs.
 */
#pragma once

#include <stdbool.h>

#include "build-policy.h"
#include "frame.h"
#include "gate-load.h"
#include "harness.h"
#include "list.h"
#include "peers.h"
#include "report.h"

#define BENCH_MAX_ROUNDS 64

struct bench {
	bool quick;
	const char *data;   /* folder with geo/ and classbench/, or NULL: make all up */
	uint32_t n_packets; /* a run */
	unsigned int rounds;
	struct harness *harness;
	struct peer *empty;
	struct report *report;
	bool wrong; /* a program gave a wrong verdict */
};

/* Programs that a row compares; fd -1: it was refused, and figure.note says why. */
struct subject {
	int fd;
	struct figure *figure;
};

/*
 * bench_measure() - run each of the subjects and the empty program in turn, over and over, on
 * the frames that the harness holds now. Their figures are what they took above the empty
 * program in the same round. empty: NULL, or gets the empty program's own figure.
 * 0 or negative errno.
 */
int bench_measure(struct bench *bench, struct subject *subjects, unsigned int n,
		  struct figure *empty);

/* Does a program give the verdicts that it should? Asks for some of the frames; expected: an
 * XDP action, or -1 for what the other program says. What is wrong ends up in the figure. */
int bench_verify(struct bench *bench, const struct subject *subject, int expected, int other_fd);

/* The parts; each 0 or negative errno, said on stderr. */
int bench_packet(struct bench *bench);
int bench_prefixes(struct bench *bench);
int bench_countries(struct bench *bench);
int bench_rules(struct bench *bench);
int bench_live_sets(struct bench *bench);
int bench_reload(struct bench *bench);

/* countries.c: 237 lists from the data folder, or made up; and the policy with a set and a
 * rule for each. */
#define N_COUNTRIES 237
struct countries {
	struct prefix_list lists[N_COUNTRIES];
	size_t n;
	struct prefix_list all;
	bool made_up;
};
int countries_make(struct countries *countries, const char *data);
void countries_free(struct countries *countries);

/* prefixes.c: drop what comes from the list, pass the rest. */
struct policy *prefixes_policy(const struct prefix_list *list);
/* Fill the frames with UDP packets from sources of the list, or from none. */
void prefixes_frames(struct harness *harness, const struct prefix_list *list, bool hits);
