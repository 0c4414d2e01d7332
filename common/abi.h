/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.h: the only definition of everything that crosses the line between user space and the
 * XDP programs: map values, frozen program settings (rodata), field domains, limits.
 *
 * Included by BPF code and by user space alike, so it knows nothing but <linux/types.h>.
 * Every struct has fixed-width members and explicit padding; sizes are asserted. Anything
 * here that changes meaning or layout raises XDPGATE_ABI_VERSION: a daemon adopts pinned
 * state only of its own version.
 */
#pragma once

#include <linux/types.h>

#include "verdict.h"

#define XDPGATE_ABI_VERSION 1

/* --- fields ------------------------------------------------------------------------------
 * A scalar field maps a small integer to a row of rule bits by one direct array, whose element
 * 0 is for packets that lack the field and element 1 + value for those that have it.
 * X(identifier, name in the policy language, number of values)
 *   proto      protocol number; IPv6: the last next-header value that could be read
 *   icmp       family (0: ICMP, 1: ICMPv6) << 16 | type << 8 | code
 *   length     bytes of the whole IP packet; an IPv6 packet may have 40 + 65535
 *   vlan       VLAN identifier of the outermost tag; 0 (a priority tag) counts as absent
 *   fragment   enum fragment_kind; every IP packet has one
 *   ethertype  behind at most two VLAN tags; absent in 802.3 frames (values below 0x600)
 */
#define SCALAR_FIELDS(X)                           \
	X(FIELD_PROTO, "proto", 256)               \
	X(FIELD_SPORT, "sport", 65536)             \
	X(FIELD_DPORT, "dport", 65536)             \
	X(FIELD_TCP_FLAGS, "tcp-flags", 256)       \
	X(FIELD_ICMP, "icmp", 131072)              \
	X(FIELD_LENGTH, "length", 65576)           \
	X(FIELD_TTL, "ttl", 256)                   \
	X(FIELD_DSCP, "dscp", 64)                  \
	X(FIELD_VLAN, "vlan", 4096)                \
	X(FIELD_FRAGMENT, "fragment", 3)           \
	X(FIELD_ETHERTYPE, "ethertype", 65536)

enum scalar_field {
#define X(id, name, domain) id,
	SCALAR_FIELDS(X)
#undef X
	N_SCALAR_FIELDS
};

enum fragment_kind {
	FRAGMENT_NONE, /* a whole packet, IPv6 atomic fragments (RFC 6946) included */
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

enum address_field { ADDRESS_SRC, ADDRESS_DST, N_ADDRESS_FIELDS };
enum family { FAMILY_V4, FAMILY_V6, N_FAMILIES };

/* --- limits ------------------------------------------------------------------------------ */

#define ROW_WORD_BITS 64
#define MAX_ROW_WORDS 64 /* rules of all policies, each policy rounded up to a word */
#define MAX_RULES (MAX_ROW_WORDS * ROW_WORD_BITS)
#define MAX_SCALAR_ROWS 65536 /* a scalar table holds 16-bit row numbers */
#define MAX_IPV6_EXTENSIONS 8 /* RFC 8504 section 5.3: a node may limit the chain to 8 */
#define MAX_VLAN_TAGS 2

/* --- counters ----------------------------------------------------------------------------
 * A counter is a slot: page slot / COUNTERS_PER_PAGE of an ARRAY_OF_MAPS of PERCPU_ARRAYs.
 * Each interface owns a block of INTERFACE_BLOCK slots, aligned to its size: verdicts first,
 * then reasons. Each (policy, rule, interface) owns one slot. Only programs write them.
 */
#define COUNTERS_PER_PAGE 1024 /* 16 KiB a CPU; a per-CPU value set may be 32 KiB at most */
#define MAX_COUNTER_PAGES 64
#define INTERFACE_BLOCK 64
#define INTERFACE_BLOCK_REASONS 8 /* offset of the first reason in a block */

struct counter {
	__u64 packets;
	__u64 bytes; /* whole frames as XDP sees them: Ethernet header included, FCS not */
};

/* --- tables ------------------------------------------------------------------------------ */

/* Keys of BPF_MAP_TYPE_LPM_TRIE; the value is a __u32 row number. */
struct lpm_key_v4 {
	__u32 prefix_len;
	__u8 addr[4];
};

struct lpm_key_v6 {
	__u32 prefix_len;
	__u8 addr[16];
};

/* What the rule at one bit position does once it matched. */
struct rule_action {
	__u8 verdict;   /* enum verdict, or VERDICT_NONE: the rule counts and matching goes on */
	__u8 pad;
	__u16 redirect; /* key of the device map; used with VERDICT_REDIRECT */
};

/* Bits of ruleset_config.uses_address: a rule of the policy looks at the address; its prefixes
 * include some of the family. */
#define USES_ADDRESS(field) (1U << (field))
#define USES_PREFIXES(field, family) (1U << (8 + (field) * N_FAMILIES + (family)))

/*
 * Settings of one ruleset program: one interface of one generation. Frozen before the load,
 * so the verifier removes every branch that the policy does not use.
 */
struct ruleset_config {
	__u32 generation;
	__u32 interface_block; /* first counter slot of the interface's block */
	__u32 interface_slots; /* index of the interface's first element in the slots table */
	__u32 first_word;      /* the policy's rules are the words first_word .. */
	__u32 n_words;         /* .. first_word + n_words - 1 of each row; 0: no rules */
	__u32 row_words;       /* words in a row, of all policies */
	__u32 n_row_words;     /* words in the rows table: number of rows * row_words */
	__u32 n_actions;       /* elements in the actions table, row_words * ROW_WORD_BITS */
	__u32 n_slots;         /* elements in the slots table */
	__u32 n_scalars;       /* elements in the scalars table */
	__u32 interface_row;   /* row of the rules that apply to this interface */
	__u32 uses_scalars;    /* bit enum scalar_field: some rule of the policy looks at it */
	__u32 uses_address;    /* USES_ADDRESS and USES_PREFIXES */
	__u32 lpm_miss_row[N_ADDRESS_FIELDS][N_FAMILIES]; /* no prefix holds the address */
	__u32 lpm_absent_row[N_ADDRESS_FIELDS];           /* the frame has no address */
	__u32 scalar_offset[N_SCALAR_FIELDS]; /* of the field's table in the scalars table */
	__u8 fate_malformed;   /* enum verdict */
	__u8 fate_fragments;   /* enum verdict; VERDICT_NONE: match them like other packets */
	__u8 fate_extension;   /* likewise, for unknown extension headers */
	__u8 fate_non_ip;      /* enum verdict */
	__u8 default_verdict;  /* enum verdict, of the policy */
	__u8 probe;            /* write struct trace for each packet */
	__u8 pad[2];
};

_Static_assert(sizeof(struct counter) == 16, "ABI");
_Static_assert(sizeof(struct lpm_key_v4) == 8, "ABI");
_Static_assert(sizeof(struct lpm_key_v6) == 20, "ABI");
_Static_assert(sizeof(struct rule_action) == 4, "ABI");
_Static_assert(sizeof(struct ruleset_config) == 13 * 4 + 6 * 4 + 11 * 4 + 8, "ABI");

/*
 * What a probe instance (config.probe) tells of the last packet it judged. Probes run by
 * BPF_PROG_TEST_RUN only, on private counters; they never see traffic.
 */
#define TRACE_NO_RULE 0xffffffffU

struct trace {
	__u32 verdict;              /* enum verdict */
	__u32 reason;               /* enum reason; REASON_NONE when a rule decided */
	__u32 rule;                 /* bit position of the deciding rule, or TRACE_NO_RULE */
	__u32 pad;
	__u64 matched[MAX_ROW_WORDS]; /* bit positions of all rules that counted the packet */
};

_Static_assert(sizeof(struct trace) == 16 + 8 * MAX_ROW_WORDS, "ABI");
