/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_damage.c: program tests of frames that are not as they should be: cut off at every
 * byte; every value of the header bytes; headers that lie outside the linear part of a
 * multi-buffer frame.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "frames.h"
#include "sandbox.h"
#include "util.h"

static struct packet *const p = &packet;

static struct bench *bench;

static int setup(void **state)
{
	bench = bench_open(edge_policy(), 0, true);
	return 0;
}

static int teardown(void **state)
{
	bench = bench_close(bench);
	return 0;
}

/* --- cut off at every byte ---------------------------------------------------------------- */

struct step {
	size_t from; /* frames of so many bytes, and more, up to the next step */
	enum reason reason;
};

struct cut {
	const char *description;
	void (*build)(void);
	/* The frame alone is cut off; the headers still tell of the whole packet. */
	struct step frame[8];
	/* The packet ends there, and the header says so. */
	struct step packet[16];
};

/* From here on nothing is malformed. */
#define END(bytes)                                                                                 \
	{                                                                                          \
		bytes, N_REASONS                                                                   \
	}

static const struct cut cuts[] = {
	{ "IPv4 TCP",
	  v4_tcp,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(86) },
	  { { 34, REASON_TCP_TRUNCATED }, { 54, REASON_TCP_HEADER_LENGTH }, END(66) } },
	{ "IPv4 UDP with options, QinQ",
	  v4_udp_options_qinq,
	  { { 14, REASON_VLAN_TRUNCATED },
	    { 22, REASON_IPV4_TRUNCATED },
	    { 66, REASON_IPV4_TOTAL_LENGTH },
	    END(84) },
	  { { 66, REASON_UDP_TRUNCATED }, { 74, REASON_UDP_LENGTH }, END(84) } },
	{ "IPv6 TCP behind six extension headers",
	  v6_chain_tcp,
	  { { 14, REASON_IPV6_TRUNCATED }, { 54, REASON_IPV6_PAYLOAD_LENGTH }, END(207) },
	  { { 54, REASON_IPV6_EXTENSION_TRUNCATED }, { 178, REASON_TCP_TRUNCATED }, END(198) } },
	{ "ICMP echo",
	  v4_icmp,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(50) },
	  { { 34, REASON_ICMP_TRUNCATED }, END(42) } },
	{ "ICMPv6 echo in a VLAN",
	  v6_icmp,
	  { { 14, REASON_VLAN_TRUNCATED },
	    { 18, REASON_IPV6_TRUNCATED },
	    { 58, REASON_IPV6_PAYLOAD_LENGTH },
	    END(70) },
	  { { 58, REASON_ICMP_TRUNCATED }, END(62) } },
	{ "IPv4 first fragment",
	  v4_first_fragment,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(58) },
	  { { 34, REASON_UDP_TRUNCATED }, END(42) } },
	{ "IPv4 later fragment",
	  v4_later_fragment,
	  { { 14, REASON_IPV4_TRUNCATED }, { 34, REASON_IPV4_TOTAL_LENGTH }, END(50) },
	  { END(34) } },
	{ "IPv6 first fragment",
	  v6_first_fragment,
	  { { 14, REASON_IPV6_TRUNCATED }, { 54, REASON_IPV6_PAYLOAD_LENGTH }, END(94) },
	  { { 54, REASON_IPV6_EXTENSION_TRUNCATED }, { 70, REASON_TCP_TRUNCATED }, END(90) } },
	{ "IPv6 later fragment",
	  v6_later_fragment,
	  { { 14, REASON_IPV6_TRUNCATED }, { 54, REASON_IPV6_PAYLOAD_LENGTH }, END(78) },
	  { { 54, REASON_IPV6_EXTENSION_TRUNCATED }, END(62) } },
	{ "three tags",
	  triple_tag,
	  { { 14, REASON_VLAN_TRUNCATED }, { 22, REASON_VLAN_TOO_DEEP }, END(46) },
	  {} },
};

static void expect_step(const struct cut *cut, const struct step *steps)
{
	const struct step *step = steps;
	char description[96];

	while (step[1].from && p->len >= step[1].from)
		step++;
	snprintf(description, sizeof(description), "%s, %zu bytes left", cut->description, p->len);
	if (step->reason != N_REASONS && p->len >= step->from) {
		struct expected expected = { VERDICT_DROP, step->reason, NULL, NULL };

		bench_expect(bench, description, p, &expected);
	}
	bench_as_oracle(bench, description, p);
}

static void test_frame_cut_off(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t whole;

		cuts[i].build();
		whole = p->len;
		for (p->len = 14; p->len <= whole; p->len++)
			expect_step(&cuts[i], cuts[i].frame);
	}
}

/* The frame is cut off, or stays and what is cut off becomes padding. */
static void test_packet_cut_off(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t whole, headers;
		bool v4;

		if (cuts[i].packet[0].from == 0)
			continue;
		cuts[i].build();
		whole = p->len;
		v4 = p->data[p->network] >> 4 == 4;
		headers = p->network + (v4 ? (size_t)(p->data[p->network] & 15) * 4 : 40);
		for (p->len = headers; p->len <= whole; p->len++) {
			size_t len = p->len;

			packet_set16(p, p->network + (v4 ? 2 : 4),
				     (uint16_t)(len - p->network - (v4 ? 0 : 40)));
			expect_step(&cuts[i], cuts[i].packet);
			p->len = whole;
			bench_as_oracle(bench, "padding behind a packet cut off", p);
			p->len = len;
		}
	}
}

/* --- every value of a header byte, against the oracle ------------------------------------- */

static void sweep_byte(void (*build)(void), size_t from, size_t to)
{
	build();
	for (size_t at = from; at < to; at++) {
		uint8_t was = p->data[at];

		for (unsigned int value = 0; value < 256; value++) {
			char description[64];

			p->data[at] = (uint8_t)value;
			snprintf(description, sizeof(description), "byte %zu is %u", at, value);
			bench_as_oracle(bench, description, p);
		}
		p->data[at] = was;
	}
}

static void test_every_byte_value(void **state)
{
	sweep_byte(v4_tcp, 12, 54);
	sweep_byte(v4_udp_options_qinq, 12, 32);
	sweep_byte(v4_first_fragment, 18, 42);
	sweep_byte(v4_icmp, 34, 36);
	sweep_byte(v6_chain_tcp, 14, 21);
	sweep_byte(v6_chain_tcp, 54, 56);
	sweep_byte(v6_chain_tcp, 70, 72);
	sweep_byte(v6_chain_tcp, 102, 112); /* the fragment header, and AH's first bytes */
	sweep_byte(v6_later_fragment, 20, 21);
	sweep_byte(v6_later_fragment, 54, 58);
	sweep_byte(v6_icmp, 58, 60);
}

static void test_every_ethertype(void **state)
{
	for (unsigned int tag = 0; tag < 2; tag++) {
		for (unsigned int type = 0; type < 65536; type += type < 0x700 ? 1 : 3) {
			char description[32];

			packet_start(p);
			if (tag)
				packet_vlan(p, 0x88a8, 100);
			packet_ethertype(p, (uint16_t)type);
			packet_payload(p, 46);
			snprintf(description, sizeof(description), "ethertype 0x%04x", type);
			bench_as_oracle(bench, description, p);
		}
	}
}

static void test_fragment_offsets(void **state)
{
	for (unsigned int offset = 0; offset < 65536; offset += 8) {
		char description[32];

		snprintf(description, sizeof(description), "fragment at %u", offset);
		v4_later_fragment();
		packet_fragment(p, offset, offset & 16);
		bench_as_oracle(bench, description, p);
		v6_later_fragment();
		packet_set16(p, p->fragment + 2, (uint16_t)(offset | (offset & 16 ? 1 : 0)));
		bench_as_oracle(bench, description, p);
	}
}

/* --- headers outside the linear part ------------------------------------------------------ */

/* Two long extension headers move the upper header across the end of the linear part (some
 * 3.5 KiB in BPF_PROG_TEST_RUN) in steps of 4 bytes. */
static void far_headers(size_t bytes, bool tag, bool tcp)
{
	packet_start(p);
	if (tag)
		packet_vlan(p, 0x8100, 100);
	put_ipv6();
	packet_extension(p, 60, 2048);
	packet_extension(p, 60, bytes);
	packet_fragment(p, 0, 0);
	if (tcp)
		packet_tcp(p, 1024, 443, TCP_SYN);
	else
		packet_udp(p, 1024, 53);
	packet_payload(p, 3000);
	packet_end(p);
}

static void test_headers_across_buffers(void **state)
{
	static const struct expected https = BY_RULE(PASS, "https");
	static const struct expected dns = BY_RULE(DROP, "dns");
	char description[64];

	for (size_t bytes = 8; bytes <= 2048; bytes += 8) {
		for (int tag = 0; tag < 2; tag++) {
			far_headers(bytes, tag, true);
			snprintf(description, sizeof(description), "TCP header at byte %zu",
				 p->upper);
			bench_as_oracle(bench, description, p);
			p->len = p->upper + 19;
			bench_as_oracle(bench, description, p);
			packet_end(p);
			bench_as_oracle(bench, description, p);
			far_headers(bytes, tag, false);
			bench_as_oracle(bench, description, p);
		}
		if (bytes % 64)
			continue;
		far_headers(bytes, false, true);
		bench_expect(bench, description, p, &https);
		far_headers(bytes, false, false);
		bench_expect(bench, description, p, &dns);
	}
}

/* All eight headers as long as can be: the upper header at byte 16 KiB. */
static void test_longest_chain(void **state)
{
	static const struct expected expected = BY_RULE_AND(DROP, "dns", "jumbo");

	packet_start(p);
	put_ipv6();
	for (int i = 0; i < 8; i++)
		packet_extension(p, i == 0 ? 0 : 60, 2048);
	packet_udp(p, 1, 53);
	packet_payload(p, 100);
	packet_end(p);
	bench_expect(bench, "eight extension headers of 2048 bytes", p, &expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_cut_off),
		cmocka_unit_test(test_packet_cut_off),
		cmocka_unit_test(test_every_byte_value),
		cmocka_unit_test(test_every_ethertype),
		cmocka_unit_test(test_fragment_offsets),
		cmocka_unit_test(test_headers_across_buffers),
		cmocka_unit_test(test_longest_chain),
	};

	if (!can_load_programs())
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
