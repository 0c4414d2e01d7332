/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * condition.h: rules' conditions as sets of packets, of which one may cover another: what
 * analysis.c compares with. A packet has one of a few shapes, which say what fields it carries and
 * which values these may have; one condition covers another if it does so in every shape.
 */
#pragma once

#include "policy.h"

/* Of IPv4, of IPv6 in the same order, then the rest. A later fragment carries no ports, flags and
 * ICMP types, maybe not even a protocol. */
enum shape {
	SHAPE_TCP,
	SHAPE_UDP,
	SHAPE_ICMP, /* of the family */
	SHAPE_OTHER,
	SHAPE_LATER,
	SHAPE_LATER_UNKNOWN,
	N_IP_SHAPES,
	SHAPE_NON_IP = 2 * N_IP_SHAPES,
	N_SHAPES,
};

#define SHAPES_OF(family) (((1U << N_IP_SHAPES) - 1) << ((family)*N_IP_SHAPES))

struct values {
	struct range *ranges; /* ascending; they do not touch; a negation is resolved */
	size_t n;
};

#define INTERFACE_WORDS (MAX_INTERFACES / 64)
#define SIGNATURE_WORDS 2

struct condition {
	const struct rule *rule;
	uint32_t shapes;  /* bits of the shapes that can satisfy it; 0: it never matches */
	uint32_t unfated; /* likewise, if no fate came first */
	bool temporary;   /* it names a set that expires */
	struct values scalar[N_SCALAR_FIELDS]; /* of those that it looks at */
	uint64_t interfaces[INTERFACE_WORDS];  /* of those that the ruleset is on */
};

/* A coarse image of a condition: all bits of wants are in gives of one that covers it. */
struct signature {
	uint64_t wants[SIGNATURE_WORDS], gives[SIGNATURE_WORDS];
};

struct address_values;

/* Conditions of one ruleset, and what they share. */
struct conditions {
	const struct policy *policy;
	struct condition *items;      /* one for each rule */
	struct signature *signatures; /* likewise; by themselves, so that they are dense */
	size_t n;
	struct address_values **shared; /* of each set of the policy, as it is and negated */
	struct address_values **own;    /* of each rule and field, of other conditions */
	uint64_t work;                  /* that is left; see conditions_are_spent() */
	uint64_t elements;              /* likewise, of sets that may be put in order */
};

enum coverage { COVERS_NOT, COVERS_NOW /* by what list files hold just now */, COVERS };

/* 0 or -ENOMEM; conditions_done() in any case. work, elements: what it may cost at most, about in
 * steps; what is left is in the members. */
int conditions_make(const struct policy *policy, size_t ruleset, uint64_t work, uint64_t elements,
		    struct conditions *ret);
void conditions_done(struct conditions *conditions);
/* It had to give up some comparison. */
bool conditions_are_spent(const struct conditions *conditions);

/* At a glance: if not, the first does not cover the second. */
static inline bool condition_may_cover(const struct conditions *conditions, size_t wide,
				       size_t narrow)
{
	const uint64_t *gives = conditions->signatures[wide].gives;
	const uint64_t *wants = conditions->signatures[narrow].wants;

	return !((wants[0] & ~gives[0]) | (wants[1] & ~gives[1]));
}

/* Does the first match every packet that the second does? Both are indices of rules; what expires
 * is the caller's. When in doubt it covers not. *r: -ENOMEM, or untouched. */
enum coverage condition_covers(struct conditions *conditions, size_t wide, size_t narrow, int *r);
/* No packet matches both. When in doubt, false. */
bool conditions_are_disjoint(struct conditions *conditions, size_t a, size_t b, int *r);

/* Take so much of the work that is left; false: it is done. */
bool conditions_spend(struct conditions *conditions, uint64_t work);

/* --- condition_addresses.c --- */

/* Can an address of the family satisfy it? When in doubt, yes. */
bool addresses_may_hold(struct conditions *conditions, size_t rule, enum address_field field,
			enum family family, int *r);
enum coverage addresses_cover(struct conditions *conditions, size_t wide, size_t narrow,
			      enum address_field field, enum family family, int *r);
bool addresses_are_disjoint(struct conditions *conditions, size_t a, size_t b,
			    enum address_field field, enum family family, int *r);
/* The field's part of the coarse images, in 32 bits. */
void addresses_sign(const struct policy *policy, const struct address_match *match,
		    uint32_t *ret_wants, uint32_t *ret_gives);
void address_values_free(struct address_values *values);
