/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_frame.c: from what a test says of a packet to its bytes. Each function writes one header
 * and returns where the next one begins.
 */
#include <string.h>

#include "policy_tests.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERNET_MIN = 60, /* without the frame check sequence */
};

enum { HOP_BY_HOP = 0, ICMP = 1, TCP = 6, UDP = 17, FRAGMENT = 44, ICMPV6 = 58 };

static uint8_t *put8(uint8_t *at, uint32_t value)
{
	*at = (uint8_t)value;
	return at + 1;
}

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	return put8(put8(at, value >> 8), value);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

static bool has_options(const struct test_packet *packet)
{
	return packet->scalar[FIELD_IP_OPTIONS] == 1;
}

static uint32_t fragment_of(const struct test_packet *packet)
{
	return packet->scalar[FIELD_FRAGMENT];
}

/* Bytes between the IP header and the upper one, in IPv6; of options, in IPv4. */
static uint32_t extensions_length(const struct test_packet *packet)
{
	if (packet->family == FAMILY_V4)
		return has_options(packet) ? 4 : 0;
	return (has_options(packet) ? 8 : 0) + (fragment_of(packet) != FRAGMENT_NONE ? 8 : 0);
}

static uint32_t upper_length(const struct test_packet *packet)
{
	uint32_t proto = packet->scalar[FIELD_PROTO];

	if (fragment_of(packet) == FRAGMENT_LATER)
		return 0;
	if (proto == TCP)
		return 20;
	if (proto == UDP || proto == (packet->family == FAMILY_V4 ? ICMP : ICMPV6))
		return 8;
	return 0;
}

uint32_t test_headers_length(const struct test_packet *packet)
{
	return (packet->family == FAMILY_V4 ? 20 : 40) + extensions_length(packet) +
	       upper_length(packet);
}

static uint8_t *put_ethernet(uint8_t *at, const struct test_packet *packet)
{
	at = put(at, packet->mac[MAC_DST], MAC_BYTES);
	at = put(at, packet->mac[MAC_SRC], MAC_BYTES);
	if (packet->scalar[FIELD_VLAN] != TEST_ABSENT)
		at = put16(put16(at, ETHERTYPE_VLAN), packet->scalar[FIELD_VLAN]);
	if (packet->ip)
		return put16(at, packet->family == FAMILY_V4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	return put16(at, packet->scalar[FIELD_ETHERTYPE]);
}

/* RFC 791. */
static uint8_t *put_ipv4(uint8_t *at, const struct test_packet *packet)
{
	static const uint8_t no_operation[] = { 1, 1, 1, 1 };
	uint32_t fragment = 0;

	if (fragment_of(packet) == FRAGMENT_FIRST)
		fragment = 0x2000; /* more fragments */
	else if (fragment_of(packet) == FRAGMENT_LATER)
		fragment = TEST_FRAGMENT_OFFSET / 8;
	at = put8(at, has_options(packet) ? 0x46 : 0x45);
	at = put8(at, packet->scalar[FIELD_DSCP] << 2);
	at = put16(at, packet->scalar[FIELD_LENGTH]);
	at = put16(put16(at, 1), fragment);
	at = put8(put8(at, packet->scalar[FIELD_TTL]), packet->scalar[FIELD_PROTO]);
	at = put16(at, 0);
	at = put(at, packet->address[ADDRESS_SRC], 4);
	at = put(at, packet->address[ADDRESS_DST], 4);
	return has_options(packet) ? put(at, no_operation, sizeof(no_operation)) : at;
}

/* RFC 8200: the header, then hop-by-hop options and a fragment header where they are wanted. */
static uint8_t *put_ipv6(uint8_t *at, const struct test_packet *packet)
{
	static const uint8_t padding[] = { 1, 4, 0, 0, 0, 0 };
	uint32_t proto = packet->scalar[FIELD_PROTO];
	bool is_fragment = fragment_of(packet) != FRAGMENT_NONE;
	uint32_t behind_options = is_fragment ? FRAGMENT : proto;

	at = put16(at, 0x6000 | packet->scalar[FIELD_DSCP] << 6);
	at = put16(at, 0);
	at = put16(at, packet->scalar[FIELD_LENGTH] - 40);
	at = put8(at, has_options(packet) ? HOP_BY_HOP : behind_options);
	at = put8(at, packet->scalar[FIELD_TTL]);
	at = put(at, packet->address[ADDRESS_SRC], 16);
	at = put(at, packet->address[ADDRESS_DST], 16);
	if (has_options(packet))
		at = put(put8(put8(at, behind_options), 0), padding, sizeof(padding));
	if (!is_fragment)
		return at;
	at = put8(put8(at, proto), 0);
	at = put16(at, fragment_of(packet) == FRAGMENT_FIRST ? 1 : TEST_FRAGMENT_OFFSET);
	return put16(put16(at, 0), 1);
}

/* RFC 9293, RFC 768, RFC 792, RFC 4443. */
static void put_upper(uint8_t *at, const struct test_packet *packet)
{
	uint32_t proto = packet->scalar[FIELD_PROTO];

	if (!upper_length(packet))
		return;
	if (proto != TCP && proto != UDP) {
		put16(at, packet->scalar[FIELD_ICMP] & 0xffff);
		return;
	}
	at = put16(put16(at, packet->scalar[FIELD_SPORT]), packet->scalar[FIELD_DPORT]);
	if (proto == UDP) {
		put16(at, packet->scalar[FIELD_LENGTH] - test_headers_length(packet) + 8);
		return;
	}
	at += 8; /* numbers of sequence and acknowledgement */
	put16(put8(put8(at, 0x50), packet->scalar[FIELD_TCP_FLAGS]), 0xffff);
}

size_t test_frame(const struct test_packet *packet, uint8_t *frame)
{
	uint8_t *at;
	size_t len = 14 + 4 + (packet->ip ? packet->scalar[FIELD_LENGTH] : 0);

	memset(frame, 0, len > ETHERNET_MIN ? len : ETHERNET_MIN);
	at = put_ethernet(frame, packet);
	len = (size_t)(at - frame);
	if (packet->ip) {
		len += packet->scalar[FIELD_LENGTH];
		at = packet->family == FAMILY_V4 ? put_ipv4(at, packet) : put_ipv6(at, packet);
		put_upper(at, packet);
	}
	return len > ETHERNET_MIN ? len : ETHERNET_MIN;
}
