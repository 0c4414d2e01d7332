/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm.h: from an address to the row of rules that it satisfies, by longest prefix match in the
 * compiled tables. Callers know only lpm_row(); what is behind it is free to change. The searches
 * are bounded by constants and every index by the table's size.
 */
#pragma once

#include "config.h"
#include "lpm4.h"
#include "lpm6.h"
#include "packet.h"

/* The row of the packet's source or destination. */
static __always_inline __u32 lpm_row(const struct packet *packet, enum address_field field)
{
	if (!packet->ip)
		return config.lpm_absent_row[field];
	if (packet->family == FAMILY_V4) {
		if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V4)))
			return config.lpm_miss_row[field][FAMILY_V4];
		if (config.lpm4_stride[field])
			return lpm4_tree(field, packet->address[field][0]);
		return lpm4_lookup(config.lpm4_root[field], packet->address[field][0]);
	}
	if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V6)))
		return config.lpm_miss_row[field][FAMILY_V6];
	return lpm6_lookup(config.lpm6_tree[field], config.lpm6_values[field],
			   packet->address[field][0], packet->address[field][1]);
}

static __always_inline bool lpm_used(enum address_field field)
{
	return config.uses_address & USES_ADDRESS(field);
}
