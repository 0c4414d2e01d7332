/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet.h: the packet as the stages hand it on, and the one way to read its bytes.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi.h"

struct packet {
	__u32 len; /* bytes of the whole frame, fragments of a multi-buffer one included */
	/* Value + 1 of each field, 0 if the packet lacks it: the index into the field's table.
	 * No second word says what is present, because every branch on it would double the
	 * verifier's work. */
	__u32 scalar[N_SCALAR_FIELDS];
	__u8 ip;                /* bool: it is IPv4 or IPv6, so it carries addresses */
	__u8 unknown_extension; /* bool: the IPv6 chain ends in a header that is not parsed */
	__u8 family;            /* enum family, if ip */
	__u8 pad;
	/* Addresses in network byte order; IPv4 uses the first four bytes. Filled as keys so
	 * that the lookups need no copy. */
	union {
		struct lpm_key_v4 v4;
		struct lpm_key_v6 v6;
	} address[N_ADDRESS_FIELDS];
};

static __always_inline void packet_set(struct packet *packet, enum scalar_field field,
				       __u32 value)
{
	packet->scalar[field] = value + 1;
}

static __always_inline bool packet_is(const struct packet *packet, enum scalar_field field,
				      __u32 value)
{
	return packet->scalar[field] == value + 1;
}

/*
 * Copy size bytes (a constant) at offset, which the caller has checked against packet->len.
 * Some drivers leave headers outside the linear area: then the helper fetches them. The
 * pointers are read afresh each time (volatile) so that no packet pointer stays alive: the
 * verifier's states then merge behind each read instead of doubling.
 */
static __always_inline int packet_read(struct xdp_md *ctx, __u32 offset, void *to, __u32 size)
{
	const volatile struct xdp_md *fresh = ctx;
	void *data = (void *)(long)fresh->data;
	void *data_end = (void *)(long)fresh->data_end;

	offset &= 0x7fff; /* a bound for the verifier: headers end far below */
	if (data + offset + size <= data_end) {
		__builtin_memcpy(to, data + offset, size);
		return 0;
	}
	return bpf_xdp_load_bytes(ctx, offset, to, size);
}
