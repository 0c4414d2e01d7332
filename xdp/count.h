/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * count.h: per-CPU counters by slot. They live in pages that outlive generations; see abi.h.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "config.h"

struct counter_page {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS_PER_PAGE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct counter));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_COUNTER_PAGES);
	__type(key, __u32);
	__array(values, struct counter_page);
} counter_pages SEC(".maps");

/* No lock and no atomic: the slot is this CPU's, and XDP is not re-entered on a CPU. */
static __always_inline void count(__u32 slot, __u32 bytes)
{
	__u32 page_index = slot / COUNTERS_PER_PAGE, index = slot % COUNTERS_PER_PAGE;
	struct counter *counter;
	void *page;

	page = bpf_map_lookup_elem(&counter_pages, &page_index);
	if (!page)
		return;
	counter = bpf_map_lookup_elem(page, &index);
	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

static __always_inline void count_verdict(enum verdict verdict, __u32 bytes)
{
	count(config.interface_block + verdict, bytes);
}

static __always_inline void count_reason(enum reason reason, __u32 bytes)
{
	count(config.interface_block + INTERFACE_BLOCK_REASONS + reason, bytes);
}
