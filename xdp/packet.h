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
	__u64 mac[N_MAC_FIELDS]; /* in host byte order; only if some rule looks at one */
	/* In host byte order: the upper and the lower half; an IPv4 address is all upper. */
	__u64 address[N_ADDRESS_FIELDS][2];
};

static __always_inline void packet_set(struct packet *packet, enum scalar_field field, __u32 value)
{
	packet->scalar[field] = value + 1;
}

static __always_inline bool packet_is(const struct packet *packet, enum scalar_field field,
				      __u32 value)
{
	return packet->scalar[field] == value + 1;
}

/*
 * Copy the header *to, of its type's size, from offset, which the caller has checked against
 * packet->len. 0, or an error that the caller reports as a truncated header.
 *
 * Some drivers leave headers outside the linear area: then the helper fetches them. Where the
 * bytes are linear they are copied by the widest words that the type's alignment allows, so
 * header types are declared with words (HEADER): copied byte by byte, each field read back
 * would wait for its bytes to leave the store buffer. XDP has no aligned packets, and needs
 * none: the verifier lets packet access be unaligned wherever the CPU does it well.
 *
 * The pointers are read afresh each time (volatile), so that no packet pointer stays alive:
 * the verifier's states then merge behind each read instead of doubling.
 */
#define packet_read(ctx, offset, to)                                                               \
	({                                                                                         \
		const volatile struct xdp_md *_fresh = (ctx);                                      \
		void *_data = (void *)(long)_fresh->data;                                          \
		void *_data_end = (void *)(long)_fresh->data_end;                                  \
		__u32 _offset = (offset)&0x7fff; /* headers end far below */                       \
		int _r = 0;                                                                        \
		if (_data + _offset + sizeof(*(to)) <= _data_end)                                  \
			*(to) = *(const __typeof__(*(to)) *)(_data + _offset);                     \
		else                                                                               \
			_r = bpf_xdp_load_bytes(ctx, _offset, to, sizeof(*(to)));                  \
		_r;                                                                                \
	})
