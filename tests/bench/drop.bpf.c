// SPDX-License-Identifier: GPL-2.0-only
/*
 * drop.bpf.c: what the bench compares with: the least that an XDP program can do.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int bare_drop(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
