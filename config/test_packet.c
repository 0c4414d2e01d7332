/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_packet.c: from what a test says to one packet. What it leaves out gets a default; what
 * cannot be true of one packet at once is refused, so that no test checks something else than its
 * writer thinks.
 */
#include "tests.h"

#include <string.h>

#include "policy_tests.h"
#include "util.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_SVLAN = 0x88a8,
	DEFAULT_SPORT = 49152,
	DEFAULT_DPORT = 443,
	DEFAULT_TTL = 64,
	DEFAULT_FRAGMENT_PAYLOAD = 8,
	TCP_SYN = 0x02,
};

enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58 };

/* The order in which a reader looks for what is wrong. */
static const char *const ip_fields[] = { "src",   "dst",       "proto",    "sport",
					 "dport", "tcp-flags", "icmp",     "length",
					 "ttl",   "dscp",      "fragment", "ip-options" };
static const char *const upper_fields[] = { "sport", "dport", "tcp-flags", "icmp" };

/* The first of the fields that the test has, or NULL. */
static const char *first_of(const struct test_draft *draft, const char *const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (test_field(draft, fields[i]))
			return fields[i];
	return NULL;
}

static void set_default(struct test_packet *packet, enum scalar_field field, uint32_t value)
{
	if (packet->scalar[field] == TEST_ABSENT)
		packet->scalar[field] = value;
}

static void fill_macs(struct test_draft *draft)
{
	static const uint8_t macs[N_MAC_FIELDS][MAC_BYTES] = {
		[MAC_SRC] = { 2, 0, 0, 0, 0, 1 },
		[MAC_DST] = { 2, 0, 0, 0, 0, 2 },
	};
	static const char *const fields[] = { [MAC_SRC] = "src-mac", [MAC_DST] = "dst-mac" };

	for (size_t i = 0; i < N_MAC_FIELDS; i++)
		if (!test_field(draft, fields[i]))
			memcpy(draft->test->packet.mac[i], macs[i], MAC_BYTES);
}

/* --- which protocols --------------------------------------------------------------------- */

static const char *family_name(enum family family)
{
	return family == FAMILY_V4 ? "IPv4" : "IPv6";
}

static bool is_ip(uint32_t ethertype)
{
	return ethertype == TEST_ABSENT || ethertype == ETHERTYPE_IPV4 ||
	       ethertype == ETHERTYPE_IPV6;
}

static int finish_non_ip(struct loader *loader, struct test_draft *draft)
{
	uint32_t ethertype = draft->test->packet.scalar[FIELD_ETHERTYPE];
	const char *field = first_of(draft, ip_fields, ARRAY_SIZE(ip_fields));

	if (ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SVLAN)
		return node_error(loader, test_field(draft, "ethertype"),
				  "this is the mark of a VLAN tag; write 'vlan'");
	if (field)
		return node_error(loader, test_field(draft, field)->key,
				  "only IP packets carry '%s', and 'ethertype' says that this is "
				  "none",
				  field);
	return 0;
}

/* The family that the other fields leave, by what says it most clearly. */
static enum family find_family(const struct test_draft *draft)
{
	const struct test_packet *packet = &draft->test->packet;

	if (packet->scalar[FIELD_ETHERTYPE] != TEST_ABSENT)
		return packet->scalar[FIELD_ETHERTYPE] == ETHERTYPE_IPV4 ? FAMILY_V4 : FAMILY_V6;
	if (test_field(draft, "src"))
		return draft->families[ADDRESS_SRC];
	if (test_field(draft, "dst"))
		return draft->families[ADDRESS_DST];
	if (test_field(draft, "icmp"))
		return draft->icmp[FAMILY_V4] != TEST_ABSENT &&
				       packet->scalar[FIELD_PROTO] != ICMPV6
			       ? FAMILY_V4
			       : FAMILY_V6;
	return packet->scalar[FIELD_PROTO] == ICMPV6 ? FAMILY_V6 : FAMILY_V4;
}

static int finish_addresses(struct loader *loader, struct test_draft *draft)
{
	static const char *const fields[] = { [ADDRESS_SRC] = "src", [ADDRESS_DST] = "dst" };
	/* RFC 5737, RFC 3849 */
	static const uint8_t v4[N_ADDRESS_FIELDS][16] = { { 192, 0, 2, 1 }, { 198, 51, 100, 1 } };
	static const uint8_t v6[N_ADDRESS_FIELDS][16] = { { 0x20, 1, 0xd, 0xb8, [15] = 1 },
							  { 0x20, 1, 0xd, 0xb8, [15] = 2 } };
	struct test_packet *packet = &draft->test->packet;
	int r = 0;

	for (size_t i = 0; i < N_ADDRESS_FIELDS; i++) {
		const struct node *value = test_field(draft, fields[i]);

		if (!value)
			memcpy(packet->address[i], packet->family == FAMILY_V4 ? v4[i] : v6[i], 16);
		else if (draft->families[i] != packet->family)
			r = node_error(loader, value, "this is an %s address in an %s packet",
				       family_name(draft->families[i]),
				       family_name(packet->family));
	}
	return r;
}

/* IPv6 has extension headers where IPv4 has protocols: `proto` is what stands behind them. */
static bool is_extension(uint32_t proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60;
}

/* -EINVAL, reported, if the protocol does not carry a field that the test has. */
static int check_carrier(struct loader *loader, const struct test_draft *draft)
{
	const struct test_packet *packet = &draft->test->packet;
	uint32_t proto = packet->scalar[FIELD_PROTO];
	bool carried[] = {
		proto == TCP || proto == UDP,
		proto == TCP || proto == UDP,
		proto == TCP,
		proto == (packet->family == FAMILY_V4 ? ICMP : ICMPV6),
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(upper_fields); i++) {
		const struct node *value = test_field(draft, upper_fields[i]);
		const struct word *word = word_of(protocol_words, proto);

		if (!value)
			continue;
		if (packet->scalar[FIELD_FRAGMENT] == FRAGMENT_LATER)
			r = node_error(loader, value->key, "a later fragment does not carry '%s'",
				       upper_fields[i]);
		else if (!carried[i] && word)
			r = node_error(loader, value->key, "protocol %s in %s does not carry '%s'",
				       word->name, family_name(packet->family), upper_fields[i]);
		else if (!carried[i])
			r = node_error(loader, value->key, "protocol %u in %s does not carry '%s'",
				       proto, family_name(packet->family), upper_fields[i]);
	}
	return r;
}

static void fill_upper(struct test_draft *draft)
{
	struct test_packet *packet = &draft->test->packet;
	uint32_t proto = packet->scalar[FIELD_PROTO];

	if (packet->scalar[FIELD_FRAGMENT] == FRAGMENT_LATER)
		return;
	if (proto == TCP || proto == UDP) {
		set_default(packet, FIELD_SPORT, DEFAULT_SPORT);
		set_default(packet, FIELD_DPORT, DEFAULT_DPORT);
	}
	if (proto == TCP)
		set_default(packet, FIELD_TCP_FLAGS, TCP_SYN);
	/* As abi.h lays it out. */
	if (proto == ICMP && packet->family == FAMILY_V4)
		packet->scalar[FIELD_ICMP] =
			test_field(draft, "icmp") ? draft->icmp[FAMILY_V4] : 8 << 8;
	if (proto == ICMPV6 && packet->family == FAMILY_V6)
		packet->scalar[FIELD_ICMP] =
			test_field(draft, "icmp") ? draft->icmp[FAMILY_V6] : 1 << 16 | 128 << 8;
}

static int finish_upper(struct loader *loader, struct test_draft *draft)
{
	struct test_packet *packet = &draft->test->packet;
	const struct node *icmp = test_field(draft, "icmp");
	uint32_t icmp_proto = packet->family == FAMILY_V4 ? ICMP : ICMPV6;
	int r;

	set_default(packet, FIELD_FRAGMENT, FRAGMENT_NONE);
	set_default(packet, FIELD_IP_OPTIONS, 0);
	set_default(packet, FIELD_PROTO,
		    icmp && !test_field(draft, "tcp-flags") ? icmp_proto : TCP);
	if (packet->family == FAMILY_V6 && is_extension(packet->scalar[FIELD_PROTO]))
		return node_error(loader, test_field(draft, "proto"),
				  "in IPv6 this is an extension header; 'proto' is what stands "
				  "behind those");
	r = check_carrier(loader, draft);
	if (r < 0)
		return r;
	if (icmp && draft->icmp[packet->family] == TEST_ABSENT)
		return node_error(loader, icmp, "there is no such type in %s",
				  family_name(packet->family));
	fill_upper(draft);
	return 0;
}

/* --- the length -------------------------------------------------------------------------- */

static int finish_length(struct loader *loader, struct test_draft *draft)
{
	struct test_packet *packet = &draft->test->packet;
	uint32_t headers = test_headers_length(packet);
	uint32_t most = packet->family == FAMILY_V4 ? 65535 : 40 + 65535;
	uint32_t *length = &packet->scalar[FIELD_LENGTH];

	if (packet->scalar[FIELD_FRAGMENT] == FRAGMENT_LATER) {
		most = headers + 65535 - TEST_FRAGMENT_OFFSET;
		if (packet->family == FAMILY_V4 && most > 65535)
			most = 65535;
		set_default(packet, FIELD_LENGTH, headers + DEFAULT_FRAGMENT_PAYLOAD);
	}
	set_default(packet, FIELD_LENGTH, headers);
	if (*length >= headers && *length <= most)
		return 0;
	return node_error(loader, test_field(draft, "length"),
			  "this packet has %u bytes at least, its headers, and %u at most", headers,
			  most);
}

int test_packet_finish(struct loader *loader, struct test_draft *draft)
{
	struct test_packet *packet = &draft->test->packet;
	int r;

	fill_macs(draft);
	packet->ip = is_ip(packet->scalar[FIELD_ETHERTYPE]);
	if (!packet->ip)
		return finish_non_ip(loader, draft);
	packet->family = find_family(draft);
	packet->scalar[FIELD_ETHERTYPE] =
		packet->family == FAMILY_V4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	set_default(packet, FIELD_TTL, DEFAULT_TTL);
	set_default(packet, FIELD_DSCP, 0);
	r = finish_addresses(loader, draft);
	if (!r)
		r = finish_upper(loader, draft);
	return r < 0 ? r : finish_length(loader, draft);
}
