/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stream.h: one kind of traffic, written as "key=value,key=value,…", and the frames made
 * from it. What a stream leaves open (a source out of a list of prefixes, a port out of a
 * range) is drawn anew for every frame from a seeded generator: the same seed, the same
 * frames.
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_FRAME 9216
#define STREAM_KEYS_HELP                                                                           \
	"  name=TEXT          how the report calls it (default: its number)\n"                     \
	"  count=N            frames to send; with --loop its weight (default 1)\n"                \
	"  src=P[+P…]|@FILE   sources: prefixes, or a list file of one prefix a line\n"          \
	"  dst=P[+P…]|@FILE   destinations; the first one's family is the stream's\n"            \
	"  proto=udp|tcp|icmp|NUMBER   (default udp; icmp is ICMPv6 for IPv6)\n"                   \
	"  sport=N[-N] dport=N[-N]     ports (default 1024-65535 and 9)\n"                         \
	"  flags=N            TCP flags byte (default 0x02, SYN)\n"                                \
	"  type=N code=N      ICMP (default an echo request)\n"                                    \
	"  size=N[-N]         bytes of the whole frame (default the least that is valid)\n"        \
	"  ttl=N dscp=N       (default 64, 0)\n"                                                   \
	"  fragment=first|later   (default whole packets)\n"                                       \
	"  vlan=N[.N]         one tag 0x8100, or 0x88a8 and 0x8100\n"                              \
	"  smac=MAC dmac=MAC  (default the interface's own, and --dmac)\n"                         \
	"  ethertype=N        a frame that is not IP, with zeroes behind the header\n"             \
	"  raw=HEX            this very frame\n"

struct prefix {
	int family; /* AF_INET or AF_INET6 */
	uint8_t addr[16];
	unsigned int len;
};

struct prefixes {
	struct prefix *items;
	size_t n, capacity;
};

struct span {
	uint32_t first, last;
};

struct stream {
	char name[64];
	uint64_t count;
	int family; /* AF_UNSPEC: not IP, or raw */
	struct prefixes src, dst;
	unsigned int proto;
	struct span sport, dport, size;
	unsigned int tcp_flags, icmp_type, icmp_code, ttl, dscp;
	bool icmp_type_set;
	enum { WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT } fragment;
	unsigned int n_vlans;
	uint16_t vlans[2];
	bool smac_set, dmac_set;
	uint8_t smac[6], dmac[6];
	unsigned int ethertype;
	uint8_t *raw;
	size_t raw_len;

	/* What was sent of it. */
	uint64_t packets, bytes;
};

/* Reads a stream's text. 0, or -1 with a message on stderr. */
int stream_parse(struct stream *stream, const char *text);

/* Writes the next frame of the stream, at most MAX_FRAME bytes; returns its length. */
size_t stream_frame(const struct stream *stream, uint64_t *random, uint8_t *frame);

void stream_free(struct stream *stream);

/* splitmix64: small, seedable, good enough to spread addresses. */
uint64_t random_next(uint64_t *state);

/* "aa:bb:cc:dd:ee:ff"; 0 or -1. */
int parse_mac(const char *text, uint8_t mac[6]);
