/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filters.h: filter sets as ClassBench makes them (Taylor, Turner: "ClassBench: a packet
 * classification benchmark", 2007), read from files or made up after their pattern; as a
 * policy, as rules of the linear scan, and as traffic.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "peers.h"
#include "policy.h"
#include "rng.h"

struct filter {
	uint32_t src, dst;
	uint8_t src_len, dst_len;
	uint16_t sport_first, sport_last, dport_first, dport_last;
	uint8_t proto, proto_mask, flags, flags_mask;
};

struct filters {
	struct filter *items;
	size_t n, capacity;
};

/* The first `limit` filters of a file. 0, -ENOMEM, -EINVAL (a line is none), or errno. */
int filters_read(struct filters *filters, const char *path, size_t limit);
/* n made-up filters: servers behind networks, a few popular ports, some wildcards. */
int filters_make(struct filters *filters, size_t n, uint64_t seed);
void filters_free(struct filters *filters);

/* Every other filter drops, the rest pass, so that the order of rules shows in the verdict;
 * what none matches is passed. NULL: out of memory. */
struct policy *filters_to_policy(const struct filters *filters);
struct scan_rule *filters_to_scan(const struct filters *filters);

/* A packet of a random filter, or one time in ten any packet. */
void filters_draw(const struct filters *filters, struct rng *rng, struct flow *ret);
