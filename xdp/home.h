/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * home.h: the one page of per-CPU counters that is known when a program is loaded; see abi.h.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "abi.h"

struct counter_page_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct counter_page));
};

struct counter_page_map home_page SEC(".maps");

/* The page, or NULL, which no map of this kind gives. */
static __always_inline struct counter_page *count_home(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&home_page, &zero);
}

/* No lock and no atomic: the slot is this CPU's, and XDP is not re-entered on a CPU. */
static __always_inline void count_in(struct counter_page *page, __u32 slot, __u32 bytes)
{
	struct counter *counter = &page->slots[slot % COUNTERS_PER_PAGE];

	counter->packets++;
	counter->bytes += bytes;
}
