/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * count.h: per-CPU counters by slot. They live in pages that outlive generations; see abi.h.
 *
 * The interface's own counters, and with any luck those of its rules, are in one page, its home,
 * which is known when the program is loaded: one lookup, that newer kernels inline. Other pages
 * are found through the array of pages.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "config.h"
#include "home.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_COUNTER_PAGES);
	__type(key, __u32);
	__array(values, struct counter_page_map);
} counter_pages SEC(".maps");

#define HOME_PAGE (config.interface_block / COUNTERS_PER_PAGE)

/* Count in any page. Judged once by the verifier, like parse_ipv6_chain(). */
__noinline int count_away(__u32 slot, __u32 bytes)
{
	__u32 index = slot / COUNTERS_PER_PAGE, zero = 0;
	struct counter_page *page;
	void *map;

	map = bpf_map_lookup_elem(&counter_pages, &index);
	if (!map)
		return -1;
	page = bpf_map_lookup_elem(map, &zero);
	if (!page)
		return -1;
	count_in(page, slot, bytes);
	return 0;
}

static __always_inline void count(struct counter_page *home, __u32 slot, __u32 bytes)
{
	if (slot / COUNTERS_PER_PAGE == HOME_PAGE)
		count_in(home, slot, bytes);
	else
		count_away(slot, bytes);
}

static __always_inline void count_verdict(struct counter_page *home, enum verdict verdict,
					  __u32 bytes)
{
	count_in(home, config.interface_block + verdict, bytes);
}

static __always_inline void count_reason(struct counter_page *home, enum reason reason, __u32 bytes)
{
	count_in(home, config.interface_block + INTERFACE_BLOCK_REASONS + reason, bytes);
}
