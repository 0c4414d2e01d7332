/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h: tables are single-value arrays: one inlined lookup, then pointer arithmetic. The
 * value's size is set to the table's before the load.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TABLE_MAP(name, element_size)                                                              \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__uint(key_size, sizeof(__u32));                                                   \
		__uint(value_size, element_size);                                                  \
	} name SEC(".maps")

static __always_inline void *table(void *map)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(map, &zero);
}
