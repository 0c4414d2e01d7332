/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h: the test bench of the program tests: a policy, loaded as a probe, and frames put
 * to it one by one. Each frame must be answered as said, come out as it went in, and move
 * just the counters that it should, by one packet and the whole frame's bytes.
 */
#pragma once

#include "compile.h"
#include "packet.h"
#include "policy.h"
#include "probe.h"
#include "verdict.h"

struct bench {
	struct policy *policy;
	struct tables *tables;
	size_t interface;
	bool redirects_exist;
	struct probe *probe;
	uint32_t n_slots;
	struct counter *before; /* all counters as they were ahead of the frame */
};

/* What is to become of a frame. */
struct expected {
	enum verdict verdict;
	enum reason reason;  /* REASON_NONE: a rule decided */
	const char *rule;    /* name of the deciding rule, or NULL */
	const char *counted; /* names of other rules that count it, one blank between; or NULL */
};

/* Takes the policy over. Fails the test if it does not compile or load. */
struct bench *bench_open(struct policy *policy, size_t interface, bool redirects_exist);
struct bench *bench_close(struct bench *bench);

/* Fails the test, and prints what was wrong with which frame. */
void bench_expect(struct bench *bench, const char *description, const struct packet *p,
		  const struct expected *expected);

/* Only that program and oracle agree: for frames too many to be listed. */
void bench_as_oracle(struct bench *bench, const char *description, const struct packet *p);
