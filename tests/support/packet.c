/* SPDX-License-Identifier: GPL-2.0-only */
/* packet.c: frames for tests, see packet.h. */
#include "packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *append(struct packet *p, size_t bytes)
{
	uint8_t *at = p->data + p->len;

	if (bytes > PACKET_MAX - p->len) {
		fprintf(stderr, "test packet longer than %d bytes\n", PACKET_MAX);
		abort();
	}
	memset(at, 0, bytes);
	p->len += bytes;
	return at;
}

void packet_set16(struct packet *p, size_t offset, uint16_t value)
{
	p->data[offset] = (uint8_t)(value >> 8);
	p->data[offset + 1] = (uint8_t)value;
}

static void set32(struct packet *p, size_t offset, uint32_t value)
{
	packet_set16(p, offset, (uint16_t)(value >> 16));
	packet_set16(p, offset + 2, (uint16_t)value);
}

static void set_type(struct packet *p, uint16_t type)
{
	if (p->type_bytes == 2)
		packet_set16(p, p->type, type);
	else
		p->data[p->type] = (uint8_t)type;
}

void packet_start(struct packet *p)
{
	static const uint8_t addresses[] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2 };

	p->len = p->network = p->fragment = p->upper = 0;
	memcpy(append(p, 14), addresses, sizeof(addresses));
	p->type = 12;
	p->type_bytes = 2;
	set_type(p, 0x88b5);
}

void packet_vlan(struct packet *p, uint16_t tpid, uint16_t tci)
{
	uint8_t inner[2] = { p->data[p->type], p->data[p->type + 1] };
	size_t at = p->len;

	append(p, 4);
	set_type(p, tpid);
	packet_set16(p, at, tci);
	p->type = at + 2;
	memcpy(p->data + p->type, inner, 2);
}

void packet_ethertype(struct packet *p, uint16_t type)
{
	set_type(p, type);
}

void packet_ipv4(struct packet *p, uint32_t src, uint32_t dst)
{
	uint8_t *header;

	p->network = p->len;
	header = append(p, 20);
	set_type(p, 0x0800);
	header[0] = 0x45;
	header[8] = 64;
	header[9] = 59; /* until a layer follows */
	set32(p, p->network + 12, src);
	set32(p, p->network + 16, dst);
	p->type = p->network + 9;
	p->type_bytes = 1;
}

void packet_ipv4_options(struct packet *p, size_t bytes)
{
	memset(append(p, bytes), 1, bytes); /* no-operation, RFC 791 */
	p->data[p->network] = (uint8_t)(0x40 | (20 + bytes) / 4);
}

void packet_ipv6(struct packet *p, const uint8_t src[16], const uint8_t dst[16])
{
	uint8_t *header;

	p->network = p->len;
	header = append(p, 40);
	set_type(p, 0x86dd);
	header[0] = 0x60;
	header[6] = 59; /* no next header, until a layer follows */
	header[7] = 64;
	memcpy(header + 8, src, 16);
	memcpy(header + 24, dst, 16);
	p->type = p->network + 6;
	p->type_bytes = 1;
}

void packet_extension(struct packet *p, uint8_t type, size_t bytes)
{
	uint8_t *header = append(p, bytes);

	set_type(p, type);
	p->type = (size_t)(header - p->data);
	header[0] = 59;
	header[1] = (uint8_t)(type == 51 ? bytes / 4 - 2 : bytes / 8 - 1);
}

void packet_fragment(struct packet *p, size_t offset_bytes, int more)
{
	if (p->data[p->network] >> 4 == 4) {
		packet_set16(p, p->network + 6, (uint16_t)(offset_bytes / 8 | (more ? 0x2000 : 0)));
		return;
	}
	p->fragment = p->len;
	packet_extension(p, 44, 8);
	p->data[p->fragment + 1] = 0; /* reserved */
	packet_set16(p, p->fragment + 2, (uint16_t)(offset_bytes | (more ? 1 : 0)));
	set32(p, p->fragment + 4, 0x12345678);
}

void packet_proto(struct packet *p, uint8_t proto)
{
	set_type(p, proto);
	p->upper = p->len;
}

static uint8_t *append_upper(struct packet *p, uint8_t proto, size_t bytes)
{
	packet_proto(p, proto);
	return append(p, bytes);
}

void packet_tcp(struct packet *p, uint16_t sport, uint16_t dport, uint8_t flags)
{
	uint8_t *header = append_upper(p, 6, 20);

	packet_set16(p, p->upper, sport);
	packet_set16(p, p->upper + 2, dport);
	header[12] = 0x50;
	header[13] = flags;
}

void packet_tcp_options(struct packet *p, size_t bytes)
{
	memset(append(p, bytes), 1, bytes);
	p->data[p->upper + 12] = (uint8_t)((20 + bytes) / 4 << 4);
}

void packet_udp(struct packet *p, uint16_t sport, uint16_t dport)
{
	append_upper(p, 17, 8);
	packet_set16(p, p->upper, sport);
	packet_set16(p, p->upper + 2, dport);
}

void packet_icmp(struct packet *p, uint8_t type, uint8_t code)
{
	uint8_t *header = append_upper(p, 1, 8);

	header[0] = type;
	header[1] = code;
}

void packet_icmpv6(struct packet *p, uint8_t type, uint8_t code)
{
	uint8_t *header = append_upper(p, 58, 4);

	header[0] = type;
	header[1] = code;
}

void packet_payload(struct packet *p, size_t bytes)
{
	uint8_t *payload = append(p, bytes);

	for (size_t i = 0; i < bytes; i++)
		payload[i] = (uint8_t)(i * 7 + 1);
}

void packet_end(struct packet *p)
{
	if (p->network && p->data[p->network] >> 4 == 4)
		packet_set16(p, p->network + 2, (uint16_t)(p->len - p->network));
	else if (p->network)
		packet_set16(p, p->network + 4, (uint16_t)(p->len - p->network - 40));
	if (p->upper && p->data[p->type] == 17 && p->len - p->upper >= 8)
		packet_set16(p, p->upper + 4, (uint16_t)(p->len - p->upper));
}

void packet_padding(struct packet *p, size_t bytes)
{
	memset(append(p, bytes), 0xee, bytes);
}

void packet_address6(uint8_t address[16], const char *text)
{
	if (inet_pton(AF_INET6, text, address) != 1) {
		fprintf(stderr, "bad IPv6 address in a test: %s\n", text);
		abort();
	}
}

uint32_t packet_address4(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1) {
		fprintf(stderr, "bad IPv4 address in a test: %s\n", text);
		abort();
	}
	return ntohl(address.s_addr);
}
