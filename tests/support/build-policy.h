/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * build-policy.h: policies made in memory, for tests that need no policy file. Out of memory
 * aborts. Pointers to rules and sets hold until the next one is added.
 */
#pragma once

#include <stdio.h>

#include "policy.h"

/* Default fates, no interfaces. Free with policy_free(). */
struct policy *build_policy(void);
uint32_t build_ruleset(struct policy *policy, const char *name, enum verdict default_verdict);
uint32_t build_interface(struct policy *policy, const char *name, uint32_t ruleset);
uint32_t build_set(struct policy *policy, const char *name);
/* "10.0.0.0/8", "2001:db8::/32", or an address alone; bits beyond the length are cleared. */
void build_prefix(struct policy *policy, uint32_t set, const char *text);
void build_prefix_v4(struct policy *policy, uint32_t set, uint32_t addr, uint8_t len);
void build_prefix_v6(struct policy *policy, uint32_t set, uint64_t hi, uint64_t lo, uint8_t len);

/* A live set of the language's defaults. */
uint32_t build_live_set(struct policy *policy, const char *name);

/* A rule at the end of the ruleset that matches everything; VERDICT_NONE: it counts. */
struct rule *build_rule(struct policy *policy, uint32_t ruleset, const char *name,
			enum verdict verdict);
void build_redirect(struct policy *policy, struct rule *rule, const char *port);
void build_address(struct rule *rule, enum address_field field, uint32_t set);
void build_live_address(struct rule *rule, enum address_field field, uint32_t live_set);
void build_scalar(struct rule *rule, enum scalar_field field, uint32_t first, uint32_t last);
void build_mac(struct rule *rule, enum mac_field field, const uint8_t mac[MAC_BYTES]);
void build_on_interface(struct rule *rule, uint32_t interface);

/* The whole policy for people, as near to the policy language as the types allow. */
void print_policy(const struct policy *policy, FILE *stream);
