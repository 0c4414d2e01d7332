// SPDX-License-Identifier: GPL-2.0-only
/*
 * front.bpf.c: stands in a port's slot in front of what the generation has for the port, for a
 * while: until a policy is confirmed, or while packets are sampled. It changes no packet.
 *
 * A policy that waits to be confirmed so judges its own deadline: with the daemon dead no timer
 * runs, but packets come, and past the deadline they go where they went before. All ports look at
 * one map, so one store undoes the policy, or confirms it, everywhere.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi.h"
#include "jump.h"

const volatile struct front_config config;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, FRONT_PROGRAMS);
	__type(key, __u32);
	__type(value, __u32);
} behind SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pending_state);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sampling_state);
} sampling SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before the load */
} samples SEC(".maps");

static __always_inline bool is_overdue(void)
{
	__u32 zero = 0;
	const volatile struct pending_state *state = bpf_map_lookup_elem(&pending, &zero);

	return state && bpf_jiffies64() >= state->deadline;
}

static __always_inline void fill(struct xdp_md *ctx, struct sample *sample, __u64 lost)
{
	__u64 len = bpf_xdp_get_buff_len(ctx), last = len - 1;

	sample->jiffies = bpf_jiffies64();
	sample->ifindex = ctx->ingress_ifindex;
	sample->len = (__u32)len;
	sample->lost = (__u32)lost;
	sample->captured = 0;
	if (last > SAMPLE_BYTES - 1)
		last = SAMPLE_BYTES - 1;
	/* Behind the compiler's back, and one less than the length: that it is not 0 is nothing that Linux
	 * 6.1's verifier learns from a comparison with 0. */
	asm volatile("" : "+r"(last));
	if (last < SAMPLE_BYTES && !bpf_xdp_load_bytes(ctx, 0, sample->data, (__u32)last + 1))
		sample->captured = (__u32)last + 1;
}

static __always_inline void take_sample(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct sampling_state *state = bpf_map_lookup_elem(&sampling, &zero);
	struct sample *sample;

	if (!state || bpf_jiffies64() >= state->until || bpf_get_prandom_u32() >= state->chance)
		return;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		__sync_fetch_and_add(&state->lost, 1);
		return;
	}
	fill(ctx, sample, state->lost);
	bpf_ringbuf_submit(sample, 0);
}

SEC("xdp")
int xdpgate_front(struct xdp_md *ctx)
{
	if (config.sample)
		take_sample(ctx);
	if (config.confirm && is_overdue())
		JUMP(ctx, &behind, FRONT_BEFORE, before);
	JUMP(ctx, &behind, FRONT_NOW, now);
	return config.fail_closed ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
