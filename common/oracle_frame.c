/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oracle_frame.c: what does this frame say? Follows docs/semantics.md section 1 from layer to
 * layer; like oracle.c it is written to be checked by reading.
 */
#include "oracle.h"
#include "oracle_internal.h"

#include <string.h>

enum {
	ETHERNET_BYTES = 14,
	VLAN_TAG_BYTES = 4,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,  /* IEEE 802.1Q */
	ETHERTYPE_SVLAN = 0x88a8, /* IEEE 802.1ad */
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_MIN = 0x0600, /* below it is a length, IEEE 802.3 */
};

/* Protocol numbers and next-header values (IANA). */
enum {
	HOP_BY_HOP = 0,
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ROUTING = 43,
	FRAGMENT = 44,
	AUTHENTICATION = 51,
	ICMPV6 = 58,
	DESTINATION = 60,
	MOBILITY = 135,
	HIP = 139,
	SHIM6 = 140,
	EXPERIMENT_1 = 253, /* RFC 3692 */
	EXPERIMENT_2 = 254,
};

/* What is still unread: of the frame at first, then of the packet, without its padding. */
struct rest {
	const uint8_t *data;
	size_t left;
};

/* What reading an IP header leaves behind for the readers after it. */
struct upper {
	bool known; /* false: no proto, or an unknown extension: there is nothing to read */
	uint8_t proto;
	enum fragment_kind fragment;
	size_t fragment_offset; /* bytes */
	size_t fragment_bytes;  /* payload of the fragment, to the end of the packet */
};

static uint32_t read_be16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static void skip(struct rest *rest, size_t bytes)
{
	rest->data += bytes;
	rest->left -= bytes;
}

static void set_fact(struct facts *facts, enum scalar_field field, uint32_t value)
{
	facts->scalar[field].present = true;
	facts->scalar[field].value = value;
}

static bool is_vlan_tag(uint32_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_SVLAN;
}

/* --- the readers: each returns REASON_NONE, or why the frame is malformed ------------------ */

static enum reason read_ethernet(struct rest *rest, struct facts *facts, uint32_t *ret_type)
{
	uint32_t type;

	if (rest->left < ETHERNET_BYTES)
		return REASON_ETHERNET_TRUNCATED;
	memcpy(facts->mac[MAC_DST], rest->data, MAC_BYTES);
	memcpy(facts->mac[MAC_SRC], rest->data + 6, MAC_BYTES);
	type = read_be16(rest->data + 12);
	skip(rest, ETHERNET_BYTES);

	for (int tags = 0; is_vlan_tag(type); tags++) {
		uint32_t vid;

		if (tags == MAX_VLAN_TAGS)
			return REASON_VLAN_TOO_DEEP;
		if (rest->left < VLAN_TAG_BYTES)
			return REASON_VLAN_TRUNCATED;
		vid = read_be16(rest->data) & 0x0fff;
		if (tags == 0 && vid != 0)
			set_fact(facts, FIELD_VLAN, vid);
		type = read_be16(rest->data + 2);
		skip(rest, VLAN_TAG_BYTES);
	}

	if (type >= ETHERTYPE_MIN)
		set_fact(facts, FIELD_ETHERTYPE, type);
	*ret_type = type;
	return REASON_NONE;
}

/* RFC 791 section 3.1. */
static enum reason read_ipv4(struct rest *rest, struct facts *facts, struct upper *upper)
{
	const uint8_t *header = rest->data;
	size_t header_bytes, total_bytes;
	uint32_t offset_units;
	bool more_fragments;

	if (rest->left < 20)
		return REASON_IPV4_TRUNCATED;
	if (header[0] >> 4 != 4)
		return REASON_IPV4_VERSION;
	header_bytes = (size_t)(header[0] & 0x0f) * 4;
	if (header_bytes < 20)
		return REASON_IPV4_HEADER_LENGTH;
	if (header_bytes > rest->left)
		return REASON_IPV4_TRUNCATED;
	total_bytes = read_be16(header + 2);
	if (total_bytes < header_bytes || total_bytes > rest->left)
		return REASON_IPV4_TOTAL_LENGTH;

	facts->ip = true;
	facts->family = FAMILY_V4;
	memcpy(facts->address[ADDRESS_SRC], header + 12, 4);
	memcpy(facts->address[ADDRESS_DST], header + 16, 4);
	set_fact(facts, FIELD_LENGTH, (uint32_t)total_bytes);
	set_fact(facts, FIELD_TTL, header[8]);
	set_fact(facts, FIELD_DSCP, header[1] >> 2); /* RFC 2474 */
	set_fact(facts, FIELD_PROTO, header[9]);
	set_fact(facts, FIELD_IP_OPTIONS, header_bytes > 20);
	upper->known = true;
	upper->proto = header[9];

	more_fragments = read_be16(header + 6) & 0x2000;
	offset_units = read_be16(header + 6) & 0x1fff;
	if (offset_units != 0)
		upper->fragment = FRAGMENT_LATER;
	else if (more_fragments)
		upper->fragment = FRAGMENT_FIRST;
	else
		upper->fragment = FRAGMENT_NONE;
	upper->fragment_offset = (size_t)offset_units * 8;
	upper->fragment_bytes = total_bytes - header_bytes;
	set_fact(facts, FIELD_FRAGMENT, upper->fragment);

	rest->left = total_bytes; /* what is behind it is padding */
	skip(rest, header_bytes);
	return REASON_NONE;
}

static bool is_extension(uint8_t next)
{
	return next == HOP_BY_HOP || next == ROUTING || next == DESTINATION ||
	       next == AUTHENTICATION || next == FRAGMENT;
}

static bool is_unknown_extension(uint8_t next)
{
	return next == MOBILITY || next == HIP || next == SHIM6 || next == EXPERIMENT_1 ||
	       next == EXPERIMENT_2;
}

/* RFC 8200 section 4; AH: RFC 4302 section 2.2. The header has at least 8 bytes. */
static size_t extension_bytes(uint8_t type, const uint8_t *header)
{
	if (type == FRAGMENT)
		return 8;
	if (type == AUTHENTICATION)
		return ((size_t)header[1] + 2) * 4;
	return ((size_t)header[1] + 1) * 8;
}

/*
 * RFC 8200 section 4.5; atomic fragments: RFC 6946. rest is behind the fragment header.
 * The kind of a whole packet (atomic) stays FRAGMENT_NONE.
 */
static void read_fragment_header(const uint8_t *header, const struct rest *rest,
				 struct upper *upper)
{
	uint32_t offset = read_be16(header + 2) & 0xfff8;
	bool more_fragments = header[3] & 1;

	if (offset != 0)
		upper->fragment = FRAGMENT_LATER;
	else if (more_fragments)
		upper->fragment = FRAGMENT_FIRST;
	upper->fragment_offset = offset;
	upper->fragment_bytes = rest->left;
}

/* The extension headers, from the next-header value on. Sets proto where there is one. */
static enum reason read_ipv6_chain(struct rest *rest, uint8_t next, struct facts *facts,
				   struct upper *upper)
{
	bool fragment_seen = false;

	for (int n = 0; is_extension(next); n++) {
		const uint8_t *header = rest->data;
		uint8_t type = next;
		size_t bytes;

		if (n == MAX_IPV6_EXTENSIONS)
			return REASON_IPV6_EXTENSION_CHAIN;
		if (rest->left < 8)
			return REASON_IPV6_EXTENSION_TRUNCATED;
		bytes = extension_bytes(type, header);
		if (bytes > rest->left)
			return REASON_IPV6_EXTENSION_TRUNCATED;
		if (type == FRAGMENT && fragment_seen)
			return REASON_IPV6_FRAGMENT_REPEATED;
		if (type == HOP_BY_HOP)
			set_fact(facts, FIELD_IP_OPTIONS, 1);
		next = header[0];
		skip(rest, bytes);

		if (type == FRAGMENT) {
			fragment_seen = true;
			read_fragment_header(header, rest, upper);
			if (upper->fragment == FRAGMENT_LATER)
				break;
		}
	}

	if (upper->fragment == FRAGMENT_LATER) {
		/* The chain of a later fragment ends here; behind a further extension header
		 * only the first fragment tells the protocol. */
		if (is_extension(next) || is_unknown_extension(next))
			return REASON_NONE;
	} else if (is_unknown_extension(next)) {
		facts->unknown_extension = true;
		set_fact(facts, FIELD_PROTO, next);
		return REASON_NONE;
	}
	set_fact(facts, FIELD_PROTO, next);
	upper->known = true;
	upper->proto = next;
	return REASON_NONE;
}

/* RFC 8200 section 3. */
static enum reason read_ipv6(struct rest *rest, struct facts *facts, struct upper *upper)
{
	const uint8_t *header = rest->data;
	size_t payload_bytes;
	enum reason reason;

	if (rest->left < 40)
		return REASON_IPV6_TRUNCATED;
	if (header[0] >> 4 != 6)
		return REASON_IPV6_VERSION;
	payload_bytes = read_be16(header + 4);
	if (40 + payload_bytes > rest->left)
		return REASON_IPV6_PAYLOAD_LENGTH;

	facts->ip = true;
	facts->family = FAMILY_V6;
	memcpy(facts->address[ADDRESS_SRC], header + 8, 16);
	memcpy(facts->address[ADDRESS_DST], header + 24, 16);
	set_fact(facts, FIELD_LENGTH, (uint32_t)(40 + payload_bytes));
	set_fact(facts, FIELD_TTL, header[7]);
	set_fact(facts, FIELD_DSCP, (read_be16(header) >> 6) & 0x3f);
	set_fact(facts, FIELD_IP_OPTIONS, 0); /* until the chain has some */

	rest->left = 40 + payload_bytes; /* what is behind it is padding */
	skip(rest, 40);
	reason = read_ipv6_chain(rest, header[6], facts, upper);
	set_fact(facts, FIELD_FRAGMENT, upper->fragment);
	return reason;
}

static enum reason check_fragment(const struct upper *upper)
{
	if (upper->fragment == FRAGMENT_NONE)
		return REASON_NONE;
	if (upper->fragment_offset + upper->fragment_bytes > 65535)
		return REASON_FRAGMENT_OVERRUN;
	if (upper->fragment == FRAGMENT_LATER && upper->fragment_offset == 8 && upper->known &&
	    upper->proto == TCP)
		return REASON_FRAGMENT_OVERLAP; /* RFC 3128 */
	return REASON_NONE;
}

static void set_ports(struct facts *facts, const uint8_t *header)
{
	set_fact(facts, FIELD_SPORT, read_be16(header));
	set_fact(facts, FIELD_DPORT, read_be16(header + 2));
}

/* RFC 9293 section 3.1. */
static enum reason read_tcp(const struct rest *rest, struct facts *facts)
{
	size_t header_bytes;

	if (rest->left < 20)
		return REASON_TCP_TRUNCATED;
	header_bytes = (size_t)(rest->data[12] >> 4) * 4;
	if (header_bytes < 20 || header_bytes > rest->left)
		return REASON_TCP_HEADER_LENGTH;
	set_ports(facts, rest->data);
	set_fact(facts, FIELD_TCP_FLAGS, rest->data[13]);
	return REASON_NONE;
}

/* RFC 768. The length of a datagram that is cut into fragments is that of the whole. */
static enum reason read_udp(const struct rest *rest, enum fragment_kind fragment,
			    struct facts *facts)
{
	size_t udp_bytes;

	if (rest->left < 8)
		return REASON_UDP_TRUNCATED;
	udp_bytes = read_be16(rest->data + 4);
	if (udp_bytes < 8)
		return REASON_UDP_LENGTH;
	if (fragment != FRAGMENT_FIRST && udp_bytes > rest->left)
		return REASON_UDP_LENGTH;
	set_ports(facts, rest->data);
	return REASON_NONE;
}

/* RFC 792, RFC 4443: the type is the first byte, the code the second. */
static enum reason read_icmp(const struct rest *rest, size_t min_bytes, uint32_t family,
			     struct facts *facts)
{
	if (rest->left < min_bytes)
		return REASON_ICMP_TRUNCATED;
	set_fact(facts, FIELD_ICMP, family << 16 | read_be16(rest->data));
	return REASON_NONE;
}

static enum reason read_upper(const struct rest *rest, const struct upper *upper,
			      struct facts *facts)
{
	if (!upper->known || upper->fragment == FRAGMENT_LATER)
		return REASON_NONE;
	if (upper->proto == TCP)
		return read_tcp(rest, facts);
	if (upper->proto == UDP)
		return read_udp(rest, upper->fragment, facts);
	if (upper->proto == ICMP && facts->family == FAMILY_V4)
		return read_icmp(rest, 8, 0, facts);
	if (upper->proto == ICMPV6 && facts->family == FAMILY_V6)
		return read_icmp(rest, 4, 1, facts);
	return REASON_NONE;
}

enum reason oracle_read_frame(const uint8_t *frame, size_t len, struct facts *facts)
{
	struct rest rest = { .data = frame, .left = len };
	struct upper upper = { .fragment = FRAGMENT_NONE };
	enum reason reason;
	uint32_t type;

	reason = read_ethernet(&rest, facts, &type);
	if (reason != REASON_NONE)
		return reason;
	if (type == ETHERTYPE_IPV4)
		reason = read_ipv4(&rest, facts, &upper);
	else if (type == ETHERTYPE_IPV6)
		reason = read_ipv6(&rest, facts, &upper);
	else
		return REASON_NONE;
	if (reason != REASON_NONE)
		return reason;
	reason = check_fragment(&upper);
	if (reason != REASON_NONE)
		return reason;
	return read_upper(&rest, &upper, facts);
}

static uint64_t read_be(const uint8_t *bytes, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

void oracle_trace(const uint8_t *frame, size_t len, struct trace *ret)
{
	struct facts facts = { 0 };

	oracle_read_frame(frame, len, &facts);
	for (size_t i = 0; i < N_ADDRESS_FIELDS; i++) {
		const uint8_t *address = facts.address[i];

		ret->address[i][0] = read_be(address, facts.family == FAMILY_V4 ? 4 : 8);
		ret->address[i][1] = facts.family == FAMILY_V4 ? 0 : read_be(address + 8, 8);
	}
	for (size_t i = 0; i < N_MAC_FIELDS; i++)
		ret->mac[i] = read_be(facts.mac[i], MAC_BYTES);
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		ret->scalar[i] = facts.scalar[i].present ? facts.scalar[i].value + 1 : 0;
	ret->len = (uint32_t)len;
	ret->ip = facts.ip;
	ret->family = (uint8_t)facts.family;
	ret->unknown_extension = facts.unknown_extension;
}

unsigned int oracle_outermost_vid(const uint8_t *frame, size_t len)
{
	uint32_t type;

	if (len < ETHERNET_BYTES + VLAN_TAG_BYTES)
		return 0;
	type = read_be16(frame + 12);
	if (!is_vlan_tag(type))
		return 0;
	return read_be16(frame + 14) % 4096;
}
