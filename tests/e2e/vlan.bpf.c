// SPDX-License-Identifier: GPL-2.0-only
/*
 * vlan.bpf.c: VLAN 100 on a device, for kernels that have no VLAN devices: as tc classifiers, the
 * host behind it speaks untagged, and what is on the wire has the tag. Of what arrives, XDP has
 * seen the tag by then. Frames that have a tag of their own leave as they are.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VID 100

SEC("egress")
int tag(struct __sk_buff *skb)
{
	__u16 type;

	if (skb->vlan_present || bpf_skb_load_bytes(skb, 2 * ETH_ALEN, &type, sizeof(type)) < 0 ||
	    type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD))
		return TC_ACT_OK;
	return bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VID) < 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Another VLAN's frames are not for us, nor are those without a tag. */
SEC("ingress")
int untag(struct __sk_buff *skb)
{
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != VID)
		return TC_ACT_SHOT;
	return bpf_skb_vlan_pop(skb) < 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

char gpl[] SEC("license") = "GPL";
