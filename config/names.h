/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * names.h: words that stand for numbers in conditions, and an index of the names that a policy
 * gives to its own things.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table of words ends with a NULL name. Where two words share a value, the first is the one
 * that normalised text shows. */
struct word {
	const char *name;
	uint32_t value;
};

/* A type of ICMP and its counterpart in ICMPv6; -1: has none, or any code. */
struct icmp_word {
	const char *name;
	int v4_type, v4_code, v6_type, v6_code;
};

/* Names of TCP flags that go together: all of set, none of clear, and one of any, if it has some. */
struct flag_group {
	const char *name;
	uint8_t set, clear, any;
};

/* Types of ICMP and ICMPv6 that go together, each with all of its codes. Ends with first > last. */
struct icmp_group {
	const char *name;
	struct icmp_types {
		uint8_t family, first, last; /* family: 0 or 1, as in the field */
	} types[16];
};

/* Protocols that neighbours on a link speak. */
enum protected_protocol {
	PROTECTED_ARP,
	PROTECTED_ND,
	PROTECTED_MLD,
	PROTECTED_IGMP,
	PROTECTED_LACP,
	PROTECTED_LLDP,
	PROTECTED_OSPF,
	PROTECTED_PIM,
	PROTECTED_VRRP,
	PROTECTED_BFD,
};

extern const struct word protocol_words[];
extern const struct word protected_words[]; /* of `protect: link` */
extern const struct word dscp_words[];
extern const struct word ethertype_words[];
extern const struct word tcp_flag_words[];
extern const struct word fragment_words[];
extern const struct word ip_options_words[];
extern const struct flag_group flag_groups[];
extern const struct icmp_word icmp_words[];
extern const struct icmp_group icmp_groups[];

const struct word *word_find(const struct word *words, const char *name);
const struct word *word_of(const struct word *words, uint32_t value);

/* Names with what they are the index of: open addressing, in order of entry. Names are not
 * copied. */
struct name_index {
	const char **names; /* [n] is NULL, as suggest() wants it */
	uint32_t *slots;    /* position + 1 in names; 0: free */
	size_t n, names_capacity, n_slots;
};

/* Position of the name, or -1. */
long name_index_find(const struct name_index *index, const char *name);
/* Add a name that is not there yet; its position is n - 1 then. 0 or -ENOMEM. */
int name_index_add(struct name_index *index, const char *name);
void name_index_done(struct name_index *index);
