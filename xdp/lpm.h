/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm.h: from an address to the row of rules that it satisfies, by longest prefix match.
 * Callers know only lpm_row(); what is behind it is free to change.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "config.h"
#include "packet.h"

#define LPM_MAP(name, key_type)                             \
	struct {                                            \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);        \
		__uint(map_flags, BPF_F_NO_PREALLOC);       \
		__uint(max_entries, 1);                     \
		__type(key, key_type);                      \
		__type(value, __u32);                       \
	} name SEC(".maps")

LPM_MAP(lpm_src_v4, struct lpm_key_v4);
LPM_MAP(lpm_src_v6, struct lpm_key_v6);
LPM_MAP(lpm_dst_v4, struct lpm_key_v4);
LPM_MAP(lpm_dst_v6, struct lpm_key_v6);

static __always_inline __u32 lpm_lookup(void *map, const void *key, __u32 miss)
{
	const __u32 *row = bpf_map_lookup_elem(map, key);

	return row ? *row : miss;
}

/* The row of the packet's source or destination. The keys are copied: 6.1 lets a lookup's key
 * be on the stack, but not in memory that a function was handed. */
static __always_inline __u32 lpm_row(const struct packet *packet, enum address_field field)
{
	if (!packet->ip)
		return config.lpm_absent_row[field];
	if (packet->family == FAMILY_V4) {
		struct lpm_key_v4 key = packet->address[field].v4;
		__u32 miss = config.lpm_miss_row[field][FAMILY_V4];

		if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V4)))
			return miss;
		return lpm_lookup(field == ADDRESS_SRC ? (void *)&lpm_src_v4 : &lpm_dst_v4,
				  &key, miss);
	} else {
		struct lpm_key_v6 key = packet->address[field].v6;
		__u32 miss = config.lpm_miss_row[field][FAMILY_V6];

		if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V6)))
			return miss;
		return lpm_lookup(field == ADDRESS_SRC ? (void *)&lpm_src_v6 : &lpm_dst_v6,
				  &key, miss);
	}
}

static __always_inline bool lpm_used(enum address_field field)
{
	return config.uses_address & USES_ADDRESS(field);
}
