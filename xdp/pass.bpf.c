// SPDX-License-Identifier: GPL-2.0-only
/*
 * pass.bpf.c: what stands in the slot of an interface that is off or disarmed. A program,
 * not an empty slot: with `fail: closed` an empty slot drops.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdpgate_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
