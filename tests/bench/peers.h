/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * peers.h: what xdpgate is measured against: plain XDP programs, each the straightforward way
 * to do one thing. They do less than xdpgate (no VLAN, no options or extension headers, no
 * fragments), so a comparison favours them.
 */
#pragma once

#include <linux/types.h>

/* One rule of the linear scan; all in the byte order of the wire. IPv4 only. */
struct scan_rule {
	__be32 src, src_mask, dst, dst_mask;
	__u16 sport_first, sport_last, dport_first, dport_last; /* host byte order */
	__u8 proto, proto_mask, flags, flags_mask;
	__u8 has_ports, has_flags; /* only packets that carry them match */
	__u8 pass;                 /* verdict: XDP_PASS instead of XDP_DROP */
	__u8 pad;
};

#define SCAN_MAX_RULES 16384

#ifndef __bpf__
#include <stddef.h>
#include <stdint.h>

#include "list.h"

struct peer;

enum scan_way {
	SCAN_LOOP,   /* a bounded loop, which the verifier walks rule by rule */
	SCAN_HELPER, /* bpf_loop: a call for each rule, any number of them */
};

/* All return 0, or negative errno with the reason in *ret_refused (static storage; NULL if
 * the kernel gave none). */
int peer_drop(struct peer **ret);
int peer_lpm(const struct prefix_list *list, struct peer **ret, const char **ret_refused);
int peer_scan(const struct scan_rule *rules, uint32_t n, enum scan_way way, struct peer **ret,
	      const char **ret_refused);
struct peer *peer_free(struct peer *peer); /* NULL is fine; returns NULL */

int peer_fd(const struct peer *peer);
#endif
