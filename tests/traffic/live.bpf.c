// SPDX-License-Identifier: GPL-2.0-only
/*
 * live.bpf.c: run by BPF_PROG_TEST_RUN on live frames, it makes each of them the next of the
 * prepared ones and sends it out of an interface. No packet ever arrives here.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "live.h"

const volatile __u32 ifindex;
const volatile __u32 n_frames = 1;

__u32 next_frame;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LIVE_MAX_FRAMES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct live_frame);
} frames SEC(".maps");

SEC("xdp")
int live_send(struct xdp_md *ctx)
{
	__u32 index = next_frame, len;
	struct live_frame *frame = bpf_map_lookup_elem(&frames, &index);

	if (!frame)
		return XDP_ABORTED;
	next_frame = index + 1 < n_frames ? index + 1 : 0;
	len = frame->len;
	if (len < 14 || len > LIVE_FRAME_BYTES)
		return XDP_ABORTED;
	if (bpf_xdp_adjust_tail(ctx, (int)len - (int)bpf_xdp_get_buff_len(ctx)))
		return XDP_ABORTED;
	if (bpf_xdp_store_bytes(ctx, 0, frame->data, len))
		return XDP_ABORTED;
	return (int)bpf_redirect(ifindex, 0);
}

char LICENSE[] SEC("license") = "GPL";
