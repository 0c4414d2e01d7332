/* SPDX-License-Identifier: GPL-2.0-only */
/* trial.h: what the parts of `xdpgate trial` share. */
#pragma once

#include <jansson.h>

#include "sample_ring.h"
#include "trial_side.h"

#define TRIAL_EXAMPLES 3 /* of each difference */

/* What becomes of packets by the policy in force, and by the candidate. */
struct difference {
	struct outcome now, then;
	struct counter packets;
	char *examples[TRIAL_EXAMPLES]; /* as explain takes them */
	size_t n_examples;
};

/* A shadow that would have decided, were it none. */
struct shadow_count {
	bool candidate; /* it is a rule of the candidate, not of the policy in force */
	size_t interface, rule;
	struct counter packets;
	struct counter turned; /* of them: that would have got another verdict */
};

/* All samples are in one of these: same, differ, cut. */
struct tally {
	uint64_t samples;
	uint64_t same, differ;
	uint64_t other_rule; /* of same: decided by another rule, or none */
	uint64_t cut;        /* not judged: there is a part of the packet only */
	uint64_t elsewhere;  /* not among the samples: of other interfaces than were asked for */
	struct difference *differences;
	size_t n_differences, differences_capacity;
	uint64_t more; /* of differ: in none of them, since there are so many */
	struct shadow_count *shadows;
	size_t n_shadows, shadows_capacity;
};

enum trial_end {
	TRIAL_GOES_ON,
	TRIAL_TIME,        /* --for is over */
	TRIAL_INTERRUPTED, /* Ctrl-C */
	TRIAL_POLICY,      /* another policy came in force */
	TRIAL_STOPPED,     /* somebody ended it */
	TRIAL_DAEMON,      /* the daemon does not answer */
	TRIAL_FAILED,      /* see diags */
};

struct trial {
	const struct options *options;
	const char *path;
	struct candidate now_loaded, then_loaded;
	struct trial_side now, then;
	struct live_maps *live;
	struct sample_ring *ring;
	long long generation;
	uint32_t rate, one_in;
	double began, until; /* CLOCK_MONOTONIC, seconds */
	struct tally tally;
	enum trial_end end;
	char *notes;      /* lines: what is to be known besides; NULL: nothing */
	bool fewer_ports; /* the candidate does not filter a port that is filtered */
};

/* --- trial_count.c --- */

/* Judge a sample by both, and count it. 0, or negative errno with the reason in diags. */
int trial_count(struct trial *trial, const struct sample *sample, struct diags *diags);
void tally_done(struct tally *tally);

/* --- trial_view.c --- */

/* All that there is to tell; NULL: out of memory. */
json_t *trial_answer(const struct trial *trial);
/* For people. final: with the examples. */
void trial_print(const json_t *answer, bool final, FILE *stream, bool color);

/* CLOCK_MONOTONIC, in seconds. */
double trial_clock(void);
