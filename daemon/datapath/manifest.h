/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * manifest.h: what a generation is, in its own words: pinned beside its programs in a frozen
 * map, so that whoever finds it knows its policy, its rules and where they count, even if the
 * policy file has changed or gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

struct manifest_rule {
	char name[NAME_LEN];
	char *match;  /* normalised text */
	char *action; /* likewise */
	struct notes notes;
};

struct manifest_ruleset {
	char name[NAME_LEN];
	struct manifest_rule *rules;
	uint32_t n_rules;
};

struct manifest_interface {
	char name[NAME_LEN];
	char port[PORT_LEN];
	uint16_t vlan; /* 0: none */
	uint32_t ruleset;
	uint8_t mode;       /* enum attach_mode */
	uint8_t required;   /* bool */
	uint8_t fix;        /* bool */
	uint8_t needs_tags; /* bool: its vlan or a rule's tells frames apart by their tags */
	uint32_t block;     /* first slot of its verdicts and reasons */
	uint32_t unjudged;  /* slot of what no interface of its port judges */
	uint32_t *slots;    /* one for each rule of its ruleset */
};

struct manifest {
	uint64_t generation;
	uint8_t hash[32];     /* of the policy */
	uint64_t loaded_usec; /* CLOCK_REALTIME of the build */
	uint64_t history;     /* number of its policy in the history of policies; 0: none */
	uint64_t n_sets, n_prefixes;
	uint8_t fail_closed; /* bool */
	uint8_t uses_self;   /* bool: made of the addresses of this machine, too .. */
	uint32_t n_self;     /* .. of so many */
	struct manifest_interface *interfaces;
	uint32_t n_interfaces;
	struct manifest_ruleset *rulesets;
	uint32_t n_rulesets;
	struct live_set *live_sets; /* in order of the policy's; without places and notes */
	uint32_t n_live_sets;
};

/* A manifest of the policy, with all slots 0 and generation 0. 0 or -ENOMEM. */
int manifest_from_policy(const struct policy *policy, struct manifest **ret);
struct manifest *manifest_free(struct manifest *manifest); /* NULL is fine; returns NULL */

/* To and from bytes: host byte order (they never leave the machine), ABI version, length and
 * a checksum. Decoding believes nothing: -EINVAL for whatever does not add up, -ESTALE for
 * another ABI version. The caller frees what ret points to. */
int manifest_encode(const struct manifest *manifest, void **ret, size_t *ret_size);
int manifest_decode(const void *data, size_t size, struct manifest **ret);
