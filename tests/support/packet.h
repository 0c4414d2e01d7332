/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet.h: frames for tests, built from the outside in:
 *
 *   packet_start(p);
 *   packet_vlan(p, 0x8100, 100);
 *   packet_ipv6(p, src, dst);
 *   packet_extension(p, 60, 16);
 *   packet_tcp(p, 1024, 443, TCP_SYN);
 *   packet_payload(p, 10);
 *   packet_end(p);         fills in the lengths
 *   packet_padding(p, 4);
 *
 * Each layer writes its type where the one before it says what follows. What is wrong on
 * purpose is patched afterwards: the offsets of all layers are in the struct.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 66000

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct packet {
	size_t len;
	size_t network;    /* offset of the IP header; 0: none */
	size_t fragment;   /* of the IPv6 fragment header; 0: none */
	size_t upper;      /* of the TCP, UDP, ICMP header; 0: none */
	size_t type;       /* where the next layer's type goes .. */
	size_t type_bytes; /* .. 2 for an ethertype, 1 for a protocol */
	uint8_t data[PACKET_MAX];
};

/* Ethernet header; its type is 0x88b5 (local experiments) until a layer follows. */
void packet_start(struct packet *p);
void packet_vlan(struct packet *p, uint16_t tpid, uint16_t tci);
void packet_ethertype(struct packet *p, uint16_t type);

/* Host byte order. TTL is 64. */
void packet_ipv4(struct packet *p, uint32_t src, uint32_t dst);
void packet_ipv4_options(struct packet *p, size_t bytes); /* a multiple of 4, at most 40 */
void packet_ipv6(struct packet *p, const uint8_t src[16], const uint8_t dst[16]);

/* IPv6: an extension header of so many bytes in all (a multiple of 8; AH: of 4), filled with
 * zeroes. */
void packet_extension(struct packet *p, uint8_t type, size_t bytes);
/* IPv4: sets offset and MF. IPv6: adds a fragment header. */
void packet_fragment(struct packet *p, size_t offset_bytes, int more);

void packet_proto(struct packet *p, uint8_t proto); /* and no header */
void packet_tcp(struct packet *p, uint16_t sport, uint16_t dport, uint8_t flags);
void packet_tcp_options(struct packet *p, size_t bytes); /* a multiple of 4, at most 40 */
void packet_udp(struct packet *p, uint16_t sport, uint16_t dport);
void packet_icmp(struct packet *p, uint8_t type, uint8_t code);   /* 8 bytes, protocol 1 */
void packet_icmpv6(struct packet *p, uint8_t type, uint8_t code); /* 4 bytes, protocol 58 */
void packet_payload(struct packet *p, size_t bytes);

/* Fills in IPv4 total length, IPv6 payload length, UDP length (as far as they fit 16 bits). */
void packet_end(struct packet *p);
void packet_padding(struct packet *p, size_t bytes);

void packet_set16(struct packet *p, size_t offset, uint16_t value);

/* IPv6 address from text; aborts on a bad one. */
void packet_address6(uint8_t address[16], const char *text);
uint32_t packet_address4(const char *text);
