/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * analysis.h: what is odd about a policy that loads: rules that can decide nothing, or nothing that
 * others would not decide alike. Pure functions over the policy, which say only what is certain.
 */
#pragma once

#include "policy.h"

enum finding_kind {
	FINDING_NEVER,       /* no packet satisfies its condition: why tells */
	FINDING_SHADOWED,    /* the earlier rule `other` decides every packet that it could match */
	FINDING_CONTRADICTS, /* likewise, by the same condition and another verdict */
	FINDING_REDUNDANT,   /* the later rule `other` would decide all of its packets alike */
	FINDING_NO_WAY_IN,   /* of the ruleset: it drops by default, and so does every other, and no
			      * rule passes new TCP connections to port 22 or to $self */
};

/* Why a rule never matches. */
enum never {
	NEVER_EMPTY_SRC, /* it names sets that hold nothing */
	NEVER_EMPTY_DST,
	NEVER_FAMILIES,  /* its addresses are of different families */
	NEVER_ETHERTYPE, /* 'ethertype' excludes the family of its addresses */
	NEVER_FRAGMENT,  /* the fate of fragments decides ahead of the rules */
	NEVER_EXCLUDED,  /* a negation excludes every value */
	NEVER_TOGETHER,  /* whatever else cannot come together */
};

struct finding {
	enum finding_kind kind;
	size_t ruleset; /* index in the policy */
	size_t rule;    /* index in the ruleset, but of FINDING_NO_WAY_IN */
	size_t other;   /* likewise, where the kind says so */
	enum never why; /* FINDING_NEVER */
};

struct findings {
	struct finding *items; /* by ruleset and rule */
	size_t n, capacity;
	bool partial; /* the policy is too large to compare all: there may be more */
};

/*
 * analyse() - look for what the kinds say. Not looked at: what expires, unless it is certain all the
 * same; rules of groups, against others than those of their group; that list files overlap. Bounded
 * in time, some tenths of a second, and in memory. 0 or -ENOMEM; findings_done() in any case.
 */
int analyse(const struct policy *policy, struct findings *ret);
void findings_done(struct findings *findings);
