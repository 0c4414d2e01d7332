/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frame.h: frames of one length for the harness, from what the rules look at.
 */
#pragma once

#include <stdint.h>

#include "abi.h"
#include "harness.h"

/* An address of either family: the first bit on the wire is the highest; IPv4 uses the top 32. */
typedef unsigned __int128 address;

#define ADDRESS_V4(addr) ((address)(uint32_t)(addr) << 96)

struct flow {
	enum family family;
	address src, dst;
	uint8_t proto; /* TCP and UDP have a header of theirs, others zeroes */
	uint16_t sport, dport;
	uint8_t tcp_flags;
};

/* Write the flow's frame, HARNESS_FRAME_BYTES; IPv4 packets are padded. */
void frame_write(uint8_t *frame, const struct flow *flow);
