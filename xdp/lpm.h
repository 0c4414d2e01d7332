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

/*
 * A row that the settings name, as a number that the verifier knows nothing of: it is judged once,
 * like parse_ipv6_chain(). Were it known, what is looked up there would be decided beforehand, and
 * each way to here walked by itself in what follows: a third more instructions for one list.
 */
__noinline __u32 lpm_settled(__u32 row)
{
	asm volatile("" : "+r"(row));
	return row;
}

/* The row of the packet's source or destination. */
static __always_inline __u32 lpm_row(const struct packet *packet, enum address_field field)
{
	if (!packet->ip)
		return lpm_settled(config.lpm_absent_row[field]);
	if (packet->family == FAMILY_V4) {
		if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V4)))
			return lpm_settled(config.lpm_miss_row[field][FAMILY_V4]);
		if (config.lpm4_stride[field])
			return lpm4_tree(field, packet->address[field][0]);
		return lpm4_lookup(config.lpm4_root[field], packet->address[field][0]);
	}
	if (!(config.uses_address & USES_PREFIXES(field, FAMILY_V6)))
		return lpm_settled(config.lpm_miss_row[field][FAMILY_V6]);
	return lpm6_lookup(config.lpm6_tree[field], config.lpm6_values[field],
			   packet->address[field][0], packet->address[field][1]);
}

static __always_inline bool lpm_used(enum address_field field)
{
	return config.uses_address & USES_ADDRESS(field);
}
