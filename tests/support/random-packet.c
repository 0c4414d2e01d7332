/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random-packet.c: random frames for a policy. First a wish for every field, mostly from the
 * conditions of one rule (an edge of a range or a prefix, or its neighbour); then a frame
 * that grants as many of them as fit together; then, sometimes, damage.
 */
#include <string.h>

#include "random-policy.h"
#include "util.h"

struct wish {
	bool any; /* false: wished */
	uint32_t value;
};

struct wishes {
	struct wish scalar[N_SCALAR_FIELDS];
	bool v6;
	uint32_t v4[N_ADDRESS_FIELDS];
	uint8_t v6_address[N_ADDRESS_FIELDS][16];
	uint8_t mac[N_MAC_FIELDS][MAC_BYTES];
};

/* --- addresses ---------------------------------------------------------------------------- */

static uint32_t near_prefix_v4(struct rng *rng, const struct prefix_v4 *prefix)
{
	uint32_t host_mask = prefix->len ? (uint32_t)((1ULL << (32 - prefix->len)) - 1) : ~0U;
	uint32_t first = prefix->addr, last = prefix->addr | host_mask;

	switch (rng_below(rng, 6)) {
	case 0:
		return first;
	case 1:
		return last;
	case 2:
		return first - 1;
	case 3:
		return last + 1;
	default:
		return first | ((uint32_t)rng_u64(rng) & host_mask);
	}
}

static void near_prefix_v6(struct rng *rng, const struct prefix_v6 *prefix, uint8_t address[16])
{
	unsigned __int128 first = (unsigned __int128)prefix->hi << 64 | prefix->lo;
	unsigned __int128 host_mask = prefix->len == 0 ? ~(unsigned __int128)0
				      : prefix->len == 128
					      ? 0
					      : ((unsigned __int128)1 << (128 - prefix->len)) - 1;
	unsigned __int128 value;

	switch (rng_below(rng, 6)) {
	case 0:
		value = first;
		break;
	case 1:
		value = first | host_mask;
		break;
	case 2:
		value = first - 1;
		break;
	case 3:
		value = (first | host_mask) + 1;
		break;
	default:
		value = (unsigned __int128)rng_u64(rng) << 64 | rng_u64(rng);
		value = first | (value & host_mask);
		break;
	}
	for (int i = 15; i >= 0; i--, value >>= 8)
		address[i] = (uint8_t)value;
}

/* The set that a rule names, or any set; NULL if there is none. */
static const struct prefix_set *pick_set(struct rng *rng, const struct policy *policy,
					 const struct rule *rule, unsigned int field)
{
	const struct address_match *match = rule ? &rule->address[field] : NULL;

	if (match && match->present && match->n_sets && rng_percent(rng, 80))
		return &policy->sets[match->sets[rng_below(rng, (uint32_t)match->n_sets)]];
	if (policy->n_sets == 0)
		return NULL;
	return &policy->sets[rng_below(rng, (uint32_t)policy->n_sets)];
}

static void wish_addresses(struct rng *rng, const struct policy *policy, const struct rule *rule,
			   struct wishes *wishes)
{
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		const struct prefix_set *set = pick_set(rng, policy, rule, f);

		wishes->v4[f] = (uint32_t)rng_u64(rng);
		for (int i = 0; i < 16; i++)
			wishes->v6_address[f][i] = (uint8_t)rng_u64(rng);
		if (set && set->n_v4)
			wishes->v4[f] =
				near_prefix_v4(rng, &set->v4[rng_below(rng, (uint32_t)set->n_v4)]);
		if (set && set->n_v6)
			near_prefix_v6(rng, &set->v6[rng_below(rng, (uint32_t)set->n_v6)],
				       wishes->v6_address[f]);
		/* An IPv6 address that looks like an IPv4 one must not be taken for it. */
		if (set && set->n_v4 && rng_percent(rng, 3)) {
			memset(wishes->v6_address[f], 0, 16);
			for (int i = 0; i < 4; i++)
				wishes->v6_address[f][i] = (uint8_t)(wishes->v4[f] >> (24 - 8 * i));
		}
	}
}

/* --- scalars ------------------------------------------------------------------------------ */

static uint32_t near_range(struct rng *rng, const struct range *range, uint32_t domain)
{
	uint32_t value;

	switch (rng_below(rng, 6)) {
	case 0:
		value = range->first;
		break;
	case 1:
		value = range->last;
		break;
	case 2:
		value = range->first ? range->first - 1 : 0;
		break;
	case 3:
		value = range->last + 1;
		break;
	default:
		value = rng_between(rng, range->first, range->last);
		break;
	}
	return value < domain ? value : domain - 1;
}

static void wish_scalars(struct rng *rng, const struct rule *rule, const struct rule *other,
			 struct wishes *wishes)
{
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
		const struct scalar_match *match = rule ? &rule->scalar[f] : NULL;
		struct wish *wish = &wishes->scalar[f];

		if ((!match || !match->present) && other && rng_percent(rng, 30))
			match = &other->scalar[f];
		wish->any =
			!match || !match->present || match->n_ranges == 0 || rng_percent(rng, 5);
		if (wish->any)
			continue;
		wish->value =
			near_range(rng, &match->ranges[rng_below(rng, (uint32_t)match->n_ranges)],
				   scalar_field_domain(f));
	}
}

static void wish_macs(struct rng *rng, const struct rule *rule, const struct rule *other,
		      struct wishes *wishes)
{
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++) {
		const struct mac_match *match = rule ? &rule->mac[f] : NULL;

		if ((!match || !match->present) && other && rng_percent(rng, 30))
			match = &other->mac[f];
		random_mac(rng, wishes->mac[f]);
		if (!match || !match->n_macs || rng_percent(rng, 10))
			continue;
		memcpy(wishes->mac[f], match->macs[rng_below(rng, (uint32_t)match->n_macs)],
		       MAC_BYTES);
		if (rng_percent(rng, 20)) /* a neighbour */
			wishes->mac[f][rng_below(rng, 2) ? 0 : MAC_BYTES - 1] +=
				rng_below(rng, 2) ? 1 : 0xff;
	}
}

static uint32_t grant(const struct wishes *wishes, unsigned int field, uint32_t otherwise)
{
	return wishes->scalar[field].any ? otherwise : wishes->scalar[field].value;
}

static const struct rule *pick_rule(struct rng *rng, const struct policy *policy, size_t interface)
{
	const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];

	if (ruleset->n_rules == 0)
		return NULL;
	return &ruleset->rules[rng_below(rng, (uint32_t)ruleset->n_rules)];
}

static void make_wishes(struct rng *rng, const struct policy *policy, size_t interface,
			struct wishes *wishes)
{
	const struct rule *rule = rng_percent(rng, 90) ? pick_rule(rng, policy, interface) : NULL;
	const struct rule *other = pick_rule(rng, policy, interface);
	const struct wish *icmp = &wishes->scalar[FIELD_ICMP];
	const struct wish *type = &wishes->scalar[FIELD_ETHERTYPE];

	memset(wishes, 0, sizeof(*wishes));
	wish_addresses(rng, policy, rule, wishes);
	wish_scalars(rng, rule, other, wishes);
	wish_macs(rng, rule, other, wishes);
	wishes->v6 = rng_below(rng, 2);
	if (!icmp->any && rng_percent(rng, 90))
		wishes->v6 = icmp->value >> 16;
	if (!type->any && type->value == 0x0800)
		wishes->v6 = false;
	if (!type->any && type->value == 0x86dd)
		wishes->v6 = true;
}

/* --- frames ------------------------------------------------------------------------------- */

static void put_macs(const struct wishes *wishes, struct packet *p)
{
	memcpy(p->data, wishes->mac[MAC_DST], MAC_BYTES);
	memcpy(p->data + MAC_BYTES, wishes->mac[MAC_SRC], MAC_BYTES);
}

static void put_vlan_tags(struct rng *rng, const struct wishes *wishes, struct packet *p)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8 };
	uint32_t n = 0;
	uint32_t vid = grant(wishes, FIELD_VLAN, rng_below(rng, 8));

	if (!wishes->scalar[FIELD_VLAN].any)
		n = 1 + rng_percent(rng, 25);
	else if (rng_percent(rng, 15))
		n = 1 + rng_below(rng, 2);
	if (rng_percent(rng, 1))
		n = 3;
	for (uint32_t i = 0; i < n; i++) {
		/* priority and drop eligible bits are no part of the VID */
		packet_vlan(p, tpids[rng_below(rng, 2)],
			    (uint16_t)(vid | (uint16_t)rng_below(rng, 16) << 12));
		vid = rng_below(rng, 4096);
	}
}

static uint8_t pick_proto(struct rng *rng, const struct wishes *wishes)
{
	static const uint8_t usual[] = { 6, 6, 6, 17, 17, 17, 1, 58, 47, 50, 59 };

	if (!wishes->scalar[FIELD_PROTO].any)
		return (uint8_t)wishes->scalar[FIELD_PROTO].value;
	if (!wishes->scalar[FIELD_TCP_FLAGS].any)
		return 6;
	if (!wishes->scalar[FIELD_ICMP].any)
		return wishes->v6 ? 58 : 1;
	if (!wishes->scalar[FIELD_SPORT].any || !wishes->scalar[FIELD_DPORT].any)
		return rng_below(rng, 2) ? 6 : 17;
	if (rng_percent(rng, 3))
		return (uint8_t)rng_u64(rng);
	return usual[rng_below(rng, ARRAY_SIZE(usual))];
}

static void put_extensions(struct rng *rng, struct packet *p)
{
	static const uint8_t types[] = { 0, 43, 60, 51, 60, 0, 44 };
	static const uint8_t unknown[] = { 135, 139, 140, 253, 254 };
	uint32_t n = rng_percent(rng, 25) ? rng_below(rng, 4) : 0;

	if (rng_percent(rng, 2))
		n = 7 + rng_below(rng, 3);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t type = types[rng_below(rng, ARRAY_SIZE(types))];

		if (type == 51)
			packet_extension(p, type, 8 + 4 * rng_below(rng, 8));
		else if (type == 44)
			packet_fragment(p, 0, rng_percent(rng, 20)); /* most are atomic */
		else
			packet_extension(p, type,
					 8 + 8 * rng_below(rng, rng_percent(rng, 5) ? 40 : 4));
	}
	if (rng_percent(rng, 3))
		packet_extension(p, unknown[rng_below(rng, ARRAY_SIZE(unknown))], 8);
}

static void put_fragment(struct rng *rng, const struct wishes *wishes, struct packet *p)
{
	uint32_t kind =
		grant(wishes, FIELD_FRAGMENT, rng_percent(rng, 8) ? 1 + rng_below(rng, 2) : 0);
	size_t offset = 0;

	if (kind == FRAGMENT_LATER) {
		offset = 8 * (1 + (size_t)rng_below(rng, rng_below(rng, 2) ? 4 : 8191));
		if (rng_percent(rng, 10))
			offset = 8 * 8191;
	}
	if (kind != FRAGMENT_NONE)
		packet_fragment(p, offset, kind == FRAGMENT_FIRST || rng_below(rng, 2));
}

static void put_upper(struct rng *rng, const struct wishes *wishes, struct packet *p)
{
	uint16_t sport = (uint16_t)grant(wishes, FIELD_SPORT, rng_below(rng, 65536));
	uint16_t dport = (uint16_t)grant(wishes, FIELD_DPORT, rng_below(rng, 65536));
	uint32_t icmp = grant(wishes, FIELD_ICMP, rng_below(rng, 65536));
	uint8_t proto = pick_proto(rng, wishes);

	switch (proto) {
	case 6:
		packet_tcp(p, sport, dport,
			   (uint8_t)grant(wishes, FIELD_TCP_FLAGS, rng_below(rng, 256)));
		if (rng_percent(rng, 20))
			packet_tcp_options(p, 4 * rng_below(rng, 11));
		break;
	case 17:
		packet_udp(p, sport, dport);
		break;
	case 1:
		packet_icmp(p, (uint8_t)(icmp >> 8), (uint8_t)icmp);
		break;
	case 58:
		packet_icmpv6(p, (uint8_t)(icmp >> 8), (uint8_t)icmp);
		break;
	default:
		packet_proto(p, proto);
		packet_payload(p, 8);
		break;
	}
}

/* Payload up to the wished length; long ones are slow to judge, so most stay short. */
static void put_payload(struct rng *rng, const struct wishes *wishes, struct packet *p)
{
	size_t now = p->len - p->network;
	size_t length = grant(wishes, FIELD_LENGTH, (uint32_t)now + rng_below(rng, 40));

	if (length > 2000 && !rng_percent(rng, 10))
		length = now + rng_below(rng, 1600);
	if (length > now && p->len + length - now <= PACKET_MAX - 100)
		packet_payload(p, length - now);
}

static const uint8_t odd_next[] = { 0, 43, 44, 51, 60, 135, 139, 140, 253, 254 };

static void put_ip(struct rng *rng, const struct wishes *wishes, struct packet *p)
{
	uint8_t dscp = (uint8_t)grant(wishes, FIELD_DSCP, rng_below(rng, 64));
	uint8_t ttl = (uint8_t)grant(wishes, FIELD_TTL, rng_below(rng, 256));
	uint8_t ecn = (uint8_t)rng_below(rng, 4);
	bool options = grant(wishes, FIELD_IP_OPTIONS, rng_percent(rng, 10));

	if (wishes->v6) {
		packet_ipv6(p, wishes->v6_address[ADDRESS_SRC], wishes->v6_address[ADDRESS_DST]);
		/* traffic class across two bytes, then a flow label */
		p->data[p->network] = (uint8_t)(0x60 | dscp >> 2);
		p->data[p->network + 1] =
			(uint8_t)((dscp << 6 | ecn << 4 | rng_below(rng, 16)) & 0xff);
		p->data[p->network + 7] = ttl;
		if (options)
			packet_extension(p, 0, 8 + 8 * rng_below(rng, 4));
		put_extensions(rng, p);
		put_fragment(rng, wishes, p);
		if (rng_percent(rng, 20))
			put_extensions(rng, p);
	} else {
		packet_ipv4(p, wishes->v4[ADDRESS_SRC], wishes->v4[ADDRESS_DST]);
		p->data[p->network + 1] = (uint8_t)(dscp << 2 | ecn);
		p->data[p->network + 8] = ttl;
		if (options)
			packet_ipv4_options(p, 4 * (1 + rng_below(rng, 10)));
		put_fragment(rng, wishes, p);
		if (rng_percent(rng, 30)) /* don't fragment, or the reserved bit */
			p->data[p->network + 6] |= rng_below(rng, 2) ? 0x40 : 0x80;
	}
	put_upper(rng, wishes, p);
	if (p->fragment && rng_percent(rng, 15)) /* ahead of what it cannot know */
		packet_proto(p, odd_next[rng_below(rng, ARRAY_SIZE(odd_next))]);
	put_payload(rng, wishes, p);
	packet_end(p);
}

static void put_other(struct rng *rng, uint16_t type, struct packet *p)
{
	packet_ethertype(p, type);
	packet_payload(p, rng_below(rng, 100));
}

static void damage(struct rng *rng, struct packet *p)
{
	size_t headers = p->len < 120 ? p->len : 120;
	size_t at = 12 + rng_below(rng, (uint32_t)(headers - 12));

	switch (rng_below(rng, 5)) {
	case 0:
		p->len = 14 + rng_below(rng, (uint32_t)(headers - 13));
		break;
	case 1:
		p->data[at] = (uint8_t)rng_u64(rng);
		break;
	case 2:
		p->data[at] ^= (uint8_t)(1U << rng_below(rng, 8));
		break;
	case 3: /* lengths that are off by one, or far off */
		if (p->network && p->network + 6 <= p->len)
			packet_set16(p, p->network + (p->data[p->network] >> 4 == 4 ? 2 : 4),
				     (uint16_t)(p->len - p->network - rng_below(rng, 50)));
		break;
	default:
		if (p->upper && p->upper + 6 <= p->len)
			packet_set16(p, p->upper + 4,
				     (uint16_t)(p->len - p->upper + 5 - rng_below(rng, 12)));
		break;
	}
}

void random_packet(struct rng *rng, const struct policy *policy, size_t interface, struct packet *p)
{
	struct wishes wishes;
	uint32_t type;

	make_wishes(rng, policy, interface, &wishes);
	type = grant(&wishes, FIELD_ETHERTYPE, wishes.v6 ? 0x86dd : 0x0800);
	if (rng_percent(rng, 3))
		type = rng_below(rng, 2) ? rng_below(rng, 0x700) : rng_below(rng, 65536);

	packet_start(p);
	put_macs(&wishes, p);
	put_vlan_tags(rng, &wishes, p);
	if (type == 0x0800 || type == 0x86dd)
		put_ip(rng, &wishes, p);
	else
		put_other(rng, (uint16_t)type, p);
	if (rng_percent(rng, 10))
		packet_padding(p, rng_below(rng, 50));
	if (rng_percent(rng, 12))
		damage(rng, p);
}
