/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * judge.h: a policy, as it would judge the packets that arrive on one port: by the real program, run
 * with counters of its own, or by the oracle, which needs no privileges. Targets of redirects are
 * there.
 */
#pragma once

#include "compile.h"
#include "diag.h"
#include "oracle.h"
#include "policy.h"

enum engine { ENGINE_PROGRAM, ENGINE_ORACLE };

/* "program", "oracle"; false: neither. */
bool engine_parse(const char *text, enum engine *ret);
const char *engine_name(enum engine engine);

struct live_maps;

struct judge_options {
	enum engine engine;
	struct live_maps
		*live; /* ENGINE_PROGRAM: what live sets hold; must outlive it; NULL: nothing */
	bool shadows;  /* tell judged.shadow, at twice the cost */
};

struct judge;

/* The packets arrive on the port of this interface of the policy, which must outlive the judge. 0, or
 * negative errno with the reason in diags. */
int judge_open(const struct policy *policy, const struct tables *tables, size_t interface,
	       const struct judge_options *options, struct judge **ret, struct diags *diags);
struct judge *judge_close(struct judge *judge); /* NULL is fine; returns NULL */

static inline void judge_closep(struct judge **judge)
{
	judge_close(*judge);
}

/* What became of one packet. */
struct judged {
	size_t interface; /* that judged; ORACLE_NO_INTERFACE: none, it passed */
	enum verdict verdict;
	enum reason reason; /* REASON_NONE when a rule decided */
	size_t rule;        /* that rule's index in its ruleset, or ORACLE_NO_RULE */
	size_t shadow; /* likewise, of the first shadow that would have decided; if it is asked for */
};

/* Judge a frame and count it. -E2BIG: it is larger than any that the program can be given; negative
 * errno with the reason in diags. */
int judge_frame(struct judge *judge, const uint8_t *frame, size_t len, struct judged *ret,
		struct diags *diags);

/* What one interface of the port has counted; rules has an element for each of its policy's. */
struct judge_counts {
	struct counter verdicts[N_VERDICTS];
	struct counter reasons[N_REASONS];
	struct counter *rules;
};

/* Add what the programs counted to what was counted here; to be called once, after the last frame. */
int judge_finish(struct judge *judge, struct diags *diags);
/* NULL: the interface is not of the port, or has judged nothing. */
const struct judge_counts *judge_counts(const struct judge *judge, size_t interface);
/* Of frames that no interface judged. */
struct counter judge_unjudged(const struct judge *judge);
/* Is the interface on the port? */
bool judge_has(const struct judge *judge, size_t interface);
