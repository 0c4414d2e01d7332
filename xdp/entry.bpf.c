// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry.bpf.c: the program that is attached to the interface, once, and never replaced:
 * attaching resets the link on many NICs. It jumps to whatever stands in the interface's one
 * slot. The index is a constant, so the JIT makes it a direct jump that a slot's update
 * patches: a packet sees the old ruleset or the new one, whole.
 *
 * An empty slot is a fall-through. What becomes of the packet then is in fall_through, an
 * ARRAY, because that keeps its content when the last pin and fd are gone; a PROG_ARRAY does
 * not.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} slot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* enum xdp_action */
} fall_through SEC(".maps");

SEC("xdp")
int xdpgate_entry(struct xdp_md *ctx)
{
	const __u32 *action;
	__u32 zero = 0;

	bpf_tail_call(ctx, &slot, 0);

	action = bpf_map_lookup_elem(&fall_through, &zero);
	return action && *action == XDP_DROP ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
