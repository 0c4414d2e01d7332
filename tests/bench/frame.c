/* SPDX-License-Identifier: GPL-2.0-only */
/* frame.c: frames from flows, see frame.h. */
#include "frame.h"

#include <netinet/in.h>
#include <string.h>

#define FRAME_MAC_BYTES 12
#define TCP_HEADER 20

static const uint8_t macs[FRAME_MAC_BYTES] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_address(uint8_t *at, address value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (120 - 8 * i));
}

/* A sum over the header with its checksum field 0; nftables' and the kernel's receive path
 * look at it. */
static void ipv4_checksum(uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(header + 10, ~sum & 0xffff);
}

static void write_upper(uint8_t *upper, const struct flow *flow)
{
	if (flow->proto != IPPROTO_TCP && flow->proto != IPPROTO_UDP)
		return;
	put16(upper, flow->sport);
	put16(upper + 2, flow->dport);
	if (flow->proto == IPPROTO_UDP) {
		put16(upper + 4, TCP_HEADER);
	} else {
		upper[12] = 5 << 4;
		upper[13] = flow->tcp_flags;
	}
}

void frame_write(uint8_t *frame, const struct flow *flow)
{
	uint8_t *ip = frame + FRAME_MAC_BYTES + 2;

	memset(frame, 0, HARNESS_FRAME_BYTES);
	memcpy(frame, macs, FRAME_MAC_BYTES);
	if (flow->family == FAMILY_V4) {
		put16(frame + FRAME_MAC_BYTES, 0x0800);
		ip[0] = 0x45;
		put16(ip + 2, 20 + TCP_HEADER);
		ip[8] = 64;
		ip[9] = flow->proto;
		put_address(ip + 12, flow->src, 4);
		put_address(ip + 16, flow->dst, 4);
		ipv4_checksum(ip);
		write_upper(ip + 20, flow);
	} else {
		put16(frame + FRAME_MAC_BYTES, 0x86dd);
		ip[0] = 0x60;
		put16(ip + 4, TCP_HEADER);
		ip[6] = flow->proto;
		ip[7] = 64;
		put_address(ip + 8, flow->src, 16);
		put_address(ip + 24, flow->dst, 16);
		write_upper(ip + 40, flow);
	}
}
