// SPDX-License-Identifier: GPL-2.0-only
/*
 * harness.bpf.c: puts the next prepared frame into the packet and hands it on: to the program
 * under test, or out of an interface. See harness.h.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "harness.h"

const volatile __u32 frame_mask; /* number of frames - 1 */

__u32 next_frame;
__u32 seen; /* packets of this run */
__u32 send_ifindex;
__u64 barrier;
__u64 stamps[HARNESS_MAX_CHUNKS];

/* One value: all frames side by side. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, HARNESS_FRAME_BYTES);
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

static __always_inline void note_time(void)
{
	__u32 n = seen++;

	if (n % HARNESS_CHUNK == 0) /* a run has no more chunks than there are */
		stamps[n / HARNESS_CHUNK % HARNESS_MAX_CHUNKS] = bpf_ktime_get_ns();
}

static __always_inline int put_frame(struct xdp_md *ctx)
{
	__u64 *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 zero = 0, index = next_frame & frame_mask;
	const __u64 *frame = bpf_map_lookup_elem(&frames, &zero);

	if (!frame || (void *)data + HARNESS_FRAME_BYTES > data_end)
		return -1;
	next_frame = index + 1;
	frame += (__u64)index * HARNESS_FRAME_WORDS;
#pragma unroll
	for (int i = 0; i < HARNESS_FRAME_WORDS; i++)
		data[i] = frame[i];
	return 0;
}

SEC("xdp")
int bench_next(struct xdp_md *ctx)
{
	note_time();
	if (put_frame(ctx))
		return XDP_ABORTED;
	__sync_fetch_and_add(&barrier, 1);
	bpf_tail_call_static(ctx, &under_test, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int bench_send(struct xdp_md *ctx)
{
	note_time();
	if (put_frame(ctx))
		return XDP_ABORTED;
	return (int)bpf_redirect(send_ifindex, 0);
}

char _license[] SEC("license") = "GPL";
