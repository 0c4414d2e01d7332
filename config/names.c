/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * names.c: the words of conditions, from the registries of IANA, and the index of names.
 */
#include "names.h"

#include <string.h>

#include "abi.h"
#include "util.h"

/* https://www.iana.org/assignments/protocol-numbers */
const struct word protocol_words[] = {
	{ "icmp", 1 },   { "igmp", 2 },      { "ipip", 4 },    { "tcp", 6 },        { "egp", 8 },
	{ "udp", 17 },   { "dccp", 33 },     { "6in4", 41 },   { "rsvp", 46 },      { "gre", 47 },
	{ "esp", 50 },   { "ah", 51 },       { "icmpv6", 58 }, { "none", 59 },      { "eigrp", 88 },
	{ "ospf", 89 },  { "etherip", 97 },  { "pim", 103 },   { "vrrp", 112 },     { "l2tp", 115 },
	{ "sctp", 132 }, { "udplite", 136 }, { "mpls", 137 },  { "ipv6-icmp", 58 }, { "carp", 112 },
	{ NULL, 0 },
};

/* https://www.iana.org/assignments/dscp-registry */
const struct word dscp_words[] = {
	{ "cs0", 0 },   { "le", 1 },    { "cs1", 8 },   { "af11", 10 }, { "af12", 12 },
	{ "af13", 14 }, { "cs2", 16 },  { "af21", 18 }, { "af22", 20 }, { "af23", 22 },
	{ "cs3", 24 },  { "af31", 26 }, { "af32", 28 }, { "af33", 30 }, { "cs4", 32 },
	{ "af41", 34 }, { "af42", 36 }, { "af43", 38 }, { "cs5", 40 },  { "va", 44 },
	{ "ef", 46 },   { "cs6", 48 },  { "cs7", 56 },  { "df", 0 },    { "be", 0 },
	{ NULL, 0 },
};

/* https://www.iana.org/assignments/ieee-802-numbers */
const struct word ethertype_words[] = {
	{ "ipv4", 0x0800 },
	{ "arp", 0x0806 },
	{ "wol", 0x0842 },
	{ "ipv6", 0x86dd },
	{ "pause", 0x8808 },
	{ "lacp", 0x8809 },
	{ "mpls", 0x8847 },
	{ "mpls-multicast", 0x8848 },
	{ "pppoe-discovery", 0x8863 },
	{ "pppoe", 0x8864 },
	{ "eapol", 0x888e },
	{ "lldp", 0x88cc },
	{ "macsec", 0x88e5 },
	{ "ptp", 0x88f7 },
	{ "cfm", 0x8902 },
	{ "slow", 0x8809 },
	{ NULL, 0 },
};

const struct word tcp_flag_words[] = {
	{ "fin", 0x01 }, { "syn", 0x02 }, { "rst", 0x04 }, { "psh", 0x08 }, { "ack", 0x10 },
	{ "urg", 0x20 }, { "ece", 0x40 }, { "cwr", 0x80 }, { NULL, 0 },
};

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20

const struct flag_group flag_groups[] = {
	{ "syn", .set = SYN, .clear = ACK },
	{ "established", .any = ACK | RST },
	{ "null", .clear = FIN | SYN | RST | PSH | ACK | URG },
	{ "xmas", .set = FIN | PSH | URG },
	{ NULL },
};

const struct word fragment_words[] = {
	{ "none", FRAGMENT_NONE },
	{ "first", FRAGMENT_FIRST },
	{ "later", FRAGMENT_LATER },
	{ NULL, 0 },
};

const struct word ip_options_words[] = {
	{ "absent", 0 },
	{ "present", 1 },
	{ NULL, 0 },
};

/* https://www.iana.org/assignments/icmp-parameters and icmpv6-parameters */
const struct icmp_word icmp_words[] = {
	{ "echo-request", 8, -1, 128, -1 },
	{ "echo-reply", 0, -1, 129, -1 },
	{ "destination-unreachable", 3, -1, 1, -1 },
	{ "port-unreachable", 3, 3, 1, 4 },
	{ "fragmentation-needed", 3, 4, -1, -1 },
	{ "packet-too-big", -1, -1, 2, -1 },
	{ "path-mtu", 3, 4, 2, -1 },
	{ "time-exceeded", 11, -1, 3, -1 },
	{ "parameter-problem", 12, -1, 4, -1 },
	{ "source-quench", 4, -1, -1, -1 },
	{ "redirect", 5, -1, 137, -1 },
	{ "router-advertisement", 9, -1, 134, -1 },
	{ "router-solicitation", 10, -1, 133, -1 },
	{ "timestamp-request", 13, -1, -1, -1 },
	{ "timestamp-reply", 14, -1, -1, -1 },
	{ "neighbour-solicitation", -1, -1, 135, -1 },
	{ "neighbour-advertisement", -1, -1, 136, -1 },
	{ "neighbor-solicitation", -1, -1, 135, -1 },
	{ "neighbor-advertisement", -1, -1, 136, -1 },
	{ "mld-query", -1, -1, 130, -1 },
	{ "mld-report", -1, -1, 131, -1 },
	{ "mld-done", -1, -1, 132, -1 },
	{ "mld-report-v2", -1, -1, 143, -1 },
	{ NULL, -1, -1, -1, -1 },
};

#define V4(first, last)                                                                            \
	{                                                                                          \
		0, first, last                                                                     \
	}
#define V6(first, last)                                                                            \
	{                                                                                          \
		1, first, last                                                                     \
	}
#define END                                                                                        \
	{                                                                                          \
		0, 1, 0                                                                            \
	}

const struct icmp_group icmp_groups[] = {
	{ "echo", { V4(0, 0), V4(8, 8), V6(128, 129), END } },
	/* RFC 792, RFC 4443: what a sender must hear. Source quench is deprecated (RFC 6633), redirects
	 * are instructions, not errors. */
	{ "errors", { V4(3, 3), V4(11, 12), V6(1, 4), END } },
	/* RFC 4861, less the redirects */
	{ "nd", { V6(133, 136), END } },
	/* RFC 2710, RFC 3810 */
	{ "mld", { V6(130, 132), V6(143, 143), END } },
	/* RFC 4890 section 4.4: errors, echo, neighbour and router discovery, inverse neighbour
	 * discovery, MLD, SEND, multicast router discovery; of IPv4 the errors of RFC 792, with which
	 * path-MTU discovery (RFC 1191) works, and echo (RFC 1812 section 4.3.3.6). */
	{ "essential",
	  { V4(0, 0), V4(3, 3), V4(8, 8), V4(11, 12), V6(1, 4), V6(128, 136), V6(141, 143),
	    V6(148, 149), V6(151, 153), END } },
	{ NULL, { END } },
};

#undef V4
#undef V6
#undef END

/* The values are those of enum protected_protocol. */
const struct word protected_words[] = {
	{ "arp", PROTECTED_ARP },
	{ "nd", PROTECTED_ND },
	{ "mld", PROTECTED_MLD },
	{ "igmp", PROTECTED_IGMP },
	{ "lacp", PROTECTED_LACP },
	{ "lldp", PROTECTED_LLDP },
	{ "ospf", PROTECTED_OSPF },
	{ "pim", PROTECTED_PIM },
	{ "vrrp", PROTECTED_VRRP },
	{ "bfd", PROTECTED_BFD },
	{ NULL, 0 },
};

const struct word *word_find(const struct word *words, const char *name)
{
	for (; words->name; words++)
		if (!strcmp(words->name, name))
			return words;
	return NULL;
}

const struct word *word_of(const struct word *words, uint32_t value)
{
	for (; words->name; words++)
		if (words->value == value)
			return words;
	return NULL;
}

/* FNV-1a */
static uint32_t hash(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h;
}

/* The slot that holds the name, or the free one where it belongs. n_slots is a power of 2 and
 * at least one is free. */
static uint32_t *find_slot(const struct name_index *index, const char *name)
{
	size_t i = hash(name) & (index->n_slots - 1);

	while (index->slots[i] && strcmp(index->names[index->slots[i] - 1], name))
		i = (i + 1) & (index->n_slots - 1);
	return &index->slots[i];
}

long name_index_find(const struct name_index *index, const char *name)
{
	return index->n_slots ? (long)*find_slot(index, name) - 1 : -1;
}

static int grow_slots(struct name_index *index)
{
	size_t n_slots = index->n_slots ? index->n_slots * 2 : 64;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(index->slots);
	index->slots = slots;
	index->n_slots = n_slots;
	for (size_t i = 0; i < index->n; i++)
		*find_slot(index, index->names[i]) = (uint32_t)i + 1;
	return 0;
}

int name_index_add(struct name_index *index, const char *name)
{
	if (array_reserve((void **)&index->names, &index->names_capacity, index->n + 2,
			  sizeof(*index->names)) < 0)
		return -ENOMEM;
	if ((index->n + 1) * 2 > index->n_slots && grow_slots(index) < 0)
		return -ENOMEM;
	*find_slot(index, name) = (uint32_t)index->n + 1;
	index->names[index->n++] = name;
	index->names[index->n] = NULL;
	return 0;
}

void name_index_done(struct name_index *index)
{
	free(index->names);
	free(index->slots);
	*index = (struct name_index){ 0 };
}
