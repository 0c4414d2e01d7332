/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oracle.h: the plain linear first match over the policy, in user space. It is what
 * "correct" means: the kernel program must answer as this does, for every packet. It shares
 * no code with xdp/ or daemon/compile/ and is written for clearness, not speed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "policy.h"

#define ORACLE_NO_RULE SIZE_MAX

struct oracle_answer {
	enum verdict verdict;
	enum reason reason; /* REASON_NONE when a rule decided */
	size_t rule;        /* index of the deciding rule in its ruleset, or ORACLE_NO_RULE */
	/* Rules of the ruleset that counted the packet: [i] is 1 for rule i. The caller's
	 * array of at least n_rules elements, or NULL if it does not care. */
	uint8_t *counted;
};

/* What live sets hold: does policy.live_sets[set] hold the address now, which is as on the wire? */
struct oracle_live {
	bool (*holds)(void *context, size_t set, enum family family, const uint8_t *address);
	void *context;
};

/*
 * oracle_judge_live() - judge one frame as it arrives on an interface of the policy.
 * @frame: from the Ethernet header on, @len bytes, without FCS; only read.
 * @live: NULL: live sets are empty.
 * @answer: .counted is set by the caller, all else is written.
 * A redirect is answered as such: whether its target exists is not the oracle's to know.
 */
void oracle_judge_live(const struct policy *policy, size_t interface, const uint8_t *frame,
		       size_t len, const struct oracle_live *live, struct oracle_answer *answer);

/* The same, all live sets being empty. */
void oracle_judge(const struct policy *policy, size_t interface, const uint8_t *frame, size_t len,
		  struct oracle_answer *answer);

#define ORACLE_NO_INTERFACE SIZE_MAX

/* Which of the interfaces that share the port of this one judges a frame that arrives there:
 * index, or ORACLE_NO_INTERFACE: none, it passes. */
size_t oracle_interface(const struct policy *policy, size_t interface, const uint8_t *frame,
			size_t len);

/* What a probe would tell of the frame, first_bit being that of the interface's ruleset. 0 or -ENOMEM.
 */
int oracle_judge_trace(const struct policy *policy, size_t interface, uint32_t first_bit,
		       const uint8_t *frame, size_t len, const struct oracle_live *live,
		       struct trace *ret);

/* The packet as the oracle reads it, in the fields of a trace that tell of it; all others are left as
 * they are. */
void oracle_trace(const uint8_t *frame, size_t len, struct trace *ret);
