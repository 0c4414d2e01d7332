// SPDX-License-Identifier: GPL-2.0-only
/*
 * clock.bpf.c: what jiffies64 is, and CLOCK_MONOTONIC at the same moment. Run once by the daemon,
 * which no other way tells; programs compare deadlines with jiffies, since reading that costs next
 * to nothing.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct clock_reading);
} reading SEC(".maps");

SEC("xdp")
int xdpgate_clock(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 zero = 0;
	struct clock_reading *now = bpf_map_lookup_elem(&reading, &zero);

	if (!now)
		return XDP_ABORTED;
	now->jiffies = bpf_jiffies64();
	now->monotonic_ns = bpf_ktime_get_ns();
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
