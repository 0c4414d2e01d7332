/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oracle_internal.h: what the oracle's reader of frames, oracle_frame.c, tells its judge, oracle.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

struct fact {
	bool present;
	uint32_t value;
};

/* All that the rules can ask of a packet. */
struct facts {
	bool ip; /* false: non-IP, and the addresses mean nothing */
	enum family family;
	uint8_t address[N_ADDRESS_FIELDS][16]; /* as on the wire; IPv4: the first 4 bytes */
	uint8_t mac[N_MAC_FIELDS][MAC_BYTES];  /* likewise */
	struct fact scalar[N_SCALAR_FIELDS];
	bool unknown_extension;
};

/* Read a frame of len bytes into facts, which are empty. REASON_NONE, or why it is malformed: then
 * the facts tell no more than was read before. */
enum reason oracle_read_frame(const uint8_t *frame, size_t len, struct facts *facts);
/* The VID of the outermost tag, 0 if there is no whole tag. */
unsigned int oracle_outermost_vid(const uint8_t *frame, size_t len);
