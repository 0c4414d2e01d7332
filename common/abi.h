/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.h: the only definition of everything that crosses the line between user space and the
 * XDP programs: map values, frozen program settings (rodata), field domains, limits.
 *
 * Included by BPF code and by user space alike, so it knows nothing but <linux/types.h>.
 * Every struct has fixed-width members and explicit padding; sizes are asserted. Anything
 * here that changes meaning or layout raises XDPGATE_ABI_VERSION, and so does what
 * daemon/datapath/manifest.c writes: a daemon adopts pinned state only of its own version.
 */
#pragma once

#include <linux/types.h>

#include "verdict.h"

#define XDPGATE_ABI_VERSION 8

/* --- fields ------------------------------------------------------------------------------
 * Neighbours are folded together first (see "Scalar fields" below), so those that rules tend to
 * name together are side by side.
 * X(identifier, name in the policy language, number of values)
 *   proto      protocol number; IPv6: the last next-header value that could be read
 *   icmp       family (0: ICMP, 1: ICMPv6) << 16 | type << 8 | code
 *   fragment   enum fragment_kind; every IP packet has one
 *   length     bytes of the whole IP packet; an IPv6 packet may have 40 + 65535
 *   ip-options 1: an IPv4 header of more than 20 bytes, an IPv6 hop-by-hop header; else 0
 *   vlan       VLAN identifier of the outermost tag; 0 (a priority tag) counts as absent
 *   ethertype  behind at most two VLAN tags; absent in 802.3 frames (values below 0x600)
 */
/* clang-format off */
#define SCALAR_FIELDS(X)                           \
	X(FIELD_PROTO, "proto", 256)               \
	X(FIELD_TCP_FLAGS, "tcp-flags", 256)       \
	X(FIELD_SPORT, "sport", 65536)             \
	X(FIELD_DPORT, "dport", 65536)             \
	X(FIELD_ICMP, "icmp", 131072)              \
	X(FIELD_FRAGMENT, "fragment", 3)           \
	X(FIELD_LENGTH, "length", 65576)           \
	X(FIELD_TTL, "ttl", 256)                   \
	X(FIELD_DSCP, "dscp", 64)                  \
	X(FIELD_IP_OPTIONS, "ip-options", 2)       \
	X(FIELD_VLAN, "vlan", 4096)                \
	X(FIELD_ETHERTYPE, "ethertype", 65536)

enum scalar_field {
#define X(id, name, domain) id,
	SCALAR_FIELDS(X)
#undef X
	N_SCALAR_FIELDS
};
/* clang-format on */

enum fragment_kind {
	FRAGMENT_NONE, /* a whole packet, IPv6 atomic fragments (RFC 6946) included */
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

enum address_field { ADDRESS_SRC, ADDRESS_DST, N_ADDRESS_FIELDS };
enum mac_field { MAC_SRC, MAC_DST, N_MAC_FIELDS };
#define MAC_BYTES 6
enum family { FAMILY_V4, FAMILY_V6, N_FAMILIES };

/* --- limits ------------------------------------------------------------------------------ */

#define ROW_WORD_BITS 64
#define MAX_RULES 16384 /* of all policies */
#define MAX_RULESETS 256
/* Each policy starts at a word of its own. */
#define MAX_ROW_WORDS (MAX_RULES / ROW_WORD_BITS + MAX_RULESETS)
#define MAX_SCALAR_ROWS 65536 /* a scalar table holds 16-bit row numbers */
#define MAX_IPV6_EXTENSIONS 8 /* RFC 8504 section 5.3: a node may limit the chain to 8 */
#define MAX_VLAN_TAGS 2
#define VLAN_FIRST 1 /* 0 is a priority tag, 4095 is reserved */
#define VLAN_LAST 4094
#define MAX_INTERFACES 256 /* of a policy, and so of a port */
#define MAX_LIVE_SETS 64   /* a bit each in one word */

/* --- counters ----------------------------------------------------------------------------
 * A counter is a slot: page slot / COUNTERS_PER_PAGE of an ARRAY_OF_MAPS. A page is a
 * PERCPU_ARRAY of one element, all its slots, so one lookup serves every counter of a packet.
 * Each interface owns a block of INTERFACE_BLOCK slots, aligned to its size: verdicts first,
 * then reasons. Each (policy, rule, interface) owns one slot. Only programs write them.
 */
#define COUNTERS_PER_PAGE 1024 /* 16 KiB a CPU; a per-CPU value may be 32 KiB at most */
#define MAX_COUNTER_PAGES 128
#define INTERFACE_BLOCK 64
#define INTERFACE_BLOCK_REASONS 8 /* offset of the first reason in a block */

struct counter {
	__u64 packets;
	__u64 bytes; /* whole frames as XDP sees them: Ethernet header included, FCS not */
};

/* --- tables ------------------------------------------------------------------------------ */

/*
 * Longest prefix match, compiled: the prefixes of all sets cut the address space into intervals,
 * each with a row. The sources' and the destinations' tables of a family are one array.
 */

/*
 * IPv4 (after DXR: Zec, Rizzo, Mikuc, "DXR: Towards a Billion Routing Lookups per Second in
 * Software", 2012): words of 64 bits. A field's table begins with 65536 entries by the upper 16
 * bits of the address; behind them are the pairs of rows and the rows that entries and chunks
 * name by an id of 8 bits. An entry says, in as few bytes as its 65536 addresses allow, what
 * holds for each of the lower 16 bits ("low"): in itself, or in a chunk at index.
 *
 * An entry, from the lowest bit: kind (4), id (8), shift (4), then, as the kind says, numbers of
 * its own, or n (16) and index (32). A chunk that is searched is one line of 64 bytes or a part
 * of one; if it would not fit, it is n such lines, and the one to search is low * n / 65536.
 * Of a pair, the lower row is that of the last interval; each start above low turns it over.
 * Of points, and of bits that are set, it is the upper row.
 */
#define LPM4_ROOTS 65536
#define LPM4_PAIRS LPM4_ROOTS /* index of the pairs, from the first entry on */
#define LPM4_MAX_PAIRS 256
#define LPM4_ROWS (LPM4_PAIRS + LPM4_MAX_PAIRS) /* index of the rows, one a word */
#define LPM4_MAX_ROWS 256
#define LPM4_HEAD_WORDS (LPM4_ROWS + LPM4_MAX_ROWS)
#define LPM4_KIND_MASK 0xfULL
#define LPM4_ID_SHIFT 4
#define LPM4_SHIFT_SHIFT 12
#define LPM4_N_SHIFT 16 /* also of starts and points in the entry itself */
#define LPM4_INDEX_SHIFT 32
#define LPM4_LINE_WORDS 8

#define LPM4_MAX_DEPTH 4 /* tables on the way: each takes at least 4 bits of low */

/* clang-format off */
enum lpm4_kind {
	LPM4_ROW,     /* a row, which stands for the index */
	LPM4_STARTS8, /* pair; six starts of 8 bits (0: none), compared with low >> shift */
	LPM4_ROWS8,   /* three of {start, id of a row}, 8 bits each, in ascending order, compared */
		      /* with low >> shift; ahead of them the row of id holds */
	LPM4_POINTS3, /* pair; three points of 16 bits: low is one of them, or not */
	LPM4_POINTS,  /* pair; chunk: 2, 4 or 8 (shift) words of points of 16 bits */
	LPM4_BITMAP,  /* pair; chunk: a bit for each value of low >> shift */
	LPM4_STARTS,  /* pair; chunk: 2, 4 or 8 (shift) words of starts of 16 bits (0: none) */
	LPM4_BYTES,   /* chunk: a byte for each value of low >> shift, the id of a row */
	LPM4_LIST8,   /* chunk: 2 or 5 (shift) words of ascending starts of 16 bits, and behind */
		      /* them as many ids of rows, of which that of the last start <= low counts */
	LPM4_LIST32,  /* chunk: 1 or 3 (shift) words of starts, and behind them the rows; of 3, */
		      /* the first two starts are 0 and have no row */
	LPM4_TABLE,   /* chunk: 2^shift entries, by as many of the highest bits of low; what is */
		      /* left of it is shifted up, filled with zeros, and is low from there on */
};
/* clang-format on */

/*
 * Small IPv4 tables are trees instead: words of 64 bits, from the lowest: a mask (8), a row (26),
 * an index (30). The first table is chosen by the upper 8 bits of the address; each further one is
 * at the word's index and chosen by the next `stride` bits (6 or 8), ANDed with the mask. Where all
 * addresses have the same row, the word has it, an index that leads to the word itself, and no
 * mask: so every address takes the same number of steps, and none takes a branch.
 */
#define LPM4_TREE_ROOT_BITS 8
#define LPM4_TREE_ROW_SHIFT 8
#define LPM4_TREE_ROW_MASK 0x3ffffffULL
#define LPM4_TREE_INDEX_SHIFT 34
#define LPM4_TREE_MAX_STEPS 4

/*
 * IPv6: static B+-trees over keys of 64 bits: one over the upper halves of all addresses, and
 * one over the lower halves wherever an upper half is cut in a way that its entry cannot say.
 * Words of 64 bits. A tree is known by a reference: from the lowest bit, index (32), depth (8),
 * value size (8: log2 of bytes), leaf words (8), wide (1).
 *
 * Depth 0: the tree is the leaf at index. Else the words from index on are the indices of its
 * leaves, and of each level of nodes from the top. A node is one line: the first keys of eight
 * children, halved, in ascending order, and LPM6_NO_CHILD. Child k of node i is number 8 * i + k
 * of the next level. All first keys of leaves are even, so no comparison loses a bit.
 *
 * A leaf is `leaf words` long (LPM6_LEAF_WORDS, but for a tree of one): a head; `places` keys in
 * ascending order, an even number; as many values; and from the end backwards halves of words. A
 * key is 64 bits (wide), or 32: what (key - the leaf's first key) >> shift is. Places that are not
 * used repeat the last entry. The head, from the lowest bit: the places of entries that have a
 * half (24); those that have a second one (24); shift (8); places (8).
 *
 * An entry holds from its key to the next. Its value is the number of a word of the field's
 * values: row (28), other row (28), kind (8).
 */
#define LPM6_DEPTH_SHIFT 32
#define LPM6_VALUE_SHIFT 40
#define LPM6_LEAF_SHIFT 48
#define LPM6_WIDE_SHIFT 56
#define LPM6_SECOND_SHIFT 24
#define LPM6_SHIFT_SHIFT 48
#define LPM6_PLACES_SHIFT 56
#define LPM6_MAX_PLACES 24
#define LPM6_MAX_WIDE_PLACES 12
#define LPM6_MAX_DEPTH 8
#define LPM6_NODE_WORDS 8
#define LPM6_LEAF_WORDS 16
#define LPM6_NO_CHILD (1ULL << 63)
#define LPM6_ROW_BITS 28
#define LPM6_ROW_MASK ((1ULL << LPM6_ROW_BITS) - 1)
#define LPM6_KIND_SHIFT (2 * LPM6_ROW_BITS)
/*
 * Kinds of values. All but PLAIN: for keys behind the entry's, up to the next, the other row. 0
 * to 63: lower halves of the address that equal the entry's word but for that many lowest bits
 * have the row, others the other row. A half stands for a word if its lower half does not count,
 * or, with LPM6_LOW, if its upper half is 0.
 */
#define LPM6_POINT 64ULL /* the row */
#define LPM6_PLAIN 65ULL /* the row, for keys behind the entry's, too */
#define LPM6_LOWER 66ULL /* the word is the tree of the lower halves */
#define LPM6_LOW 128ULL  /* a bit: the entry's half is the lower half of the word */

/* Bits of ruleset_config.lpm6_uses: some tree's keys are narrow, or wide; some value's kind is
 * a number of bits; or is LPM6_LOWER. */
#define LPM6_USES_NARROW 1U
#define LPM6_USES_WIDE 2U
#define LPM6_USES_PREFIX 4U
#define LPM6_USES_LOWER 8U

/*
 * Scalar fields: an array leads from a field's value to the number of its class (values that
 * satisfy the same rules are one class); element 0 is for packets that lack the field, element
 * 1 + value for those that have it. The array of a field with more than SCALAR_DIRECT values is in
 * pages of SCALAR_PAGE elements, each kept once: first, for each page, its number, then the pages.
 * Most ports are alike, so this is some KiB instead of 128. Classes of two fields are folded into one by an
 * array of their combinations, those again, and so on, as a binary tree over the fields in their
 * order: (0,1) (2,3) … (10,11), (0,2) (4,6) (8,10), (0,4), (0,8). The result of a fold stands in
 * the place of its left side. What is folded no further leads to rows: a *vector*, of which a
 * policy of few rules has one for each field, since looking up rows then costs less than folding.
 *
 * Elements are offsets rather than numbers where that spares a multiplication: those that are a
 * fold's left side are numbers times the classes of its right side.
 */
#define SCALAR_DIRECT 256
#define SCALAR_PAGE 256
/* Pages of a field with so many values. */
#define SCALAR_PAGES(values) (((values) + 1 + SCALAR_PAGE - 1) / SCALAR_PAGE)
#define N_FOLDS 11
#define MAX_FOLD 65536 /* combinations in one array, so that offsets fit 16 bits */
/* clang-format off */
/* X(index, place of the left side and of the result, place of the right side) */
#define FOLDS(X)                                                              \
	X(0, 0, 1) X(1, 2, 3) X(2, 4, 5) X(3, 6, 7) X(4, 8, 9) X(5, 10, 11)   \
	X(6, 0, 2) X(7, 4, 6) X(8, 8, 10) X(9, 0, 4) X(10, 0, 8)
/* clang-format on */

/*
 * MAC addresses that rules name: for each field, words in ascending order, the address above,
 * its row below. 16 bits hold every row: they are the first to be made, at most one for each
 * address.
 */
#define MAC_ADDRESS_SHIFT 16
#define MAC_ROW_MASK 0xffff
#define MAC_MAX_ENTRIES 65536 /* of a field */
#define MAC_SEARCH_STEPS 16   /* halvings from there to one */

/*
 * Rows: one bit a rule. A row of several words has a summary in front, one bit a word: set if
 * the word has any bit set. The AND of the summaries says which words are worth a look.
 */
#define SUMMARY_WORDS(row_words)                                                                   \
	((row_words) > 1 ? ((row_words) + ROW_WORD_BITS - 1) / ROW_WORD_BITS : 0)

/*
 * Live sets: prefixes that come and go while programs run. A rule that names one has its bit set in
 * every row that it may match by; where it is found, the set is asked (struct rule_extra).
 *
 * Each set has a slot, which it keeps over generations, and there a table of each kind: of single
 * addresses, and of IPv6 /64s, a hash table, which costs a fraction of a trie with as many; of all
 * other prefixes an LPM_TRIE.
 * Arrays of maps lead to them. A slot has two banks, of which live_state.banks says which packets
 * use, so that all tables of a set change in one moment.
 */
/* clang-format off */
/* X(identifier, name of the array of maps, type of a table, bytes of a key) */
#define LIVE_TABLES(X)                                                  \
	X(LIVE_HOSTS_V4, live_hosts_v4, BPF_MAP_TYPE_HASH, 4)           \
	X(LIVE_HOSTS_V6, live_hosts_v6, BPF_MAP_TYPE_HASH, 16)          \
	X(LIVE_SITES_V6, live_sites_v6, BPF_MAP_TYPE_HASH, 8)           \
	X(LIVE_NETS_V4, live_nets_v4, BPF_MAP_TYPE_LPM_TRIE, 8)         \
	X(LIVE_NETS_V6, live_nets_v6, BPF_MAP_TYPE_LPM_TRIE, 20)

enum live_table {
#define X(id, name, type, key_size) id,
	LIVE_TABLES(X)
#undef X
	N_LIVE_TABLES
};
/* clang-format on */

#define LIVE_BANKS 2
#define LIVE_INDEX(slot, bank) ((slot)*LIVE_BANKS + (bank))

struct live_key {
	__u32 len;     /* prefix length */
	__u8 addr[16]; /* as on the wire; an IPv4 key has the first 4 bytes only */
};

struct live_entry {
	__u64 until; /* it holds while jiffies64 is below: the latest end of itself and of the
		      * entries that cover it */
	__u32 end;   /* its own end, in seconds of CLOCK_MONOTONIC; LIVE_FOREVER */
	__u32 since; /* when it was added, in seconds since 1970; programs do not look at it */
};
#define LIVE_FOREVER 0xffffffffU
#define LIVE_UNTIL_FOREVER 0xffffffffffffffffULL

struct clock_reading {
	__u64 jiffies;
	__u64 monotonic_ns; /* CLOCK_MONOTONIC at the same moment */
};

/* One for all generations. Bits are those of slots. */
struct live_state {
	__u64 filled[N_LIVE_TABLES]; /* the table may have entries */
	__u64 banks;                 /* which bank packets use */
	__u64 pad[2];
	__u64 bits[MAX_LIVE_SETS]; /* 1 << slot: a number that the verifier does not know */
};

/* What a few rules have besides: by rule_action.extra. */
struct rule_extra {
	__u64 live[N_ADDRESS_FIELDS]; /* bit slot: the address may lie in this live set */
	/* The bit in the address's row that says that it lies in one of the condition's other
	 * sets, or RULE_NO_BIT. */
	__u32 sure[N_ADDRESS_FIELDS];
	__u16 redirect; /* key of the device map; used with VERDICT_REDIRECT */
	__u8 negated;   /* bit address_field: the address lies in none of the live sets */
	__u8 pad[5];
};
#define RULE_NO_BIT 0xffffffffU

struct counter_page {
	struct counter slots[COUNTERS_PER_PAGE];
};

/* What a rule does once it matched, on one interface. */
struct rule_action {
	__u32 slot;   /* where it counts */
	__u16 extra;  /* index of its rule_extra; 0: it has none */
	__u8 verdict; /* enum verdict, or VERDICT_NONE: the rule counts and matching goes on */
	__u8 live;    /* bool: it matches only if its extra says so */
};

/* Bits of ruleset_config.uses_address: a rule of the policy looks at the address; its prefixes
 * include some of the family. */
#define USES_ADDRESS(field) (1U << (field))
#define USES_PREFIXES(field, family) (1U << (8 + (field)*N_FAMILIES + (family)))

/*
 * Settings of one ruleset program: one interface of one generation. Frozen before the load,
 * so the verifier removes every branch that the policy does not use.
 */
struct ruleset_config {
	__u64 lpm6_tree[N_ADDRESS_FIELDS]; /* reference of the upper halves' tree */
	__u64 group_mask[2]; /* the policy's words in its first and last group of 64 */
	__u32 generation;
	__u32 interface_block;   /* first counter slot of the interface's block */
	__u32 interface_actions; /* index of its first rule's element in the actions table */
	__u32 first_word;        /* the policy's rules are the words first_word .. */
	__u32 n_words;           /* .. first_word + n_words - 1 of each row; 0: no rules */
	__u32 n_protect;         /* so many rules come ahead of the fates; 0: or no fate decides */
	__u32 row_words;         /* words of rule bits in a row, of all policies */
	__u32 n_row_words;       /* words in the rows table: rows * (summary + row_words) */
	__u32 n_actions;         /* elements in the actions table: rules of all interfaces */
	__u32 n_scalars;         /* elements in the scalars table */
	__u32 interface_row;     /* row of the rules that apply to this interface */
	__u32 uses_scalars;      /* bit enum scalar_field: some rule of the policy looks at it */
	__u32 folds;             /* bit of FOLDS(): it is to be done */
	__u32 moves;        /* likewise: there is no left side, the right one takes its place */
	__u32 vectors;      /* bit place: what is there in the end is the number of a row */
	__u32 uses_address; /* USES_ADDRESS and USES_PREFIXES */
	__u32 lpm_miss_row[N_ADDRESS_FIELDS][N_FAMILIES]; /* the family has no prefixes */
	__u32 lpm_absent_row[N_ADDRESS_FIELDS];           /* the frame has no address */
	__u32 lpm4_root[N_ADDRESS_FIELDS];                /* index of the field's table */
	__u32 lpm4_kinds;                      /* bit enum lpm4_kind: some entry is of it */
	__u32 lpm6_values[N_ADDRESS_FIELDS];   /* index of the field's values */
	__u32 lpm6_uses;                       /* LPM6_USES_.. */
	__u32 n_lpm4;                          /* words of 64 bits */
	__u32 n_lpm6;                          /* words of 64 bits */
	__u32 uses_macs;                       /* bit enum mac_field: some rule looks at it */
	__u32 mac_first[N_MAC_FIELDS];         /* index of the field's first entry .. */
	__u32 mac_count[N_MAC_FIELDS];         /* .. and their number */
	__u32 mac_miss_row[N_MAC_FIELDS];      /* of all addresses that have no entry */
	__u32 n_macs;                          /* entries of both fields */
	__u32 n_extras;                        /* elements in the extras table */
	__u32 n_live[N_ADDRESS_FIELDS];        /* live sets that the policy asks for the field */
	__u32 scalar_offset[N_SCALAR_FIELDS];  /* of the field's array in the scalars table */
	__u32 fold_offset[N_FOLDS];            /* of the fold's array there */
	__u16 scalar_element[N_SCALAR_FIELDS]; /* of fields that the policy does not look at */
	__u8 fate_malformed;                   /* enum verdict */
	__u8 fate_fragments;  /* enum verdict; VERDICT_NONE: match them like other packets */
	__u8 fate_extension;  /* likewise, for unknown extension headers */
	__u8 fate_non_ip;     /* enum verdict */
	__u8 default_verdict; /* enum verdict, of the policy */
	__u8 probe;           /* write struct trace for each packet */
	__u8 uses_interface;  /* bool: the interface's row is needed, too */
	__u8 lpm4_stride[N_ADDRESS_FIELDS]; /* of a tree; 0: it is none */
	__u8 lpm4_steps[N_ADDRESS_FIELDS];  /* of a tree: tables behind the first */
	__u8 uses_live;                     /* bool: some rule of the policy names a live set */
	__u8 live_slots[N_ADDRESS_FIELDS][MAX_LIVE_SETS]; /* which */
};

_Static_assert(sizeof(struct counter) == 16, "ABI");
_Static_assert(sizeof(struct counter_page) <= 32768, "a per-CPU value");
_Static_assert(sizeof(struct rule_action) == 8, "ABI");
_Static_assert(sizeof(struct live_key) == 20, "ABI");
_Static_assert(sizeof(struct live_state) == 64 + 8 * MAX_LIVE_SETS, "ABI");
_Static_assert(sizeof(struct live_entry) == 16, "ABI");
_Static_assert(sizeof(struct rule_extra) == 32, "ABI");
_Static_assert(sizeof(struct ruleset_config) ==
		       32 + 41 * 4 + 12 * 4 + 11 * 4 + 12 * 2 + 12 + 2 * MAX_LIVE_SETS + 4,
	       "ABI");

/*
 * Settings of the program that finds the interface of a frame, where a port has more than one or
 * one with a VLAN. Its array of programs has an element for each interface of the policy, by
 * index, of which only those of the port are filled.
 */
#define VLANS_INLINE 8 /* so many are compared one by one; more are looked up by VID */
#define VLANS_NONE 0xffffU

struct vlans_config {
	__u32 n;                  /* interfaces with a VLAN */
	__u32 others;             /* index of the interface of all other frames, or VLANS_NONE */
	__u32 other_slot;         /* if there is none they count here; its page is the home page */
	__u32 fail_closed;        /* bool: what an empty element means */
	__u16 vids[VLANS_INLINE]; /* n <= VLANS_INLINE: the VIDs .. */
	__u16 members[VLANS_INLINE];    /* .. and the indices of their interfaces */
	__u16 member_of[VLAN_LAST + 2]; /* else: the index by VID, or VLANS_NONE */
};

_Static_assert(sizeof(struct vlans_config) == 16 + 4 * VLANS_INLINE + 2 * 4096, "ABI");

/*
 * Settings of the program that stands in front of a port's own while a policy waits to be
 * confirmed, or packets are sampled (xdp/front.bpf.c). Behind it is an array of programs.
 */
struct front_config {
	__u8 confirm;     /* bool: past the deadline what was in force before judges */
	__u8 sample;      /* bool: copies of some packets go into the ring */
	__u8 fail_closed; /* bool: what an empty element behind it means */
	__u8 pad;
};
#define FRONT_NOW 0    /* what the generation has for the port */
#define FRONT_BEFORE 1 /* what judged there before */
#define FRONT_PROGRAMS 2

/* The policy that waits to be confirmed: one for all ports, written while programs run. */
struct pending_state {
	__u64 deadline;    /* jiffies64: from then on what was in force before judges */
	__u64 deadline_ns; /* the same moment by CLOCK_MONOTONIC */
	__u64 from, to;    /* generations; from 0: nothing was in force */
	__u64 swapped;     /* bool: it has come in force */
};
#define PENDING_CONFIRMED 0xffffffffffffffffULL /* deadline */

/* One for all ports, written while programs run. */
struct sampling_state {
	__u64 until;  /* jiffies64: packets are sampled while it is below */
	__u64 chance; /* of 2^32, for each packet */
	__u64 lost;   /* there was no room in the ring */
};

/* A packet that was sampled: an element of the ring. */
#define SAMPLE_BYTES 2048
struct sample {
	__u64 jiffies;
	__u32 ifindex;
	__u32 len;      /* bytes of the frame */
	__u32 captured; /* so many are in data: SAMPLE_BYTES at most */
	__u32 lost;     /* so many were lost before it, for want of room in the ring; it wraps */
	__u8 data[SAMPLE_BYTES]; /* what is behind them is whatever was there before */
};

_Static_assert(sizeof(struct front_config) == 4, "ABI");
_Static_assert(sizeof(struct pending_state) == 40, "ABI");
_Static_assert(sizeof(struct sampling_state) == 24, "ABI");
_Static_assert(sizeof(struct sample) == 24 + SAMPLE_BYTES, "ABI");

/*
 * What a probe instance (config.probe) tells of the last packet it judged. Probes run by
 * BPF_PROG_TEST_RUN only, on private counters; they never see traffic.
 */
#define TRACE_NO_RULE 0xffffffffU

struct trace {
	__u32 verdict; /* enum verdict */
	__u32 reason;  /* enum reason; REASON_NONE when a rule decided */
	__u32 rule;    /* bit position of the deciding rule, or TRACE_NO_RULE */
	__u32 pad;
	__u64 matched[MAX_ROW_WORDS]; /* bit positions of all rules that counted the packet */
	/* The packet as the program read it; of a malformed one what it had read until then. In host
	 * byte order: an address's upper and lower half (IPv4: in the lower 32 bits of the upper
	 * half); of scalar fields value + 1, 0: the packet lacks it. */
	__u64 address[N_ADDRESS_FIELDS][2];
	__u64 mac[N_MAC_FIELDS];
	__u32 scalar[N_SCALAR_FIELDS];
	__u32 len;              /* bytes of the whole frame */
	__u8 ip;                /* bool: it is IPv4 or IPv6, so it has addresses */
	__u8 family;            /* enum family, if ip */
	__u8 unknown_extension; /* bool */
	__u8 pad2;
};

_Static_assert(sizeof(struct trace) == 16 + 8 * MAX_ROW_WORDS + 48 + 4 * N_SCALAR_FIELDS + 8,
	       "ABI");
