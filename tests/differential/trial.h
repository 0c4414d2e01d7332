/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trial.h: the loaded ruleset program against the linear oracle, packet by packet: verdict,
 * reason, deciding rule, the set of rules that counted it, the frame unchanged; and at the end
 * all counters, in packets and bytes. A difference is printed with all that is needed to
 * understand it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "packet.h"
#include "policy.h"

struct trial;

/*
 * trial_open() - compile the policy and load a probe of one of its interfaces. The policy must
 * outlive the trial. 0, or negative errno with the reason on stderr.
 */
int trial_open(const struct policy *policy, size_t interface, bool redirects_exist,
	       struct trial **ret);
struct trial *trial_close(struct trial *trial); /* NULL is fine; returns NULL */

/* For _cleanup_(). */
static inline void trial_closep(struct trial **trial)
{
	trial_close(*trial);
}

/*
 * trial_packet() - one packet through both.
 * @judged_by: the policy that the oracle judges by, NULL: the trial's own. Where the own is too
 * large for a linear matcher, one that answers the same for this packet; see thin.h.
 * 0, or negative errno with both answers on stderr.
 */
int trial_packet(struct trial *trial, const struct packet *packet, const struct policy *judged_by);

struct oracle_live;
struct live_maps;

/* What the oracle takes the live sets to hold; without it, they are empty. It must outlive the
 * trial. */
void trial_live_sets(struct trial *trial, const struct oracle_live *live);
/* What the program sees of them; NULL: the policy has none. Still the trial's. */
struct live_maps *trial_live_maps(const struct trial *trial);

/* From here on packets go through this program first, which may jump to the trial's. */
void trial_through(struct trial *trial, int program_fd);
int trial_program_fd(const struct trial *trial); /* still the trial's */

/* All counters against what the packets so far should have counted. */
int trial_counters(const struct trial *trial);

/* Of the last packet: the deciding rule, or ORACLE_NO_RULE. */
size_t trial_rule(const struct trial *trial);

/* What the packets of all trials met: a test that reaches nothing proves nothing. */
struct coverage {
	uint64_t packets, by_rule, counted;
	uint64_t reasons[N_REASONS];
	uint32_t highest_rule;
};

extern struct coverage coverage;
void coverage_print(FILE *stream); /* one line */
