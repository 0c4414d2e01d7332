/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_print.c: a policy that is printed and read again has the same tables, byte by byte, and
 * prints as the same text: every example, and random policies with all that the language can say.
 *
 *   test_print EXAMPLES
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "config.h"
#include "loader.h"
#include "print_case.h"
#include "random-policy.h"
#include "util.h"

#define N_RANDOM 1000

static const char *examples;

static char *print(const struct policy *policy)
{
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	assert_non_null(stream);
	assert_int_equal(policy_print(policy, stream), 0);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static struct policy *load(const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (policy_load_text("printed.yaml", text, strlen(text), &policy, &diags) < 0) {
		fputs(text, stderr);
		diags_print(&diags, stderr, false);
		fail_msg("what was printed does not load");
	}
	return policy;
}

/* Print, read, compile, print again. Returns the text; caller frees. */
static char *round_trip(const struct policy *policy, const char *name)
{
	char *text = print(policy);
	struct policy *again = load(text);
	_cleanup_free_ char *second = print(again);

	assert_same_policy(policy, again, name, text);
	assert_string_equal(text, second);
	policy_free(again);
	return text;
}

static struct policy *load_file(const char *path)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (policy_load(path, &policy, &diags) < 0)
		fail_msg("%s does not load", path);
	return policy;
}

static void every_example(void **state)
{
	_cleanup_free_ char *pattern = NULL;
	glob_t found;

	assert_true(asprintf(&pattern, "%s/*.yaml", examples) > 0);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 4);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct policy *policy = load_file(found.gl_pathv[i]);

		free(round_trip(policy, found.gl_pathv[i]));
		policy_free(policy);
	}
	globfree(&found);
}

static void random_policies(void **state)
{
	struct rng rng = { .state = 11 };

	for (int i = 0; i < N_RANDOM; i++) {
		struct policy *policy = random_policy(&rng);
		char name[32];

		random_policy_in_words(policy);
		order_all_sets(policy);
		snprintf(name, sizeof(name), "random policy %d", i);
		free(round_trip(policy, name));
		policy_free(policy);
	}
}

#define HEAD "interfaces: {i: {port: eth0, policy: p}}\n"

/* Read, print, look for the lines. */
static void prints(const char *text, const char *lines)
{
	struct policy *policy = load(text);
	_cleanup_free_ char *printed = round_trip(policy, text);

	if (!strstr(printed, lines))
		fail_msg("no\n%s\nin\n%s", lines, printed);
	policy_free(policy);
}

static void prints_match(const char *match, const char *lines)
{
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text,
			     HEAD "sets: {a: [192.0.2.0/24], w: {type: port, elements: [80, 81]},"
				  " none: {type: port, elements: []}}\n"
				  "policies: {p: {rules: [{name: r, match: {%s}, do: drop}]}}\n",
			     match) > 0);
	prints(text, lines);
}

static void defaults(void **state)
{
	prints("interfaces: {i: {policy: p}}\npolicies: {p: {}}\n", "fail: open\n"
								    "guard: all\n"
								    "fate:\n"
								    "  malformed: drop\n"
								    "  fragments: match\n"
								    "  unknown-extension: pass\n"
								    "  non-ip: pass\n"
								    "interfaces:\n"
								    "  i:\n"
								    "    port: i\n"
								    "    policy: p\n"
								    "    required: false\n"
								    "    mode: native\n"
								    "    fix: false\n"
								    "policies:\n"
								    "  p:\n"
								    "    default: pass\n"
								    "    rules: []\n");
	prints_match("", "      - name: r\n        match: {}\n        do: drop\n");
}

static void settings(void **state)
{
	prints("fail: closed\n"
	       "fate: {malformed: pass, fragments: drop, unknown-extension: match, non-ip: drop}\n"
	       "interfaces: {i: {port: eth0, policy: p, required: true, mode: generic}}\n"
	       "policies: {p: {default: drop, rules: [{name: r, do: [count, {redirect: e5}]}]}}\n",
	       "fail: closed\n"
	       "guard: all\n"
	       "fate:\n"
	       "  malformed: pass\n"
	       "  fragments: drop\n"
	       "  unknown-extension: match\n"
	       "  non-ip: drop\n"
	       "interfaces:\n"
	       "  i:\n"
	       "    port: eth0\n"
	       "    policy: p\n"
	       "    required: true\n"
	       "    mode: generic\n"
	       "    fix: false\n"
	       "policies:\n"
	       "  p:\n"
	       "    default: drop\n"
	       "    rules:\n"
	       "      - name: r\n"
	       "        match: {}\n"
	       "        do: [count, {redirect: e5}]\n");
}

/* Numbers, words and names that other readers of YAML, or ours, would take for something else. */
static void quotes(void **state)
{
	prints("interfaces: {i: {port: eth0, policy: p, vlan: 0x64, fix: true}, j: {port: {mac: "
	       "02-00-5E-10-00-01}, policy: p}}\npolicies: {p: {}}\n",
	       "  i:\n    port: eth0\n    vlan: 100\n    policy: p\n    required: false\n    mode: "
	       "native\n    fix: true\n  j:\n    port: {mac: \"02:00:5e:10:00:01\"}\n    policy: p\n");
	prints("interfaces: {\"1e3\": {port: \"a'\\\"\\\\#{\", policy: \"on\"}, \"-\": {port: \"x,\","
	       " policy: \"null\"}}\n"
	       "sets: {\"1.5\": [\"2001:db8::\", 2001:db8:1::/64]}\n"
	       "policies:\n"
	       "  \"on\": {rules: [{name: \"true\", match: {src: $1.5}, do: {redirect: \"0\"}}]}\n"
	       "  \"null\": {rules: [{name: \".\", match: {src-mac: 12:34:56:12:34:56,"
	       " interface: [\"-\"]}, do: drop}]}\n",
	       "interfaces:\n"
	       "  \"1e3\":\n"
	       "    port: \"a'\\\"\\\\#{\"\n"
	       "    policy: \"on\"\n"
	       "    required: false\n"
	       "    mode: native\n"
	       "    fix: false\n"
	       "  \"-\":\n"
	       "    port: \"x,\"\n"
	       "    policy: \"null\"\n"
	       "    required: false\n"
	       "    mode: native\n"
	       "    fix: false\n"
	       "sets:\n"
	       "  \"1.5\": [\"2001:db8::\", 2001:db8:1::/64]\n");
}

static void sets(void **state)
{
	prints(HEAD "sets:\n"
		    "  a: [2001:db8::/32, 10.1.0.0/16, 10.0.0.0/8, 10.0.0.0/8, 2001:db8::1]\n"
		    "  b: []\n"
		    "  c: [192.0.2.1]\n"
		    "policies: {p: {}}\n",
	       "sets:\n"
	       "  a: [10.0.0.0/8, 2001:db8::/32]\n"
	       "  b: []\n"
	       "  c: [192.0.2.1]\n");
	/* all of them, one a line, when they are many */
	prints(HEAD "sets: {a: [1.0.0.0, 2.0.0.0, 3.0.0.0, 4.0.0.0, 5.0.0.0, 6.0.0.0, 7.0.0.0,"
		    " 8.0.0.0, 9.0.0.0, 10.0.0.0, 11.0.0.0, 12.0.0.0, 13.0.0.0, 14.0.0.0,"
		    " 15.0.0.0, 16.0.0.0, 17.0.0.0]}\npolicies: {p: {}}\n",
	       "  a:\n    - 1.0.0.0\n    - 2.0.0.0\n");
}

/* Live sets stand behind the others, in the sets and in the conditions. */
static void live_sets(void **state)
{
	prints(HEAD "sets:\n"
		    "  plain: {live: true}\n"
		    "  a: [192.0.2.0/24]\n"
		    "  b:\n"
		    "    {live: true, timeout: 90m, size: 1500k, writers: [x, z], persist: true,\n"
		    "     max-width: {v6: 48}, except: [$a, 192.0.2.1, \"2001:db8::1\"]}\n"
		    "policies: {p: {rules: [{name: r, match: {src: [$b, 192.0.2.9, $a, $plain],"
		    " dst: {not: $plain}}, do: drop}]}}\n",
	       "sets:\n"
	       "  a: [192.0.2.0/24]\n"
	       "  plain:\n"
	       "    live: true\n"
	       "    size: 64k\n"
	       "    max-width: {v4: 8, v6: 16}\n"
	       "    persist: false\n"
	       "    writers: []\n"
	       "    except: []\n"
	       "  b:\n"
	       "    live: true\n"
	       "    timeout: 1h30m\n"
	       "    size: 1500k\n"
	       "    max-width: {v4: 8, v6: 48}\n"
	       "    persist: true\n"
	       "    writers: [x, z]\n"
	       "    except: [192.0.2.0/24, 2001:db8::1]\n"
	       "policies:\n"
	       "  p:\n"
	       "    default: pass\n"
	       "    rules:\n"
	       "      - name: r\n"
	       "        match:\n"
	       "          src: [$a, 192.0.2.9, $plain, $b]\n"
	       "          dst: {not: $plain}\n"
	       "        do: drop\n");
	prints(HEAD "sets: {no-macs: {live: true}, none: {type: mac, elements: []}}\n"
		    "policies: {p: {rules: [{name: r, match: {src-mac: $none}, do: drop}]}}\n",
	       "  no-macs-1: {type: mac, elements: []}\n");
}

static void fields(void **state)
{
	prints_match("src: [192.0.2.9, $a, 192.0.2.9]", "src: [$a, 192.0.2.9]\n");
	prints_match("dst: {not: $a}", "dst: {not: $a}\n");
	prints_match("dport: [$w, 82, 443]", "dport: [80-82, 443]\n");
	prints_match("dport: $none", "dport: {not: 0-65535}\n");
	prints_match("sport: {not: $none}", "sport: 0-65535\n");
	prints_match("proto: [6, 17, 99, 1]", "proto: [icmp, tcp, udp, 99]\n");
	prints_match("dscp: {not: [10-12, 46]}", "dscp: {not: [10-12, ef]}\n");
	prints_match("ethertype: [0x88cc, 0x88b5, 0x600-0x700]",
		     "ethertype: [0x0600-0x0700, 0x88b5, lldp]\n");
	prints_match("icmp: echo-request", "icmp: [icmp:8, icmpv6:128]\n");
	prints_match("icmp: [icmp:3/4, icmp:3/0-2, icmp:7-9, icmpv6:0]",
		     "icmp: [icmp:3/0-2, icmp:3/4, icmp:7-9, icmpv6:0]\n");
	prints_match("icmp: [icmp:255/9-255, icmp:250-254, icmpv6:0-3]",
		     "icmp: [icmp:250-254, icmp:255/9-255, icmpv6:0-3]\n");
	prints_match("tcp-flags: {set: [syn], clear: [ack]}",
		     "tcp-flags: {set: [syn], clear: [ack]}\n");
	prints_match("tcp-flags: [{set: ack}, {clear: ack}]",
		     "tcp-flags: [{set: [fin]}, {clear: [fin]}]\n");
	prints_match("tcp-flags: {not: {clear: [fin, syn]}}",
		     "tcp-flags: {not: {clear: [fin, syn]}}\n");
	prints_match("fragment: any", "fragment: [first, later]\n");
	prints_match("fragment: {not: none}", "fragment: {not: none}\n");
	prints_match("ip-options: [present, absent]", "ip-options: [absent, present]\n");
	prints_match("src-mac: {not: [02-00-00-00-00-0A, 00:00:00:00:00:01]}",
		     "src-mac: {not: [\"00:00:00:00:00:01\", \"02:00:00:00:00:0a\"]}\n");
	prints_match("interface: {not: i}", "interface: {not: i}\n");
	prints_match(
		"proto: {not: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]}",
		"          proto:\n            not:\n              - icmp\n              - 3\n");
}

static void tests(void **state)
{
	prints(HEAD "policies: {p: {rules: [{name: r, match: {ttl: 1}, do: drop}]}}\n"
		    "tests:\n"
		    "  - {in: i, expect: pass}\n"
		    "  - {in: i, ttl: 1, expect: drop/r}\n"
		    "  - {in: i, icmp: packet-too-big, expect: pass/default}\n"
		    "  - {in: i, ethertype: lldp, vlan: 9, expect: pass/non-ip}\n"
		    "  - {in: i, tcp-flags: [], fragment: first, expect: pass}\n"
		    "  - {in: i, src: \"2001:db8::\", fragment: later, expect: pass}\n",
	       "tests:\n"
	       "  - {in: i, ethertype: ipv4, src: 192.0.2.1, dst: 198.51.100.1, proto: tcp, "
	       "sport: 49152, dport: 443, tcp-flags: [syn], length: 40, ttl: 64, dscp: cs0, "
	       "fragment: none, ip-options: absent, src-mac: \"02:00:00:00:00:01\", "
	       "dst-mac: \"02:00:00:00:00:02\", expect: pass}\n");
}

/* The tables know redirects by number: that of their first use in the order of rules, whatever
 * was read first. */
/* The rules that it makes are printed as what makes them, in the same order. */
static void protection(void **state)
{
	prints("protect:\n"
	       "  link: [ospf, arp]\n"
	       "  bgp: [{peers: [$s, 192.0.2.1], gtsm: true, bfd: true}, {peers: 192.0.2.2},\n"
	       "        {peers: $self, gtsm: {hops: 254}}]\n"
	       "sets: {s: [192.0.2.3, $self]}\n" HEAD
	       "policies: {p: {rules: [{name: r, match: {dst: $self}, do: drop}]}}\n",
	       "protect:\n"
	       "  link: [ospf, arp]\n"
	       "  bgp:\n"
	       "    - bfd: true\n"
	       "      gtsm: {hops: 1}\n"
	       "      peers: [$s, 192.0.2.1]\n"
	       "    - bfd: false\n"
	       "      gtsm: false\n"
	       "      peers: 192.0.2.2\n"
	       "    - bfd: false\n"
	       "      gtsm: {hops: 254}\n"
	       "      peers: $self\n"
	       "policies:\n"
	       "  p:\n"
	       "    default: pass\n"
	       "    rules:\n"
	       "      - name: r\n"
	       "        match:\n"
	       "          dst: $self\n");
	prints("protect: {link: nd}\n" HEAD "policies: {p: {}}\n",
	       "protect:\n  link: nd\npolicies:\n  p:\n    default: pass\n    rules: []\n");
	prints("protect: {bgp: {peers: \"::1\"}}\n" HEAD
	       "policies: {p: {rules: [{anchor: a}, {name: r, do: drop}]}}\n",
	       "    rules:\n      - anchor: a\n      - name: r\n");
}

static void redirects(void **state)
{
	struct policy *policy = build_policy();
	uint32_t p = build_ruleset(policy, "p", VERDICT_PASS);
	uint32_t q = build_ruleset(policy, "q", VERDICT_PASS);
	struct rule *rule;

	build_interface(policy, "i", q);
	build_redirect(policy, build_rule(policy, q, "a", VERDICT_REDIRECT), "e1");
	build_redirect(policy, build_rule(policy, q, "b", VERDICT_REDIRECT), "unused");
	build_redirect(policy, build_rule(policy, q, "c", VERDICT_REDIRECT), "e2");
	build_redirect(policy, build_rule(policy, p, "d", VERDICT_REDIRECT), "e2");
	rule = &policy->rulesets[q].rules[1];
	rule->verdict = VERDICT_DROP;
	rule->actions[0].kind = ACTION_DROP;
	assert_int_equal(redirects_number(policy), 0);
	assert_int_equal(policy->n_redirects, 2);
	assert_string_equal(policy->redirects[0].port, "e2");
	assert_string_equal(policy->redirects[1].port, "e1");
	assert_int_equal(policy->rulesets[p].rules[0].redirect, 0);
	assert_int_equal(policy->rulesets[q].rules[0].actions[0].redirect, 1);
	assert_int_equal(policy->rulesets[q].rules[2].redirect, 0);
	free(round_trip(policy, "redirects"));
	policy_free(policy);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(defaults),      cmocka_unit_test(settings),
		cmocka_unit_test(quotes),        cmocka_unit_test(sets),
		cmocka_unit_test(live_sets),     cmocka_unit_test(fields),
		cmocka_unit_test(tests),         cmocka_unit_test(redirects),
		cmocka_unit_test(every_example), cmocka_unit_test(random_policies),
		cmocka_unit_test(protection),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test_print EXAMPLES\n");
		return 2;
	}
	examples = argv[1];
	return cmocka_run_group_tests(all, NULL, NULL);
}
