/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filters.h: ClassBench's filter sets and header traces as policies and packets. A line of a set
 * is "@src dst sport-lo : hi dport-lo : hi proto/mask flags/mask", the first that matches wins;
 * the upper byte of the flags is TCP's, or, for ICMP, the type. A line of a trace is "src dst
 * sport dport proto flags rule", in decimal.
 */
#pragma once

#include <stddef.h>

#include "packet.h"
#include "policy.h"

enum filter_mode {
	FILTERS_DECIDE, /* rules drop and pass by turns: the first match decides */
	FILTERS_COUNT,  /* no rule decides: all matches of a packet are known */
};

/* Adds the lines as rules of the ruleset. 0, or negative errno with the line on stderr. */
int filters_read(const char *path, struct policy *policy, uint32_t ruleset, enum filter_mode mode);

struct header {
	uint32_t address[N_ADDRESS_FIELDS];
	uint16_t sport, dport;
	uint8_t proto;
	uint16_t flags; /* as in a set: TCP's flags, or the ICMP type, above */
	size_t rule;    /* that the header was made for: it matches this one, if no other before */
};

/* Caller frees *ret. */
int trace_read(const char *path, struct header **ret, size_t *ret_n);

/* A frame with this header. */
void header_packet(const struct header *header, struct packet *packet);
