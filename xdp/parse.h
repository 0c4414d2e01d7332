/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parse.h: from bytes to fields, exactly as docs/semantics.md section 1 says. Each function
 * returns REASON_NONE or the reason for which the packet is malformed, and moves the cursor.
 */
#pragma once

#include "config.h"
#include "packet.h"

#define ETHERTYPE_MIN 0x600 /* below: an IEEE 802.3 length */
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_QINQ 0x88a8

#define ETHERNET_HEADER 14
#define VLAN_HEADER 4
#define VLAN_VID_MASK 0x0fff
#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define EXTENSION_HEADER 8 /* the least that an extension header can be */
#define TCP_HEADER 20
#define UDP_HEADER 8
#define ICMP_HEADER 8
#define ICMPV6_HEADER 4
#define MAX_PACKET 65535

#define IPV4_MF 0x2000
#define IPV4_OFFSET_MASK 0x1fff /* in units of 8 bytes */
#define IPV6_M 0x0001
#define IPV6_OFFSET_MASK 0xfff8 /* in bytes */

enum protocol {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DESTINATION = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
	PROTO_EXPERIMENT_1 = 253,
	PROTO_EXPERIMENT_2 = 254,
};

/* Where the parser is: the next byte to read, and the end of what may be read. */
struct cursor {
	__u32 offset;
	__u32 end;
	__u32 proto;           /* of the upper header */
	__u32 fragment_offset; /* bytes */
	__u32 upper;           /* bool: an upper header follows */
};

static __always_inline __u64 mac_number(const __be16 *words)
{
	return (__u64)bpf_ntohs(words[0]) << 32 | (__u64)bpf_ntohs(words[1]) << 16 |
	       bpf_ntohs(words[2]);
}

static __always_inline int parse_macs(struct xdp_md *ctx, struct packet *packet)
{
	struct {
		__be16 dst[3];
		__be16 src[3];
	} macs;

	if (packet_read(ctx, 0, &macs))
		return -1;
	packet->mac[MAC_DST] = mac_number(macs.dst);
	packet->mac[MAC_SRC] = mac_number(macs.src);
	return 0;
}

static __always_inline enum reason parse_ethernet(struct xdp_md *ctx, struct packet *packet,
						  struct cursor *cursor, __u32 *ethertype)
{
	__be16 type;

	if (packet->len < ETHERNET_HEADER)
		return REASON_ETHERNET_TRUNCATED;
	if (packet_read(ctx, ETHERNET_HEADER - sizeof(type), &type))
		return REASON_ETHERNET_TRUNCATED;
	if (config.uses_macs && parse_macs(ctx, packet))
		return REASON_ETHERNET_TRUNCATED;
	cursor->offset = ETHERNET_HEADER;

#pragma unroll
	for (int tag = 0; tag <= MAX_VLAN_TAGS; tag++) {
		struct {
			__be16 tci;
			__be16 type;
		} vlan;
		__u32 vid;

		if (type != bpf_htons(ETHERTYPE_VLAN) && type != bpf_htons(ETHERTYPE_QINQ))
			break;
		if (tag == MAX_VLAN_TAGS)
			return REASON_VLAN_TOO_DEEP;
		if (packet->len < cursor->offset + VLAN_HEADER ||
		    packet_read(ctx, cursor->offset, &vlan))
			return REASON_VLAN_TRUNCATED;
		vid = bpf_ntohs(vlan.tci) & VLAN_VID_MASK;
		if (tag == 0 && vid)
			packet_set(packet, FIELD_VLAN, vid);
		type = vlan.type;
		cursor->offset += VLAN_HEADER;
	}

	*ethertype = bpf_ntohs(type);
	if (*ethertype >= ETHERTYPE_MIN)
		packet_set(packet, FIELD_ETHERTYPE, *ethertype);
	return REASON_NONE;
}

/* What both families share about a later fragment, whose payload starts at the cursor. (A
 * first one cannot overrun: its packet's length fits 16 bits.) */
static __always_inline enum reason parse_later_fragment(const struct cursor *cursor)
{
	if (cursor->fragment_offset + (cursor->end - cursor->offset) > MAX_PACKET)
		return REASON_FRAGMENT_OVERRUN;
	if (cursor->fragment_offset == 8 && cursor->proto == PROTO_TCP)
		return REASON_FRAGMENT_OVERLAP;
	return REASON_NONE;
}

static __always_inline enum reason parse_ipv4(struct xdp_md *ctx, struct packet *packet,
					      struct cursor *cursor)
{
	struct {
		__u8 version_ihl;
		__u8 tos;
		__be16 total_length;
		__be16 id;
		__be16 fragment;
		__u8 ttl;
		__u8 proto;
		__be16 check;
		__be32 src;
		__be32 dst;
	} ip;
	__u32 left = packet->len - cursor->offset;
	__u32 header, total, fragment, kind;

	if (left < IPV4_HEADER || packet_read(ctx, cursor->offset, &ip))
		return REASON_IPV4_TRUNCATED;
	if (ip.version_ihl >> 4 != 4)
		return REASON_IPV4_VERSION;
	header = (ip.version_ihl & 0xf) * 4;
	if (header < IPV4_HEADER)
		return REASON_IPV4_HEADER_LENGTH;
	if (header > left)
		return REASON_IPV4_TRUNCATED;
	total = bpf_ntohs(ip.total_length);
	if (total < header || total > left)
		return REASON_IPV4_TOTAL_LENGTH;

	packet->ip = true;
	packet->family = FAMILY_V4;
	packet->address[ADDRESS_SRC][0] = bpf_ntohl(ip.src);
	packet->address[ADDRESS_DST][0] = bpf_ntohl(ip.dst);

	fragment = bpf_ntohs(ip.fragment);
	cursor->fragment_offset = (fragment & IPV4_OFFSET_MASK) * 8;
	if (cursor->fragment_offset)
		kind = FRAGMENT_LATER;
	else
		kind = fragment & IPV4_MF ? FRAGMENT_FIRST : FRAGMENT_NONE;

	packet_set(packet, FIELD_LENGTH, total);
	packet_set(packet, FIELD_TTL, ip.ttl);
	packet_set(packet, FIELD_DSCP, ip.tos >> 2);
	packet_set(packet, FIELD_PROTO, ip.proto);
	packet_set(packet, FIELD_IP_OPTIONS, header > IPV4_HEADER);
	packet_set(packet, FIELD_FRAGMENT, kind);
	cursor->proto = ip.proto;
	cursor->upper = kind != FRAGMENT_LATER;
	cursor->end = cursor->offset + total;
	cursor->offset += header;
	return kind == FRAGMENT_LATER ? parse_later_fragment(cursor) : REASON_NONE;
}

static __always_inline bool extension_known(__u32 proto)
{
	return proto == PROTO_HOP_BY_HOP || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT ||
	       proto == PROTO_AH || proto == PROTO_DESTINATION;
}

static __always_inline bool extension_unknown(__u32 proto)
{
	return proto == PROTO_MOBILITY || proto == PROTO_HIP || proto == PROTO_SHIM6 ||
	       proto == PROTO_EXPERIMENT_1 || proto == PROTO_EXPERIMENT_2;
}

/*
 * Walk the chain of extension headers; cursor->proto is the next-header value to look at.
 * Sets FIELD_PROTO, unless the protocol is in another fragment, and FIELD_FRAGMENT.
 *
 * Not static: such a function the verifier judges by itself, once, for any arguments; inlined,
 * each way through it would be walked again with each way through all that follows (980,000
 * instructions, when all was inlined). A call costs about 2 ns, and this
 * one is made only where there is a chain.
 */
__noinline int parse_ipv6_chain(struct xdp_md *ctx, struct packet *packet, struct cursor *cursor)
{
	__u32 kind = FRAGMENT_NONE;
	bool fragment_seen = false;

	if (!packet || !cursor)
		return REASON_IPV6_TRUNCATED;

		/* Unrolled: where the compiler closes a loop by falling through to its head instead of
	 * a jump, kernels before 6.8 refuse the program ("back-edge"). */
#pragma unroll
	for (int i = 0; i <= MAX_IPV6_EXTENSIONS; i++) {
		struct {
			__u8 next;
			__u8 length;
			__be16 fragment; /* in a fragment header */
			__be32 id;
		} extension;
		__u32 size, fragment;

		if (!extension_known(cursor->proto))
			break;
		if (i == MAX_IPV6_EXTENSIONS)
			return REASON_IPV6_EXTENSION_CHAIN;
		if (cursor->end - cursor->offset < EXTENSION_HEADER ||
		    packet_read(ctx, cursor->offset, &extension))
			return REASON_IPV6_EXTENSION_TRUNCATED;

		if (cursor->proto == PROTO_FRAGMENT)
			size = EXTENSION_HEADER;
		else if (cursor->proto == PROTO_AH)
			size = (extension.length + 2) * 4;
		else
			size = (extension.length + 1) * 8;
		if (size > cursor->end - cursor->offset)
			return REASON_IPV6_EXTENSION_TRUNCATED;
		cursor->offset += size;

		if (cursor->proto == PROTO_HOP_BY_HOP)
			packet_set(packet, FIELD_IP_OPTIONS, 1);
		if (cursor->proto != PROTO_FRAGMENT) {
			cursor->proto = extension.next;
			continue;
		}
		if (fragment_seen)
			return REASON_IPV6_FRAGMENT_REPEATED;
		fragment_seen = true;
		cursor->proto = extension.next;
		fragment = bpf_ntohs(extension.fragment);
		cursor->fragment_offset = fragment & IPV6_OFFSET_MASK;
		if (cursor->fragment_offset) {
			kind = FRAGMENT_LATER;
			break;
		}
		if (fragment & IPV6_M)
			kind = FRAGMENT_FIRST;
	}

	packet_set(packet, FIELD_FRAGMENT, kind);
	if (kind == FRAGMENT_LATER) {
		/* Ahead of another extension header: the protocol is in the first fragment. */
		if (!extension_known(cursor->proto) && !extension_unknown(cursor->proto))
			packet_set(packet, FIELD_PROTO, cursor->proto);
		cursor->upper = false;
		return parse_later_fragment(cursor);
	}
	packet_set(packet, FIELD_PROTO, cursor->proto);
	packet->unknown_extension = extension_unknown(cursor->proto);
	cursor->upper = !packet->unknown_extension;
	return REASON_NONE;
}

static __always_inline enum reason parse_ipv6(struct xdp_md *ctx, struct packet *packet,
					      struct cursor *cursor)
{
	struct {
		__be32 version_class_flow;
		__be16 payload_length;
		__u8 next;
		__u8 hop_limit;
		__be64 src[2];
		__be64 dst[2];
	} ip;
	__u32 left = packet->len - cursor->offset;
	__u32 version_class_flow, total;

	if (left < IPV6_HEADER || packet_read(ctx, cursor->offset, &ip))
		return REASON_IPV6_TRUNCATED;
	version_class_flow = bpf_ntohl(ip.version_class_flow);
	if (version_class_flow >> 28 != 6)
		return REASON_IPV6_VERSION;
	total = IPV6_HEADER + bpf_ntohs(ip.payload_length);
	if (total > left)
		return REASON_IPV6_PAYLOAD_LENGTH;

	packet->ip = true;
	packet->family = FAMILY_V6;
	for (int half = 0; half < 2; half++) {
		packet->address[ADDRESS_SRC][half] = bpf_be64_to_cpu(ip.src[half]);
		packet->address[ADDRESS_DST][half] = bpf_be64_to_cpu(ip.dst[half]);
	}
	packet_set(packet, FIELD_LENGTH, total);
	packet_set(packet, FIELD_TTL, ip.hop_limit);
	packet_set(packet, FIELD_DSCP, version_class_flow >> 22 & 0x3f);
	packet_set(packet, FIELD_IP_OPTIONS, 0);
	cursor->proto = ip.next;
	cursor->end = cursor->offset + total;
	cursor->offset += IPV6_HEADER;
	cursor->upper = true;
	if (extension_known(ip.next) || extension_unknown(ip.next)) {
		/* A copy, so that the cursor itself can stay in registers. */
		struct cursor chain = *cursor;
		enum reason reason = parse_ipv6_chain(ctx, packet, &chain);

		*cursor = chain;
		return reason;
	}
	packet_set(packet, FIELD_FRAGMENT, FRAGMENT_NONE);
	packet_set(packet, FIELD_PROTO, ip.next);
	return REASON_NONE;
}

static __always_inline enum reason parse_tcp(struct xdp_md *ctx, struct packet *packet,
					     const struct cursor *cursor)
{
	struct {
		__be16 sport;
		__be16 dport;
		__be32 seq;
		__be32 ack;
		__u8 data_offset;
		__u8 flags;
		__be16 window;
		__be32 check_urgent;
	} tcp;
	__u32 left = cursor->end - cursor->offset;
	__u32 header;

	if (left < TCP_HEADER || packet_read(ctx, cursor->offset, &tcp))
		return REASON_TCP_TRUNCATED;
	header = (tcp.data_offset >> 4) * 4;
	if (header < TCP_HEADER || header > left)
		return REASON_TCP_HEADER_LENGTH;
	packet_set(packet, FIELD_SPORT, bpf_ntohs(tcp.sport));
	packet_set(packet, FIELD_DPORT, bpf_ntohs(tcp.dport));
	packet_set(packet, FIELD_TCP_FLAGS, tcp.flags);
	return REASON_NONE;
}

static __always_inline enum reason parse_udp(struct xdp_md *ctx, struct packet *packet,
					     const struct cursor *cursor)
{
	struct {
		__be16 sport;
		__be16 dport;
		__be16 length;
		__be16 check;
	} udp;
	__u32 left = cursor->end - cursor->offset;
	__u32 length;

	if (left < UDP_HEADER || packet_read(ctx, cursor->offset, &udp))
		return REASON_UDP_TRUNCATED;
	length = bpf_ntohs(udp.length);
	if (length < UDP_HEADER ||
	    (length > left && !packet_is(packet, FIELD_FRAGMENT, FRAGMENT_FIRST)))
		return REASON_UDP_LENGTH;
	packet_set(packet, FIELD_SPORT, bpf_ntohs(udp.sport));
	packet_set(packet, FIELD_DPORT, bpf_ntohs(udp.dport));
	return REASON_NONE;
}

static __always_inline enum reason parse_icmp(struct xdp_md *ctx, struct packet *packet,
					      const struct cursor *cursor)
{
	__u32 least = packet->family == FAMILY_V6 ? ICMPV6_HEADER : ICMP_HEADER;
	struct {
		__u8 type;
		__u8 code;
	} __attribute__((aligned(2))) icmp;

	if (cursor->end - cursor->offset < least || packet_read(ctx, cursor->offset, &icmp))
		return REASON_ICMP_TRUNCATED;
	packet_set(packet, FIELD_ICMP,
		   (__u32)packet->family << 16 | (__u32)icmp.type << 8 | icmp.code);
	return REASON_NONE;
}

/* The header above IP. */
static __always_inline enum reason parse_upper(struct xdp_md *ctx, struct packet *packet,
					       const struct cursor *cursor)
{
	switch (cursor->proto) {
	case PROTO_TCP:
		return parse_tcp(ctx, packet, cursor);
	case PROTO_UDP:
		return parse_udp(ctx, packet, cursor);
	case PROTO_ICMP:
		return packet->family == FAMILY_V4 ? parse_icmp(ctx, packet, cursor) : REASON_NONE;
	case PROTO_ICMPV6:
		return packet->family == FAMILY_V6 ? parse_icmp(ctx, packet, cursor) : REASON_NONE;
	default:
		return REASON_NONE;
	}
}

/* The whole story of a packet whose length is known; what else is in it is 0, or as it will be.
 * Judged once by the verifier, like parse_ipv6_chain(). Returns an enum reason. */
__noinline int parse(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = {};
	enum reason reason;
	__u32 ethertype = 0;

	if (!packet)
		return REASON_ETHERNET_TRUNCATED;
	reason = parse_ethernet(ctx, packet, &cursor, &ethertype);
	if (reason != REASON_NONE)
		return reason;
	if (ethertype == ETHERTYPE_IPV4)
		reason = parse_ipv4(ctx, packet, &cursor);
	else if (ethertype == ETHERTYPE_IPV6)
		reason = parse_ipv6(ctx, packet, &cursor);
	else
		return REASON_NONE;
	if (reason != REASON_NONE || !cursor.upper)
		return reason;

	return parse_upper(ctx, packet, &cursor);
}
