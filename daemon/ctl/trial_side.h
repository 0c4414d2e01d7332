/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trial_side.h: one of the two policies of a trial, and what it makes of packets by the port on which they
 * arrived: by its real program, run beside the one that judges.
 */
#pragma once

#include "candidate.h"
#include "judge.h"
#include "live_maps.h"

struct trial_side {
	const struct policy *policy;
	const struct tables *tables;
	struct live_maps *live; /* NULL: the daemon has none */
	int *ifindexes;         /* by interface; 0: there is no such device now */
	bool *targets;          /* by redirect: there is such a device now */
	struct judge **judges;  /* by interface: of its port, at the first interface of it */
};

/* What becomes of a packet. */
struct outcome {
	bool filtered;    /* false: the policy has nothing to do with that port, it passes */
	size_t interface; /* that judges; ORACLE_NO_INTERFACE: none of the port does, it passes */
	enum verdict verdict;
	enum reason reason;
	size_t rule;     /* ORACLE_NO_RULE: none decided */
	uint32_t target; /* VERDICT_REDIRECT: index of the policy's redirect */
};

/* Ready for what arrives on the devices that there are now. candidate and live must outlive it. */
int trial_side_open(const struct candidate *candidate, struct live_maps *live,
		    struct trial_side *ret, struct diags *diags);
void trial_side_close(struct trial_side *side); /* an empty one is fine */

/* Which devices the policy means may have changed. */
void trial_side_refresh(struct trial_side *side);

/* ret_shadow: the rule that would have decided were it no shadow, or ORACLE_NO_RULE. */
int trial_side_judge(struct trial_side *side, int ifindex, const uint8_t *frame, size_t len,
		     struct outcome *ret, size_t *ret_shadow, struct diags *diags);

/* The first interface of the policy on the device, or ORACLE_NO_INTERFACE. */
size_t trial_side_interface(const struct trial_side *side, int ifindex);

/* Is it the same for the packet: does it pass, drop, or go to the same device? */
bool outcome_is_same(const struct trial_side *a, const struct outcome *fate_a,
		     const struct trial_side *b, const struct outcome *fate_b);

#define OUTCOME_TEXT (2 * NAME_LEN + PORT_LEN)
/* "drop/bcp38", "pass/default", "redirect/scrub to eth5", "pass/not-filtered". Returns buffer. */
const char *outcome_text(const struct trial_side *side, const struct outcome *fate,
			 char buffer[OUTCOME_TEXT]);
