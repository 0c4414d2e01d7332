/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * macs.h: from a MAC address to the row of rules that it satisfies, by a binary search in the
 * addresses that rules name; abi.h tells the layout. Only where a rule looks at one.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "config.h"
#include "packet.h"
#include "table.h"

TABLE_MAP(macs, sizeof(__u64));

static __always_inline bool mac_used(enum mac_field field)
{
	return config.uses_macs & 1U << field;
}

/* The last of the field's n entries that is at or below the address, if that is the address's:
 * its row. Judged once by the verifier, like parse_ipv6_chain(). */
__noinline __u32 mac_lookup(__u32 first, __u32 n, __u32 miss_row, __u64 mac)
{
	const __u64 *entries = table(&macs);
	__u32 index = first, left = n;
	__u64 entry;

	if (!entries)
		return miss_row;
	for (int i = 0; i < MAC_SEARCH_STEPS && left > 1; i++) {
		__u32 middle = index + left / 2;

		if (middle >= config.n_macs)
			return miss_row;
		if (entries[middle] >> MAC_ADDRESS_SHIFT <= mac)
			index = middle;
		left -= left / 2;
	}
	if (!left || index >= config.n_macs)
		return miss_row;
	entry = entries[index];
	return entry >> MAC_ADDRESS_SHIFT == mac ? entry & MAC_ROW_MASK : miss_row;
}

/* The row of the frame's source or destination. */
static __always_inline __u32 mac_row(const struct packet *packet, enum mac_field field)
{
	return mac_lookup(config.mac_first[field], config.mac_count[field],
			  config.mac_miss_row[field], packet->mac[field]);
}
