// SPDX-License-Identifier: GPL-2.0-only
/*
 * frame.c: the bytes of one frame of a stream, checksums included.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include "stream.h"

uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint32_t draw(uint64_t *random, struct span span)
{
	return span.first + (uint32_t)(random_next(random) % (span.last - span.first + 1));
}

/* A random address in a random one of the prefixes. */
static void draw_address(uint64_t *random, const struct prefixes *prefixes, uint8_t *addr)
{
	const struct prefix *prefix = &prefixes->items[random_next(random) % prefixes->n];
	size_t bytes = prefix->family == AF_INET ? 4 : 16;
	uint64_t noise[2] = { random_next(random), random_next(random) };

	memcpy(addr, noise, bytes);
	for (size_t i = 0; i < bytes; i++) {
		unsigned int fixed = prefix->len > 8 * i ? prefix->len - 8 * (unsigned int)i : 0;
		uint8_t mask = fixed >= 8 ? 0xff : (uint8_t)(0xff00 >> fixed);

		addr[i] = (uint8_t)((prefix->addr[i] & mask) | (addr[i] & ~mask));
	}
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum(uint32_t acc, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		acc += (uint32_t)data[i] << 8 | data[i + 1];
	if (len % 2)
		acc += (uint32_t)data[len - 1] << 8;
	return acc;
}

static uint16_t fold(uint32_t acc)
{
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return (uint16_t)~acc;
}

static size_t upper_header_len(unsigned int proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

/* The header behind IP, len bytes to the end of the packet, all zero so far. pseudo is the
 * sum over the addresses. */
static void put_upper(const struct stream *stream, uint64_t *random, uint8_t *at, size_t len,
		      uint32_t pseudo)
{
	size_t checksum;

	switch (stream->proto) {
	case IPPROTO_TCP:
		put16(at, draw(random, stream->sport));
		put16(at + 2, draw(random, stream->dport));
		at[12] = 5 << 4;
		at[13] = (uint8_t)stream->tcp_flags;
		put16(at + 14, 0xffff);
		checksum = 16;
		break;
	case IPPROTO_UDP:
		put16(at, draw(random, stream->sport));
		put16(at + 2, draw(random, stream->dport));
		put16(at + 4, (unsigned int)len);
		checksum = 6;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		at[0] = (uint8_t)stream->icmp_type;
		at[1] = (uint8_t)stream->icmp_code;
		put16(at + 4, (uint32_t)random_next(random) & 0xffff);
		checksum = 2;
		if (stream->proto == IPPROTO_ICMP)
			pseudo = 0;
		else
			pseudo += stream->proto + (uint32_t)len;
		put16(at + checksum, fold(sum(pseudo, at, len)));
		return;
	default:
		return;
	}
	put16(at + checksum, fold(sum(pseudo + stream->proto + (uint32_t)len, at, len)));
}

/* An IPv4 packet of len bytes at `at`. */
static void put_ipv4(const struct stream *stream, uint64_t *random, uint8_t *at, size_t len)
{
	at[0] = 0x45;
	at[1] = (uint8_t)(stream->dscp << 2);
	put16(at + 2, (unsigned int)len);
	put16(at + 4, (uint32_t)random_next(random) & 0xffff);
	put16(at + 6, stream->fragment == FIRST_FRAGMENT   ? 0x2000
		      : stream->fragment == LATER_FRAGMENT ? 100
							   : 0x4000);
	at[8] = (uint8_t)stream->ttl;
	at[9] = (uint8_t)stream->proto;
	draw_address(random, &stream->src, at + 12);
	draw_address(random, &stream->dst, at + 16);
	put16(at + 10, fold(sum(0, at, 20)));
	if (stream->fragment != LATER_FRAGMENT)
		put_upper(stream, random, at + 20, len - 20, sum(0, at + 12, 8));
}

/* An IPv6 packet of len bytes at `at`. */
static void put_ipv6(const struct stream *stream, uint64_t *random, uint8_t *at, size_t len)
{
	uint8_t *upper = at + 40;

	at[0] = (uint8_t)(0x60 | stream->dscp >> 2);
	at[1] = (uint8_t)(stream->dscp << 6);
	put16(at + 4, (unsigned int)len - 40);
	at[6] = (uint8_t)stream->proto;
	at[7] = (uint8_t)stream->ttl;
	draw_address(random, &stream->src, at + 8);
	draw_address(random, &stream->dst, at + 24);
	if (stream->fragment != WHOLE) {
		at[6] = IPPROTO_FRAGMENT;
		upper[0] = (uint8_t)stream->proto;
		put16(upper + 2, stream->fragment == FIRST_FRAGMENT ? 1 : 100 << 3);
		put16(upper + 6, (uint32_t)random_next(random) & 0xffff);
		upper += 8;
	}
	if (stream->fragment != LATER_FRAGMENT)
		put_upper(stream, random, upper, len - (size_t)(upper - at), sum(0, at + 8, 32));
}

/* Bytes of the least valid IP packet of the stream. A fragment that is not the last holds a
 * multiple of 8 bytes, so its payload is rounded up to that. */
static size_t least_packet(const struct stream *stream)
{
	size_t header = stream->family == AF_INET ? 20 : 40;
	size_t upper = upper_header_len(stream->proto);

	if (stream->fragment == WHOLE)
		return header + upper;
	if (stream->family == AF_INET6)
		header += 8;
	return header + (stream->fragment == LATER_FRAGMENT ? 8 : (upper + 7) / 8 * 8);
}

size_t stream_frame(const struct stream *stream, uint64_t *random, uint8_t *frame)
{
	size_t at = 2 * ETH_ALEN, size = draw(random, stream->size), least;
	unsigned int ethertype = stream->family == AF_INET    ? ETH_P_IP
				 : stream->family == AF_INET6 ? ETH_P_IPV6
							      : stream->ethertype;

	if (stream->raw) {
		memcpy(frame, stream->raw, stream->raw_len);
		return stream->raw_len;
	}
	memcpy(frame, stream->dmac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, stream->smac, ETH_ALEN);
	for (unsigned int i = 0; i < stream->n_vlans; i++, at += 4) {
		put16(frame + at, i == 0 && stream->n_vlans == 2 ? ETH_P_8021AD : ETH_P_8021Q);
		put16(frame + at + 2, stream->vlans[i]);
	}
	put16(frame + at, ethertype);
	at += 2;

	least = stream->family == AF_UNSPEC ? 46 : least_packet(stream);
	if (size < at + least)
		size = at + least;
	memset(frame + at, 0, size - at);
	if (stream->family == AF_INET)
		put_ipv4(stream, random, frame + at, size - at);
	else if (stream->family == AF_INET6)
		put_ipv6(stream, random, frame + at, size - at);
	return size;
}
