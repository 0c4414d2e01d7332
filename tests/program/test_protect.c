/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_protect.c: program tests of `protect:`, from the policy file to the verdict: each protocol
 * as it should be, with the wrong TTL, in fragments; the fates, which come behind it; and what
 * `$self` holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"
#include "config.h"
#include "sandbox.h"
#include "util.h"

static struct packet packet;
static struct packet *const p = &packet;

#define OUR4 "198.51.100.1"
#define OUR6 "2001:db8::1"
#define PEER4 "192.0.2.9"
#define PEER6 "2001:db8:9::9"

static struct policy *load(const char *protect, const char *fate, const char *rest)
{
	struct prefix_v4 v4 = { 0xc6336401, 32 };
	struct prefix_v6 v6 = { 0x20010db800000000ULL, 1, 128 };
	const struct local_addresses self = { &v4, 1, &v6, 1 };
	const struct load_options options = { .self = &self };
	char path[] = "/tmp/xdpgate-protect-XXXXXX";
	struct policy *policy = NULL;
	struct diags diags = {};
	FILE *file = fdopen(mkstemp(path), "w");

	assert_non_null(file);
	fprintf(file,
		"interfaces: {wan: {policy: edge}}\n"
		"sets: {peers: [" PEER4 ", " PEER6 "]}\n"
		"protect: %s\nfate: %s\npolicies: {edge: %s}\n",
		protect, fate, rest);
	fclose(file);
	policy_load_with(path, &options, &policy, &diags);
	unlink(path);
	diags_print(&diags, stderr, false);
	diags_free(&diags);
	assert_non_null(policy);
	return policy;
}

static void v4(const char *src, const char *dst, uint8_t ttl)
{
	packet_start(p);
	packet_ipv4(p, packet_address4(src), packet_address4(dst));
	p->data[p->network + 8] = ttl;
}

static void v6(const char *src, const char *dst, uint8_t hop_limit)
{
	uint8_t from[16], to[16];

	packet_address6(from, src);
	packet_address6(to, dst);
	packet_start(p);
	packet_ipv6(p, from, to);
	p->data[p->network + 7] = hop_limit;
}

/* Build a packet of either family, by how the addresses look. */
static void ip(const char *src, const char *dst, uint8_t ttl)
{
	if (strchr(src, ':'))
		v6(src, dst, ttl);
	else
		v4(src, dst, ttl);
}

static void tcp(const char *src, uint8_t ttl, uint16_t sport, uint16_t dport)
{
	ip(src, strchr(src, ':') ? OUR6 : OUR4, ttl);
	packet_tcp(p, sport, dport, TCP_ACK);
	packet_payload(p, 19);
	packet_end(p);
}

static void udp(const char *src, uint8_t ttl, uint16_t dport)
{
	ip(src, strchr(src, ':') ? OUR6 : OUR4, ttl);
	packet_udp(p, 49152, dport);
	packet_payload(p, 24);
	packet_end(p);
}

static void proto(const char *src, const char *dst, uint8_t ttl, uint8_t number)
{
	ip(src, dst, ttl);
	packet_proto(p, number);
	packet_payload(p, 44);
	packet_end(p);
}

static void icmpv6(const char *src, uint8_t hop_limit, uint8_t type)
{
	v6(src, "ff02::1", hop_limit);
	packet_icmpv6(p, type, 0);
	packet_payload(p, 28);
	packet_end(p);
}

static void passes(struct bench *bench, const char *rule)
{
	const struct expected expected = { VERDICT_PASS, REASON_NONE, rule, NULL };

	bench_expect(bench, rule, p, &expected);
}

/* By the policy's default; counted: by rules that decide nothing. */
static void drops(struct bench *bench, const char *what, const char *counted)
{
	const struct expected expected = { VERDICT_DROP, REASON_DEFAULT, NULL, counted };

	bench_expect(bench, what, p, &expected);
}

static void drops_by_reason(struct bench *bench, const char *what, enum reason reason,
			    const char *counted)
{
	const struct expected expected = { VERDICT_DROP, reason, NULL, counted };

	bench_expect(bench, what, p, &expected);
}

#define ALL_LINK "{link: [arp, nd, mld, igmp, lacp, lldp, ospf, pim, vrrp, bfd]}"

/* --- link -------------------------------------------------------------------------------- */

static void ethernet(uint16_t type)
{
	packet_start(p);
	packet_ethertype(p, type);
	packet_payload(p, 46);
}

static void test_link_ethernet(void **state)
{
	struct bench *bench =
		bench_open(load(ALL_LINK, "{non-ip: drop}", "{default: drop}"), 0, true);

	ethernet(0x0806);
	passes(bench, "protect/arp");
	ethernet(0x8809);
	passes(bench, "protect/lacp");
	ethernet(0x88cc);
	passes(bench, "protect/lldp");
	ethernet(0x88b5);
	drops_by_reason(bench, "another ethertype", REASON_NON_IP, NULL);
	bench_close(bench);
}

static void test_link_ip(void **state)
{
	struct bench *bench = bench_open(load(ALL_LINK, "{}", "{default: drop}"), 0, true);

	for (uint8_t type = 133; type <= 137; type++) {
		icmpv6("fe80::2", 255, type);
		passes(bench, "protect/nd");
		icmpv6("fe80::2", 254, type);
		drops(bench, "neighbour discovery through a router", NULL);
	}
	icmpv6("fe80::2", 255, 138);
	drops(bench, "another type", NULL);
	icmpv6("fe80::2", 1, 130);
	passes(bench, "protect/mld");
	icmpv6("::", 1, 143);
	passes(bench, "protect/mld");
	icmpv6("2001:db8::7", 1, 143);
	drops(bench, "MLD from an address that routers pass on", NULL);
	proto("192.0.2.7", "224.0.0.1", 1, 2);
	passes(bench, "protect/igmp");
	proto("192.0.2.7", OUR4, 1, 2);
	drops(bench, "IGMP to us alone", NULL);
	proto("192.0.2.7", "224.0.0.18", 255, 112);
	passes(bench, "protect/vrrp");
	proto("fe80::7", "ff02::12", 255, 112);
	passes(bench, "protect/vrrp");
	proto("192.0.2.7", "224.0.0.18", 254, 112);
	drops(bench, "VRRP through a router", NULL);
	proto("192.0.2.7", "224.0.0.13", 1, 103);
	passes(bench, "protect/pim");
	udp("192.0.2.7", 255, 3784);
	passes(bench, "protect/bfd");
	udp("fe80::7", 255, 3785);
	passes(bench, "protect/bfd");
	udp("192.0.2.7", 254, 3784);
	drops(bench, "BFD through a router", NULL);
	udp("192.0.2.7", 255, 3786);
	drops(bench, "another port", NULL);
	bench_close(bench);
}

/* OSPF to the routers of a link, or to us; not through us. A fragment of it too. */
static void test_ospf(void **state)
{
	struct bench *bench =
		bench_open(load(ALL_LINK, "{fragments: drop}", "{default: drop}"), 0, true);
	static const char *const ours[][2] = {
		{ "192.0.2.7", "224.0.0.5" }, { "192.0.2.7", "224.0.0.6" }, { "192.0.2.7", OUR4 },
		{ "fe80::7", "ff02::5" },     { "fe80::7", "ff02::6" },     { "fe80::7", OUR6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		proto(ours[i][0], ours[i][1], 1, 89);
		passes(bench, "protect/ospf");
	}
	proto("192.0.2.7", "198.51.100.2", 1, 89);
	drops(bench, "OSPF to somebody else", NULL);
	v4("192.0.2.7", OUR4, 1);
	packet_fragment(p, 1480, 0);
	packet_proto(p, 89);
	packet_payload(p, 100);
	packet_end(p);
	passes(bench, "protect/ospf");
	v4("192.0.2.7", OUR4, 1);
	packet_fragment(p, 1480, 0);
	packet_proto(p, 6);
	packet_payload(p, 100);
	packet_end(p);
	drops_by_reason(bench, "another fragment", REASON_FRAGMENT, NULL);
	bench_close(bench);
}

/* --- bgp --------------------------------------------------------------------------------- */

static void test_bgp(void **state)
{
	struct bench *bench =
		bench_open(load("{bgp: [{peers: $peers}]}", "{}", "{default: drop}"), 0, true);

	tcp(PEER4, 1, 50000, 179);
	passes(bench, "protect/bgp-1");
	tcp(PEER6, 255, 50000, 179);
	passes(bench, "protect/bgp-1");
	tcp(PEER4, 1, 179, 50000);
	passes(bench, "protect/bgp-1-back");
	tcp(PEER6, 64, 179, 50000);
	passes(bench, "protect/bgp-1-back");
	tcp(PEER4, 64, 50000, 22);
	drops(bench, "another port", NULL);
	tcp("192.0.2.8", 255, 50000, 179);
	drops(bench, "not a peer", NULL);
	udp(PEER4, 255, 3784);
	drops(bench, "BFD, which is not asked for", NULL);
	udp(PEER4, 255, 179);
	drops(bench, "UDP", NULL);
	bench_close(bench);
}

static void test_gtsm(void **state)
{
	struct bench *bench = bench_open(
		load("{bgp: [{peers: $peers, gtsm: true, bfd: true}]}", "{}", "{default: drop}"), 0,
		true);

	tcp(PEER4, 255, 50000, 179);
	passes(bench, "protect/bgp-1");
	tcp(PEER6, 255, 179, 50000);
	passes(bench, "protect/bgp-1-back");
	tcp(PEER4, 254, 50000, 179);
	drops(bench, "from further away", "protect/bgp-1-far");
	tcp(PEER6, 0, 50000, 179);
	drops(bench, "hop limit 0", "protect/bgp-1-far");
	tcp(PEER4, 254, 179, 50000);
	drops(bench, "from further away", "protect/bgp-1-far-back");
	tcp(PEER4, 254, 179, 179);
	drops(bench, "179 on both sides", "protect/bgp-1-far protect/bgp-1-far-back");
	udp(PEER4, 255, 3784);
	passes(bench, "protect/bgp-1-bfd");
	udp(PEER6, 254, 3784);
	drops(bench, "BFD from further away", "protect/bgp-1-far-bfd");
	udp(PEER6, 255, 4784);
	passes(bench, "protect/bgp-1-bfd-multihop");
	udp(PEER6, 254, 4784);
	drops(bench, "BFD from further away", "protect/bgp-1-far-bfd-multihop");
	udp("192.0.2.8", 255, 3784);
	drops(bench, "BFD, not from a peer", NULL);
	bench_close(bench);
}

/* Several hops, and a second entry for the same peers that is less strict. */
static void test_hops(void **state)
{
	struct bench *bench = bench_open(load("{bgp: [{peers: $peers, gtsm: {hops: 3}}, "
					      "{peers: " PEER6 ", bfd: true}]}",
					      "{}", "{default: drop}"),
					 0, true);
	const struct expected second = { VERDICT_PASS, REASON_NONE, "protect/bgp-2",
					 "protect/bgp-1-far" };

	tcp(PEER4, 253, 50000, 179);
	passes(bench, "protect/bgp-1");
	tcp(PEER4, 252, 50000, 179);
	drops(bench, "four hops away", "protect/bgp-1-far");
	tcp(PEER6, 252, 50000, 179);
	bench_expect(bench, "by the second entry", p, &second);
	udp(PEER6, 7, 4784);
	passes(bench, "protect/bgp-2-bfd-multihop");
	bench_close(bench);
}

/* --- what comes behind ------------------------------------------------------------------- */

/* The rules cannot touch what is protected; what is not goes through them. */
static void test_ahead_of_rules(void **state)
{
	struct bench *bench = bench_open(
		load("{link: [arp], bgp: [{peers: $peers, gtsm: true}]}", "{}",
		     "{rules: [{name: all, do: drop}, {name: arp, match: {ethertype: arp}, do: drop}]}"),
		0, true);
	const struct expected far = { VERDICT_DROP, REASON_NONE, "all", "protect/bgp-1-far" };

	ethernet(0x0806);
	passes(bench, "protect/arp");
	tcp(PEER4, 255, 50000, 179);
	passes(bench, "protect/bgp-1");
	tcp(PEER4, 64, 50000, 179);
	bench_expect(bench, "counted, and on to the rules", p, &far);
	bench_close(bench);
}

/* The fates of fragments and of unknown extension headers come behind, that of malformed packets
 * does not; a rule of the policy never comes ahead of one. */
static void test_ahead_of_fates(void **state)
{
	struct bench *bench = bench_open(load("{link: [ospf], bgp: [{peers: $peers, gtsm: true}]}",
					      "{fragments: drop, unknown-extension: drop}",
					      "{rules: [{name: all, do: pass}]}"),
					 0, true);

	v4(PEER4, OUR4, 255);
	packet_fragment(p, 0, 1);
	packet_tcp(p, 50000, 179, TCP_ACK);
	packet_payload(p, 28);
	packet_end(p);
	passes(bench, "protect/bgp-1");
	p->data[p->network + 8] = 254;
	drops_by_reason(bench, "a first fragment from afar", REASON_FRAGMENT, "protect/bgp-1-far");
	v4(PEER4, OUR4, 255);
	packet_fragment(p, 48, 0);
	packet_proto(p, 6);
	packet_payload(p, 28);
	packet_end(p);
	drops_by_reason(bench, "a later fragment has no port", REASON_FRAGMENT, NULL);
	v6(PEER6, OUR6, 255);
	packet_fragment(p, 0, 1);
	packet_proto(p, 135);
	packet_payload(p, 24);
	packet_end(p);
	drops_by_reason(bench, "an unknown extension header", REASON_UNKNOWN_EXTENSION, NULL);
	tcp(PEER4, 255, 50000, 179);
	p->data[p->upper + 12] = 0x40;
	drops_by_reason(bench, "malformed", REASON_TCP_HEADER_LENGTH, NULL);
	udp(PEER4, 64, 53);
	passes(bench, "all");
	bench_close(bench);
}

/* Many rules ahead of the fates, across a word's end: none of the others is asked. */
static void test_many_ahead_of_fates(void **state)
{
	char protect[4096] = "{bgp: [";
	struct policy *policy;
	struct bench *bench;

	for (int i = 0; i < 40; i++)
		sprintf(protect + strlen(protect), "{peers: 203.0.113.%d}, ", i);
	strcat(protect, "{peers: $peers}]}");
	policy = load(protect, "{fragments: drop}",
		      "{rules: [{name: seen, do: count}, {name: all, do: pass}]}");
	assert_int_equal(policy->rulesets[0].n_protect, 82);
	bench = bench_open(policy, 0, true);
	v4(PEER4, OUR4, 64);
	packet_fragment(p, 0, 1);
	packet_tcp(p, 179, 50000, TCP_ACK);
	packet_payload(p, 28);
	packet_end(p);
	passes(bench, "protect/bgp-41-back");
	packet_set16(p, p->upper, 180);
	drops_by_reason(bench, "not protected", REASON_FRAGMENT, NULL);
	bench_close(bench);
}

/* --- $self ------------------------------------------------------------------------------- */

static void test_self(void **state)
{
	struct bench *bench = bench_open(
		load("{link: [arp]}", "{}",
		     "{default: pass, rules: [{name: self, match: {dst: $self, dport: 22}, do: drop}, "
		     "{name: not-self, match: {dst: {not: $self}, dport: 23}, do: drop}]}"),
		0, true);
	const struct expected self = { VERDICT_DROP, REASON_NONE, "self", NULL };
	const struct expected not_self = { VERDICT_DROP, REASON_NONE, "not-self", NULL };
	const struct expected passed = { VERDICT_PASS, REASON_DEFAULT, NULL, NULL };

	tcp("192.0.2.7", 64, 1024, 22);
	bench_expect(bench, "to us", p, &self);
	tcp("2001:db8:7::7", 64, 1024, 22);
	bench_expect(bench, "to us", p, &self);
	tcp("2001:db8:7::7", 64, 1024, 23);
	bench_expect(bench, "to us", p, &passed);
	ip("192.0.2.7", "198.51.100.2", 64);
	packet_tcp(p, 1024, 23, TCP_SYN);
	packet_end(p);
	bench_expect(bench, "to somebody else", p, &not_self);
	packet_set16(p, p->upper + 2, 22);
	bench_expect(bench, "to somebody else", p, &passed);
	bench_close(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_ethernet),
		cmocka_unit_test(test_link_ip),
		cmocka_unit_test(test_ospf),
		cmocka_unit_test(test_bgp),
		cmocka_unit_test(test_gtsm),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_ahead_of_rules),
		cmocka_unit_test(test_ahead_of_fates),
		cmocka_unit_test(test_many_ahead_of_fates),
		cmocka_unit_test(test_self),
	};

	if (!can_load_programs())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
