/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random-policy.h: random policies, and random frames that are likely to matter to them:
 * values are drawn from the edges of what the rules name, one to either side included.
 */
#pragma once

#include "packet.h"
#include "policy.h"
#include "rng.h"

/* Every field, negations, live sets in about half of them, several rulesets and interfaces, all fates. Free with policy_free(). */
struct policy *random_policy(struct rng *rng);

/* Take out what the policy language has no words for: values that no packet carries; and no rules are
 * those of `protect:`, which are no rules like any. */
void random_policy_in_words(struct policy *policy);

/* One of few, so that rules and frames meet. */
void random_mac(struct rng *rng, uint8_t mac[MAC_BYTES]);

/* A frame of at least 14 bytes, as it could arrive on the interface; now and then malformed. */
void random_packet(struct rng *rng, const struct policy *policy, size_t interface,
		   struct packet *p);
