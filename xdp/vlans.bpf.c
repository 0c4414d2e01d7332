// SPDX-License-Identifier: GPL-2.0-only
/*
 * vlans.bpf.c: stands in the slot of a port that has several interfaces, or one with a VLAN, and
 * finds whose the frame is: the outermost VLAN tag decides, and the ruleset program of the
 * interface goes on. Each interface so keeps a program of its own, with no code for what its
 * policy does not look at; and the port's slot still changes in one update.
 *
 * Indices are constants once the settings are frozen, where the JIT makes direct jumps of tail
 * calls; only past VLANS_INLINE VLANs the index is looked up and the jump is indirect.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "home.h"
#include "jump.h"
#include "packet.h"

#define VID_MASK 0xfff

const volatile struct vlans_config config;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1); /* set before the load: the interfaces of the policy */
	__type(key, __u32);
	__type(value, __u32);
} members SEC(".maps");

/* A tag, up to its end. */
struct vlan_tag {
	__be16 tpid, tci, inner;
};

/* The VID of the outermost tag; 0: none, or a priority tag. */
static __always_inline __u32 outermost_vid(struct xdp_md *ctx)
{
	struct vlan_tag tag;

	if (packet_read(ctx, 2 * ETH_ALEN, &tag) < 0) /* the frame is shorter */
		return 0;
	if (tag.tpid != bpf_htons(ETH_P_8021Q) && tag.tpid != bpf_htons(ETH_P_8021AD))
		return 0;
	return bpf_ntohs(tag.tci) & VID_MASK;
}

/* One comparison. True, if it is the one and has no program. */
#define TRY(number)                                                                                \
	if (number < config.n && vid == config.vids[number]) {                                     \
		JUMP(ctx, &members, (__u32)config.members[number], number);                        \
		return true;                                                                       \
	}

_Static_assert(VLANS_INLINE == 8, "as many as are tried");

/* Does not return if the interface has its program, as it should. True: it has none. False: no
 * interface has the VID. */
static __always_inline bool go_to_vlan(struct xdp_md *ctx, __u32 vid)
{
	if (config.n > VLANS_INLINE) {
		__u64 index = vid;
		__u32 member;

		/* Once more, behind the compiler's back: it masks before it swaps the bytes, and
		 * Linux 6.1's verifier knows no bounds of what was swapped. */
		asm volatile("" : "+r"(index));
		member = config.member_of[index & VID_MASK];
		if (member == VLANS_NONE)
			return false;
		JUMP(ctx, &members, member, looked up);
		return true;
	}
	TRY(0)
	TRY(1)
	TRY(2)
	TRY(3)
	TRY(4)
	TRY(5)
	TRY(6)
	TRY(7)
	return false;
}

static __always_inline int unjudged(struct xdp_md *ctx)
{
	struct counter_page *home = count_home();

	if (home)
		count_in(home, config.other_slot, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

SEC("xdp")
int xdpgate_vlans(struct xdp_md *ctx)
{
	__u32 vid = outermost_vid(ctx);

	if (!vid || !go_to_vlan(ctx, vid)) {
		if (config.others == VLANS_NONE)
			return unjudged(ctx);
		JUMP(ctx, &members, config.others, others);
	}
	return config.fail_closed ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
