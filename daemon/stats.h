/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats.h: counters as people ask for them: by interface and by rule, summed over CPUs, with
 * each slot's baseline subtracted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "policy.h"

struct stats_interface {
	char name[NAME_LEN];
	struct counter verdicts[N_VERDICTS];
	struct counter reasons[N_REASONS];
};

/* A row for each rule and interface that its policy is on. */
struct stats_rule {
	char policy[NAME_LEN];
	char name[NAME_LEN];
	char interface[NAME_LEN];
	struct counter counter;
};

/* What no interface of the port judges; it passes. */
struct stats_port {
	char port[PORT_LEN];
	struct counter counter;
};

struct stats {
	uint64_t generation;
	struct stats_interface *interfaces;
	size_t n_interfaces;
	struct stats_rule *rules;
	size_t n_rules;
	struct stats_port *unjudged; /* ports of which all interfaces have a VLAN */
	size_t n_unjudged;
};

void stats_free(struct stats *stats); /* frees what it owns and empties it; NULL is fine */
