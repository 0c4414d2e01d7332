/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plain.h: the frames that nearly all traffic consists of, read in a few loads: at most one VLAN
 * tag, IPv4 without options or IPv6 without extension headers, no fragment, all headers in the
 * first buffer, and nothing wrong with any length. They give the same packet as parse() would,
 * but for fields that no rule of the policy looks at, which are left out. All others are left to
 * parse(), which also tells what is wrong.
 *
 * Headers stay in registers: no copy on the stack has to be written and read back. And TCP and
 * UDP are told apart by masks, because a branch on what an attacker may mix at will is
 * mispredicted half the time.
 */
#pragma once

#include "config.h"
#include "packet.h"
#include "parse.h"

#define PLAIN_IPV4_VERSION_IHL 0x45
#define PLAIN_IPV4_FRAGMENT (IPV4_MF | IPV4_OFFSET_MASK)
#define PLAIN_UPPER TCP_HEADER /* bytes behind the IP header that must be there to be read */
/* Protocols with ports, as bits. */
#define PLAIN_PORTS (1ULL << PROTO_TCP | 1ULL << PROTO_UDP)

#define FIELD_USED(field) (config.uses_scalars & 1U << (field))

static __always_inline void plain_set(struct packet *packet, enum scalar_field field, __u32 value)
{
	if (FIELD_USED(field))
		packet_set(packet, field, value);
}

/* All ones if a and b are equal, else 0: as arithmetic, which the asm keeps a compiler from
 * turning into a branch. Both below 2^32. */
static __always_inline __u64 plain_equal(__u64 a, __u64 b)
{
	__s64 difference = (a ^ b) - 1;

	asm volatile("%0 s>>= 63" : "+r"(difference));
	return difference;
}

/* The header behind IP, `left` bytes of which belong to the packet; false: not plain. */
static __always_inline bool plain_upper(const void *upper, __u64 proto, __u32 left,
					struct packet *packet)
{
	if (proto <= PROTO_UDP && PLAIN_PORTS >> proto & 1) {
		__u64 tcp = plain_equal(proto, PROTO_TCP), ports = *(const __u32 *)upper;
		/* TCP: data offset and flags; UDP: length. */
		__u64 tcp_words = *(const __u16 *)(upper + 12);
		__u64 udp_length = bpf_ntohs(*(const __u16 *)(upper + 4));
		__u64 least = UDP_HEADER + (tcp & (TCP_HEADER - UDP_HEADER));
		__u64 length = udp_length ^ ((udp_length ^ (tcp_words >> 2 & 0x3c)) & tcp);

		if (length < least || length > left)
			return false;
		plain_set(packet, FIELD_SPORT, bpf_ntohs(ports & 0xffff));
		plain_set(packet, FIELD_DPORT, bpf_ntohs(ports >> 16));
		if (FIELD_USED(FIELD_TCP_FLAGS))
			packet->scalar[FIELD_TCP_FLAGS] = ((tcp_words >> 8) + 1) & tcp;
		return true;
	}
	if (proto == (packet->family == FAMILY_V4 ? PROTO_ICMP : PROTO_ICMPV6)) {
		if (left < (packet->family == FAMILY_V4 ? ICMP_HEADER : ICMPV6_HEADER))
			return false;
		plain_set(packet, FIELD_ICMP,
			  (__u32)packet->family << 16 | bpf_ntohs(*(const __u16 *)upper));
	}
	return true;
}

static __always_inline bool plain_ipv4(const void *ip, const void *end, __u32 left,
				       struct packet *packet)
{
	__u32 total;

	if (ip + IPV4_HEADER + PLAIN_UPPER > end)
		return false;
	total = bpf_ntohs(*(const __be16 *)(ip + 2));
	if (*(const __u8 *)ip != PLAIN_IPV4_VERSION_IHL || total < IPV4_HEADER || total > left ||
	    *(const __be16 *)(ip + 6) & bpf_htons(PLAIN_IPV4_FRAGMENT))
		return false;
	packet->family = FAMILY_V4;
	if (!plain_upper(ip + IPV4_HEADER, *(const __u8 *)(ip + 9), total - IPV4_HEADER, packet))
		return false;
	packet->ip = true;
	packet->address[ADDRESS_SRC][0] = bpf_ntohl(*(const __be32 *)(ip + 12));
	packet->address[ADDRESS_DST][0] = bpf_ntohl(*(const __be32 *)(ip + 16));
	plain_set(packet, FIELD_LENGTH, total);
	plain_set(packet, FIELD_TTL, *(const __u8 *)(ip + 8));
	plain_set(packet, FIELD_DSCP, *(const __u8 *)(ip + 1) >> 2);
	plain_set(packet, FIELD_PROTO, *(const __u8 *)(ip + 9));
	return true;
}

static __always_inline bool plain_ipv6(const void *ip, const void *end, __u32 left,
				       struct packet *packet)
{
	__u32 total, first;
	__u64 next;

	if (ip + IPV6_HEADER + PLAIN_UPPER > end)
		return false;
	first = bpf_ntohl(*(const __be32 *)ip);
	next = *(const __u8 *)(ip + 6);
	total = IPV6_HEADER + bpf_ntohs(*(const __be16 *)(ip + 4));
	if (first >> 28 != 6 || total > left || extension_known(next) || extension_unknown(next))
		return false;
	packet->family = FAMILY_V6;
	if (!plain_upper(ip + IPV6_HEADER, next, total - IPV6_HEADER, packet))
		return false;
	packet->ip = true;
	for (int half = 0; half < 2; half++) {
		packet->address[ADDRESS_SRC][half] =
			bpf_be64_to_cpu(*(const __be64 *)(ip + 8 + 8 * half));
		packet->address[ADDRESS_DST][half] =
			bpf_be64_to_cpu(*(const __be64 *)(ip + 24 + 8 * half));
	}
	plain_set(packet, FIELD_LENGTH, total);
	plain_set(packet, FIELD_TTL, *(const __u8 *)(ip + 7));
	plain_set(packet, FIELD_DSCP, first >> 22 & 0x3f);
	plain_set(packet, FIELD_PROTO, next);
	return true;
}

/* True if the frame is plain: then the packet is complete. Else all that is written to it will
 * be written again by parse(), or is not there. */
static __always_inline bool parse_plain(struct xdp_md *ctx, struct packet *packet)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	__u64 offset = ETHERNET_HEADER;
	__be16 type;
	bool plain;

	if (data + ETHERNET_HEADER + VLAN_HEADER > end)
		return false;
	type = *(const __be16 *)(data + 12);
	if (type == bpf_htons(ETHERTYPE_VLAN) || type == bpf_htons(ETHERTYPE_QINQ)) {
		__u32 vid = bpf_ntohs(*(const __be16 *)(data + 14)) & VLAN_VID_MASK;

		if (FIELD_USED(FIELD_VLAN) && vid)
			packet_set(packet, FIELD_VLAN, vid);
		type = *(const __be16 *)(data + 16);
		offset += VLAN_HEADER;
	}
	if (type == bpf_htons(ETHERTYPE_IPV4))
		plain = plain_ipv4(data + offset, end, packet->len - offset, packet);
	else if (type == bpf_htons(ETHERTYPE_IPV6))
		plain = plain_ipv6(data + offset, end, packet->len - offset, packet);
	else
		return false;
	if (!plain)
		return false;
	plain_set(packet, FIELD_ETHERTYPE, bpf_ntohs(type));
	plain_set(packet, FIELD_IP_OPTIONS, 0);
	if (FIELD_USED(FIELD_FRAGMENT) || config.fate_fragments != VERDICT_NONE)
		packet_set(packet, FIELD_FRAGMENT, FRAGMENT_NONE);
	if (config.uses_macs) {
		const __be16 *macs = data;

		packet->mac[MAC_DST] = mac_number(macs);
		packet->mac[MAC_SRC] = mac_number(macs + 3);
	}
	return true;
}
