/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_builtin.c: what the parts that come with xdpgate do to packets: the oracle over a policy that
 * includes them. The policy drops what reaches its end, or passes it, so that it tells whether the
 * part decided.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builtin.h"
#include "config.h"
#include "oracle.h"
#include "packet.h"
#include "util.h"

static struct packet packet;
static struct packet *const p = &packet;

static struct policy *load(const char *group, const char *otherwise)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *text = NULL;
	struct policy *policy = NULL;

	assert_true(asprintf(&text,
			     "include: builtin:%s\ninterfaces: {eth0: {policy: p}}\n"
			     "policies: {p: {default: %s, rules: [use: %s]}}\n",
			     group, otherwise, group) > 0);
	assert_int_equal(policy_load_text("t.yaml", text, strlen(text), &policy, &diags), 0);
	/* One that drops by default, and passes no more than the group does, locks out. */
	assert_int_equal(diags.n, strcmp(otherwise, "drop") == 0);
	return policy;
}

/* The rule that decides, or "". */
static const char *judge(const struct policy *policy)
{
	struct oracle_answer answer = { 0 };

	packet_end(p);
	oracle_judge(policy, 0, p->data, p->len, &answer);
	assert_true(answer.rule != ORACLE_NO_RULE || answer.reason == REASON_DEFAULT);
	return answer.rule == ORACLE_NO_RULE ? "" : policy->rulesets[0].rules[answer.rule].name;
}

static void start(const char *src, const char *dst, uint8_t ttl)
{
	uint8_t a[16], b[16];

	packet_start(p);
	if (strchr(src, ':')) {
		packet_address6(a, src);
		packet_address6(b, dst);
		packet_ipv6(p, a, b);
		p->data[p->network + 7] = ttl;
	} else {
		packet_ipv4(p, packet_address4(src), packet_address4(dst));
		p->data[p->network + 8] = ttl;
	}
}

/* --- icmp -------------------------------------------------------------------------------- */

static const char *icmp(const struct policy *policy, uint8_t type, uint8_t code)
{
	start("192.0.2.1", "198.51.100.1", 50);
	packet_icmp(p, type, code);
	return judge(policy);
}

static const char *icmpv6(const struct policy *policy, uint8_t type, uint8_t code, uint8_t ttl)
{
	start("2001:db8::1", "2001:db8::2", ttl);
	packet_icmpv6(p, type, code);
	return judge(policy);
}

static void passes_icmp(void **state)
{
	struct policy *policy = load("icmp", "drop");

	assert_string_equal(icmp(policy, 3, 4), "icmp-errors/path-mtu");
	assert_string_equal(icmpv6(policy, 2, 0, 50), "icmp-errors/path-mtu");
	assert_string_equal(icmpv6(policy, 2, 7, 1), "icmp-errors/path-mtu"); /* RFC 4443: any */
	for (int code = 0; code < 16; code++) {
		if (code != 4)
			assert_string_equal(icmp(policy, 3, code), "icmp-errors/unreachable");
		assert_string_equal(icmpv6(policy, 1, code, 50), "icmp-errors/unreachable");
	}
	for (int code = 0; code < 2; code++) {
		assert_string_equal(icmp(policy, 11, code), "icmp-errors/time-exceeded");
		assert_string_equal(icmpv6(policy, 3, code, 1), "icmp-errors/time-exceeded");
		assert_string_equal(icmp(policy, 12, code), "icmp-errors/parameter-problem");
		assert_string_equal(icmpv6(policy, 4, code, 50), "icmp-errors/parameter-problem");
	}
	assert_string_equal(icmp(policy, 8, 0), "icmp-echo/request");
	assert_string_equal(icmp(policy, 0, 0), "icmp-echo/reply");
	assert_string_equal(icmpv6(policy, 128, 0, 50), "icmp-echo/request");
	assert_string_equal(icmpv6(policy, 129, 0, 50), "icmp-echo/reply");
	policy_free(policy);
}

/* Neighbour discovery with hop limit 255, listeners' with 1; other hop limits come from afar. */
static void passes_links(void **state)
{
	struct policy *policy = load("icmp", "drop");
	static const uint8_t at_255[] = { 133, 134, 135, 136, 141, 142 };
	static const uint8_t at_1[] = { 130, 131, 132, 143, 151, 152, 153 };

	for (size_t i = 0; i < sizeof(at_255); i++) {
		assert_string_not_equal(icmpv6(policy, at_255[i], 0, 255), "");
		assert_string_equal(icmpv6(policy, at_255[i], 0, 254), "");
	}
	for (size_t i = 0; i < sizeof(at_1); i++) {
		assert_string_not_equal(icmpv6(policy, at_1[i], 0, 1), "");
		assert_string_equal(icmpv6(policy, at_1[i], 0, 2), "");
	}
	policy_free(policy);
}

static void leaves_the_rest(void **state)
{
	struct policy *policy = load("icmp", "drop");
	static const uint8_t v4[] = { 4, 5, 9, 10, 13, 14, 17 };
	static const uint8_t v6[] = { 137, 138, 139, 140, 100, 127, 200, 255 };

	for (size_t i = 0; i < sizeof(v4); i++)
		assert_string_equal(icmp(policy, v4[i], 0), "");
	for (size_t i = 0; i < sizeof(v6); i++)
		assert_string_equal(icmpv6(policy, v6[i], 0, 255), "");
	start("192.0.2.1", "198.51.100.1", 64);
	packet_tcp(p, 1000, 443, TCP_SYN);
	assert_string_equal(judge(policy), "");
	policy_free(policy);
}

/* --- martians ---------------------------------------------------------------------------- */

static const char *from(const struct policy *policy, const char *src)
{
	start(src, strchr(src, ':') ? "2001:db8::2" : "198.51.100.1", 64);
	packet_tcp(p, 1000, 443, TCP_SYN);
	return judge(policy);
}

static void drops_martians(void **state)
{
	struct policy *policy = load("martians", "pass");
	/* First and last address of each range. */
	static const char *const martians[] = {
		"0.0.0.1",
		"0.0.0.2",
		"0.0.1.0",
		"0.128.0.0",
		"0.255.255.255",
		"10.0.0.0",
		"10.255.255.255",
		"100.64.0.0",
		"100.127.255.255",
		"127.0.0.0",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.0.0",
		"169.254.255.255",
		"172.16.0.0",
		"172.31.255.255",
		"192.0.0.0",
		"192.0.0.7",
		"192.0.0.8",
		"192.0.0.11",
		"192.0.0.170",
		"192.0.0.255",
		"192.0.2.0",
		"192.0.2.255",
		"192.168.0.0",
		"192.168.255.255",
		"198.18.0.0",
		"198.19.255.255",
		"198.51.100.0",
		"198.51.100.255",
		"203.0.113.0",
		"203.0.113.255",
		"224.0.0.0",
		"239.255.255.255",
		"240.0.0.0",
		"255.255.255.255",
		"::1",
		"::2",
		"::3",
		"::ffff",
		"::1:0",
		"::ffff:ffff",
		"::127.0.0.1",
		"::ffff:0:0",
		"::ffff:255.255.255.255",
		"64:ff9b:1::",
		"64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
		"100::",
		"100::ffff:ffff:ffff:ffff",
		"100:0:0:1::1",
		"2001:2::",
		"2001:2:0:ffff:ffff:ffff:ffff:ffff",
		"2001:10::",
		"2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db8::",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		"3fff::",
		"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
		"5f00::",
		"5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fc00::",
		"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fec0::",
		"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"ff00::",
		"ff02::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	/* Their neighbours, and what only looks like them. */
	static const char *const others[] = {
		"1.0.0.0",
		"9.255.255.255",
		"11.0.0.0",
		"100.63.255.255",
		"100.128.0.0",
		"126.255.255.255",
		"128.0.0.0",
		"169.253.255.255",
		"169.255.0.0",
		"172.15.255.255",
		"172.32.0.0",
		"191.255.255.255",
		"192.0.0.9",
		"192.0.0.10",
		"192.0.1.0",
		"192.0.3.0",
		"192.31.196.1",
		"192.52.193.1",
		"192.88.99.1",
		"192.167.255.255",
		"192.169.0.0",
		"192.175.48.1",
		"198.17.255.255",
		"198.20.0.0",
		"198.51.99.255",
		"198.51.101.0",
		"203.0.112.255",
		"203.0.114.0",
		"223.255.255.255",
		"8.8.8.8",
		"::1:0:0",
		"::1:0:0:0",
		"64:ff9b::1",
		"64:ff9b::ffff:ffff",
		"64:ff9b:2::",
		"100:0:0:2::",
		"2001::1",
		"2001:1::1",
		"2001:1::2",
		"2001:1::3",
		"2001:3::1",
		"2001:4:112::1",
		"2001:20::1",
		"2001:30::1",
		"2001:4860::1",
		"2001:db7:ffff::",
		"2001:db9::",
		"2002::1",
		"2620:4f:8000::1",
		"2a00::1",
		"3fff:1000::",
		"fe80::1",
		"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};

	for (size_t i = 0; i < ARRAY_SIZE(martians); i++) {
		bool v6 = strchr(martians[i], ':');

		print_message("%s\n", martians[i]);
		assert_string_equal(from(policy, martians[i]), v6 ? "martians/v6" : "martians/v4");
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		print_message("%s\n", others[i]);
		assert_string_equal(from(policy, others[i]), "");
	}
	policy_free(policy);
}

/* Who has no address yet gets one: DHCP, IGMP, duplicate address detection, listeners' reports. */
static void leaves_beginners_alone(void **state)
{
	struct policy *policy = load("martians", "pass");
	static const uint8_t from_nowhere[] = { 131, 132, 133, 135, 143 };

	start("0.0.0.0", "255.255.255.255", 64);
	packet_udp(p, 68, 67);
	assert_string_equal(judge(policy), "");
	start("0.0.0.0", "224.0.0.22", 1);
	packet_proto(p, 2);
	assert_string_equal(judge(policy), "");
	start("0.0.0.0", "198.51.100.1", 64);
	packet_udp(p, 68, 53);
	assert_string_equal(judge(policy), "martians/no-address-udp");
	assert_string_equal(from(policy, "0.0.0.0"), "martians/no-address-v4");
	start("0.0.0.0", "198.51.100.1", 64);
	packet_fragment(p, 1480, 0);
	packet_proto(p, 17);
	packet_payload(p, 64);
	assert_string_equal(judge(policy), "martians/no-address-fragment");

	for (size_t i = 0; i < sizeof(from_nowhere); i++) {
		start("::", "ff02::1", 255);
		packet_icmpv6(p, from_nowhere[i], 0);
		assert_string_equal(judge(policy), "");
	}
	start("::", "ff02::1", 255);
	packet_icmpv6(p, 128, 0);
	assert_string_equal(judge(policy), "martians/no-address-icmpv6");
	assert_string_equal(from(policy, "::"), "martians/no-address-v6");
	start("fe80::1", "ff02::1:2", 1); /* DHCPv6 */
	packet_udp(p, 546, 547);
	assert_string_equal(judge(policy), "");
	policy_free(policy);
}

/* --- amplification ----------------------------------------------------------------------- */

/* UDP with so many bytes of the whole packet. */
static const char *answer(const struct policy *policy, bool v6, uint16_t sport, size_t length)
{
	start(v6 ? "2001:db8::1" : "192.0.2.1", v6 ? "2001:db8::2" : "198.51.100.1", 64);
	packet_udp(p, sport, 40000);
	packet_payload(p, length - (v6 ? 48 : 28));
	return judge(policy);
}

static void drops_amplification(void **state)
{
	struct policy *policy = load("amplification", "pass");
	static const struct {
		const char *rule;
		uint16_t port;
		size_t least;
	} services[] = {
		{ "echo", 7, 28 },           { "chargen", 19, 28 },         { "cldap", 389, 28 },
		{ "slp", 427, 28 },          { "netbios", 138, 28 },        { "dns", 53, 1281 },
		{ "ntp", 123, 468 },         { "snmp", 161, 468 },          { "ssdp", 1900, 200 },
		{ "memcached", 11211, 200 }, { "ws-discovery", 3702, 468 }, { "plex", 32414, 200 },
		{ "dvr", 37810, 200 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		uint16_t port = services[i].port;
		size_t least = services[i].least;
		char name[64];

		snprintf(name, sizeof(name), "amplification/%s", services[i].rule);
		assert_string_equal(answer(policy, false, port, least), name);
		assert_string_equal(answer(policy, false, port, 1500), name);
		assert_string_equal(answer(policy, true, port, least < 48 ? 48 : least), name);
		if (least > 48) {
			assert_string_equal(answer(policy, false, port, least - 1), "");
			assert_string_equal(answer(policy, true, port, least - 1), "");
		}
	}
	/* What must work: DNS answers of today, the time, QUIC. */
	assert_string_equal(answer(policy, false, 53, 1260), "");
	assert_string_equal(answer(policy, true, 53, 1280), "");
	assert_string_equal(answer(policy, false, 123, 76), "");
	assert_string_equal(answer(policy, true, 123, 96), "");
	assert_string_equal(answer(policy, false, 443, 1500), "");
	start("192.0.2.1", "198.51.100.1", 64);
	packet_tcp(p, 53, 40000, TCP_ACK);
	packet_payload(p, 1400);
	assert_string_equal(judge(policy), "");
	policy_free(policy);
}

/* --- the table --------------------------------------------------------------------------- */

static void found_by_name(void **state)
{
	_cleanup_free_ char *names = builtin_names();
	size_t len;

	assert_string_equal(names, "builtin:amplification, builtin:icmp, builtin:martians");
	for (size_t i = 0; i < n_builtins; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s@%u", builtins[i].name, builtins[i].version);
		assert_ptr_equal(builtin_find(name), &builtins[i]);
		if (builtin_is_newest(&builtins[i]))
			assert_ptr_equal(builtin_find(builtins[i].name), &builtins[i]);
		assert_non_null(builtin_summary(&builtins[i], &len));
		assert_true(len > 20 && len < 110);
	}
	assert_null(builtin_find(""));
	assert_null(builtin_find("icm"));
	assert_null(builtin_find("icmp@"));
	assert_null(builtin_find("icmp@0"));
	assert_null(builtin_find("icmp@01"));
	assert_null(builtin_find("icmp@1x"));
	assert_null(builtin_find("icmp@4294967297"));
	assert_string_equal(builtin_suggest("imcp"), "icmp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_icmp),
		cmocka_unit_test(passes_links),
		cmocka_unit_test(leaves_the_rest),
		cmocka_unit_test(drops_martians),
		cmocka_unit_test(leaves_beginners_alone),
		cmocka_unit_test(drops_amplification),
		cmocka_unit_test(found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
