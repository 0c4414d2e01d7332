/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_config.c: what a policy file becomes: defaults, every field as ranges and sets, actions,
 * places, the hash; that broken and hostile files end in an error. What errors say, to the byte, is
 * in tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config.h"
#include "schema.h"
#include "util.h"

#define HEAD "interfaces:\n  eth0: {policy: p}\n  eth1: {policy: p}\npolicies:\n  p:\n    rules:\n"

static struct policy *load(const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (policy_load_text("test.yaml", text, strlen(text), &policy, &diags) < 0) {
		diags_print(&diags, stderr, false);
		fail_msg("does not load:\n%s", text);
	}
	return policy;
}

/* A policy of one rule with the match. */
static struct policy *load_match(const char *match)
{
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text, HEAD "      - {name: r, match: {%s}, do: drop}\n", match) > 0);
	return load(text);
}

static void refuses(const char *text, size_t len, const char *message)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	assert_int_equal(policy_load_text("test.yaml", text, len, &policy, &diags), -EINVAL);
	assert_null(policy);
	assert_true(diags.n_errors > 0);
	for (size_t i = 0; i < diags.n; i++)
		if (strstr(diags.items[i].message, message))
			return;
	fail_msg("'%s' instead of '%s'", diags.items[0].message, message);
}

static void defaults(void **state)
{
	struct policy *policy = load("interfaces: {eth0: {policy: p}}\npolicies: {p: {}}\n");

	assert_false(policy->fail_closed);
	assert_int_equal(policy->fate_malformed, VERDICT_DROP);
	assert_int_equal(policy->fate_fragments, VERDICT_NONE);
	assert_int_equal(policy->fate_extension, VERDICT_PASS);
	assert_int_equal(policy->fate_non_ip, VERDICT_PASS);
	assert_int_equal(policy->n_interfaces, 1);
	assert_string_equal(policy->interfaces[0].name, "eth0");
	assert_string_equal(policy->interfaces[0].port, "eth0");
	assert_int_equal(policy->interfaces[0].mode, ATTACH_NATIVE);
	assert_false(policy->interfaces[0].required);
	assert_int_equal(policy->rulesets[0].default_verdict, VERDICT_PASS);
	assert_int_equal(policy->rulesets[0].n_rules, 0);
	assert_int_equal(policy->n_sets + policy->n_redirects, 0);
	assert_int_equal(policy->n_files, 1);
	assert_string_equal(policy->files[0].path, "test.yaml");
	policy_free(policy);
}

static void settings(void **state)
{
	struct policy *policy =
		load("policies: {q: {default: drop}, p: {default: pass}}\n" /* any order */
		     "interfaces:\n"
		     "  a: {port: eth7, policy: p, required: true, mode: generic}\n"
		     "  b: {policy: q, required: false, mode: native}\n"
		     "fate: {malformed: pass, fragments: drop, unknown-extension: match,"
		     " non-ip: drop}\n"
		     "fail: closed\n");

	assert_true(policy->fail_closed);
	assert_int_equal(policy->fate_malformed, VERDICT_PASS);
	assert_int_equal(policy->fate_fragments, VERDICT_DROP);
	assert_int_equal(policy->fate_extension, VERDICT_NONE);
	assert_int_equal(policy->fate_non_ip, VERDICT_DROP);
	assert_string_equal(policy->interfaces[0].port, "eth7");
	assert_true(policy->interfaces[0].required);
	assert_int_equal(policy->interfaces[0].mode, ATTACH_GENERIC);
	assert_int_equal(policy->interfaces[0].ruleset, 1);
	assert_int_equal(policy->interfaces[1].ruleset, 0);
	assert_int_equal(policy->rulesets[0].default_verdict, VERDICT_DROP);
	policy_free(policy);
}

static void places(void **state)
{
	struct policy *policy = load("sets:\n  s: [192.0.2.1]\n" HEAD
				     "      - name: r\n        match: {src: $s, dst: ::}\n"
				     "        do: {redirect: eth9}\n");
	const struct rule *rule = &policy->rulesets[0].rules[0];

	assert_ptr_equal(rule->place.file, policy->files[0].path);
	assert_int_equal(rule->place.line, 9);
	assert_int_equal(rule->place.column, 15);
	assert_int_equal(policy->sets[0].place.line, 2);
	assert_int_equal(policy->sets[1].place.line, 10);
	assert_int_equal(policy->interfaces[1].place.line, 5);
	assert_int_equal(policy->rulesets[0].place.line, 7);
	assert_int_equal(policy->redirects[0].place.line, 11);
	assert_int_equal(policy->redirects[0].place.column, 24);
	policy_free(policy);
}

struct scalar_case {
	const char *match;
	enum scalar_field field;
	bool negated;
	struct range ranges[8]; /* ends with {1, 0} */
};

#define END                                                                                        \
	{                                                                                          \
		1, 0                                                                               \
	}
static const struct scalar_case scalar_cases[] = {
	{ "proto: tcp", FIELD_PROTO, false, { { 6, 6 }, END } },
	{ "proto: [udp, 6, 0x11, 5-7]", FIELD_PROTO, false, { { 5, 7 }, { 17, 17 }, END } },
	{ "proto: {not: [icmp, icmpv6]}", FIELD_PROTO, true, { { 1, 1 }, { 58, 58 }, END } },
	{ "proto: 0-255", FIELD_PROTO, false, { { 0, 255 }, END } },
	{ "sport: 0", FIELD_SPORT, false, { { 0, 0 }, END } },
	{ "dport: [80, 81, 443, 1-2, 2-3, 65535]",
	  FIELD_DPORT,
	  false,
	  { { 1, 3 }, { 80, 81 }, { 443, 443 }, { 65535, 65535 }, END } },
	{ "dport: [10-20, 5-30, 12, 31]", FIELD_DPORT, false, { { 5, 31 }, END } },
	{ "dport: {not: 22}", FIELD_DPORT, true, { { 22, 22 }, END } },
	{ "length: 468-65575", FIELD_LENGTH, false, { { 468, 65575 }, END } },
	{ "ttl: [255, 0]", FIELD_TTL, false, { { 0, 0 }, { 255, 255 }, END } },
	{ "dscp: [ef, cs0, 1]", FIELD_DSCP, false, { { 0, 1 }, { 46, 46 }, END } },
	{ "vlan: [1, 4094]", FIELD_VLAN, false, { { 1, 1 }, { 4094, 4094 }, END } },
	{ "fragment: any", FIELD_FRAGMENT, false, { { 1, 2 }, END } },
	{ "fragment: first", FIELD_FRAGMENT, false, { { 1, 1 }, END } },
	{ "fragment: {not: [later, first]}", FIELD_FRAGMENT, true, { { 1, 2 }, END } },
	{ "ethertype: [arp, 0x0800]",
	  FIELD_ETHERTYPE,
	  false,
	  { { 0x800, 0x800 }, { 0x806, 0x806 }, END } },
	{ "ethertype: 1536-65535", FIELD_ETHERTYPE, false, { { 0x600, 0xffff }, END } },
	{ "icmp: echo-request",
	  FIELD_ICMP,
	  false,
	  { { 0x800, 0x8ff }, { 0x18000, 0x180ff }, END } },
	{ "icmp: port-unreachable",
	  FIELD_ICMP,
	  false,
	  { { 0x303, 0x303 }, { 0x10104, 0x10104 }, END } },
	{ "icmp: packet-too-big", FIELD_ICMP, false, { { 0x10200, 0x102ff }, END } },
	{ "icmp: [icmp:3/4, icmpv6:128-129, icmp:0/1-2]",
	  FIELD_ICMP,
	  false,
	  { { 1, 2 }, { 0x304, 0x304 }, { 0x18000, 0x181ff }, END } },
	{ "icmp: {not: icmp:0-255}", FIELD_ICMP, true, { { 0, 0xffff }, END } },
	{ "tcp-flags: {clear: [fin, syn, rst, psh, ack, urg, ece, cwr]}",
	  FIELD_TCP_FLAGS,
	  false,
	  { { 0, 0 }, END } },
	{ "tcp-flags: {set: cwr}", FIELD_TCP_FLAGS, false, { { 128, 255 }, END } },
	{ "tcp-flags: {set: [cwr, ece], clear: urg}",
	  FIELD_TCP_FLAGS,
	  false,
	  { { 192, 223 }, END } },
	{ "tcp-flags: {not: [{set: cwr}, {clear: cwr}]}",
	  FIELD_TCP_FLAGS,
	  true,
	  { { 0, 255 }, END } },
};

static void scalars(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scalar_cases); i++) {
		const struct scalar_case *c = &scalar_cases[i];
		struct policy *policy = load_match(c->match);
		const struct scalar_match *match = policy->rulesets[0].rules[0].scalar;
		size_t n = 0;

		while (c->ranges[n].first <= c->ranges[n].last)
			n++;
		for (unsigned int field = 0; field < N_SCALAR_FIELDS; field++)
			assert_int_equal(match[field].present, field == c->field);
		match += c->field;
		assert_int_equal(match->negated, c->negated);
		assert_int_equal(match->n_ranges, n);
		assert_memory_equal(match->ranges, c->ranges, n * sizeof(*c->ranges));
		policy_free(policy);
	}
}

/* Every byte of flags, against the definition. */
static void tcp_flags(void **state)
{
	struct policy *policy = load_match("tcp-flags: {set: [syn], clear: [ack, rst]}");
	const struct scalar_match *match = &policy->rulesets[0].rules[0].scalar[FIELD_TCP_FLAGS];

	for (uint32_t byte = 0; byte < 256; byte++) {
		bool held = false;

		for (size_t i = 0; i < match->n_ranges; i++)
			held |= byte >= match->ranges[i].first && byte <= match->ranges[i].last;
		assert_int_equal(held, (byte & 0x02) && !(byte & 0x14));
	}
	policy_free(policy);
}

static void addresses(void **state)
{
	struct policy *policy = load(
		"sets: {a: [192.0.2.0/24], b: [2001:db8::], unused-names-first: [10.0.0.0/8]}\n" HEAD
		"      - {name: r, match: {src: [$b, 10.0.0.1, $a, 2001:db8:1::, $b], "
		"dst: {not: $unused-names-first}}, do: drop}\n"
		"      - {name: s, match: {dst: 198.51.100.0/24}, do: drop}\n");
	const struct rule *rules = policy->rulesets[0].rules;
	const struct address_match *src = &rules[0].address[ADDRESS_SRC];
	const struct address_match *dst = &rules[0].address[ADDRESS_DST];

	assert_int_equal(policy->n_sets, 5);
	assert_true(src->present && !src->negated);
	assert_int_equal(src->n_sets, 3); /* a, b and what is written there */
	assert_int_equal(src->sets[0], 0);
	assert_int_equal(src->sets[1], 1);
	assert_int_equal(src->sets[2], 3);
	assert_string_equal(policy->sets[3].name, "");
	assert_int_equal(policy->sets[3].n_v4, 1);
	assert_int_equal(policy->sets[3].v4[0].addr, 0x0a000001);
	assert_int_equal(policy->sets[3].n_v6, 1);
	assert_int_equal(policy->sets[3].v6[0].hi, 0x20010db800010000);
	assert_int_equal(policy->sets[3].v6[0].len, 128);
	assert_true(dst->present && dst->negated);
	assert_int_equal(dst->n_sets, 1);
	assert_int_equal(dst->sets[0], 2);
	assert_false(rules[1].address[ADDRESS_SRC].present);
	assert_int_equal(rules[1].address[ADDRESS_DST].sets[0], 4);
	policy_free(policy);
}

static void interface_field(void **state)
{
	struct policy *policy = load_match("interface: {not: [eth1, eth0, eth1]}");
	const struct interface_match *match = &policy->rulesets[0].rules[0].interface;

	assert_true(match->present && match->negated);
	assert_int_equal(match->n_interfaces, 2);
	assert_int_equal(match->interfaces[0], 0);
	assert_int_equal(match->interfaces[1], 1);
	policy_free(policy);
}

static void actions(void **state)
{
	struct policy *policy = load(HEAD "      - {name: a, do: [count, drop]}\n"
					  "      - {name: b, do: {redirect: eth8}}\n"
					  "      - {name: c, do: count, comment: x, tags: [y, z]}\n"
					  "      - {name: d, do: [{redirect: eth9}]}\n"
					  "      - {name: e, do: [count, {redirect: eth8}]}\n"
					  "      - {name: f, do: pass}\n");
	const struct rule *rules = policy->rulesets[0].rules;

	assert_int_equal(rules[0].n_actions, 2);
	assert_int_equal(rules[0].actions[0].kind, ACTION_COUNT);
	assert_int_equal(rules[0].actions[1].kind, ACTION_DROP);
	assert_int_equal(rules[0].verdict, VERDICT_DROP);
	assert_string_equal(rules[0].action_text, "[count, drop]");
	assert_int_equal(rules[1].verdict, VERDICT_REDIRECT);
	assert_int_equal(rules[1].redirect, 0);
	assert_int_equal(rules[2].verdict, VERDICT_NONE);
	assert_string_equal(rules[2].match_text, "");
	assert_int_equal(rules[3].redirect, 1);
	assert_int_equal(rules[4].redirect, 0);
	assert_int_equal(rules[4].actions[1].redirect, 0);
	assert_int_equal(rules[5].verdict, VERDICT_PASS);
	assert_int_equal(policy->n_redirects, 2);
	assert_string_equal(policy->redirects[1].port, "eth9");
	policy_free(policy);
}

/* What is shown of a rule loads again, to the same. */
static void normalised_text_loads(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scalar_cases); i++) {
		struct policy *policy = load_match(scalar_cases[i].match);
		const struct rule *rule = &policy->rulesets[0].rules[0];
		struct policy *again = load_match(rule->match_text);
		const struct rule *same = &again->rulesets[0].rules[0];
		unsigned int field = scalar_cases[i].field;

		assert_string_equal(rule->match_text, same->match_text);
		assert_int_equal(rule->scalar[field].n_ranges, same->scalar[field].n_ranges);
		assert_memory_equal(rule->scalar[field].ranges, same->scalar[field].ranges,
				    rule->scalar[field].n_ranges * sizeof(struct range));
		policy_free(again);
		policy_free(policy);
	}
}

static void hash(void **state)
{
	/* sha256sum of the sha256sum of the text */
	static const char text[] = "interfaces: {eth0: {policy: p}}\npolicies: {p: {}}\n";
	static const uint8_t expected[32] = { 0xa5, 0x9f, 0xfe, 0x8c, 0xbf, 0x9a, 0xce, 0x3e,
					      0xf8, 0xea, 0x49, 0xde, 0x69, 0x85, 0xaa, 0x22,
					      0x8e, 0xc4, 0xf1, 0xc2, 0x0a, 0x9e, 0xaa, 0xbf,
					      0x66, 0x53, 0x71, 0xc4, 0x5d, 0x03, 0xe2, 0xb0 };
	struct policy *policy = load(text);

	assert_memory_equal(policy->hash, expected, sizeof(expected));
	policy_free(policy);
}

static void limits(void **state)
{
	enum { SIZE = 1 << 20 };
	_cleanup_free_ char *text = malloc(SIZE), *huge = NULL;
	size_t len;

	len = (size_t)sprintf(text, "policies: {p: {}}\ninterfaces:\n");
	for (int i = 0; i <= CONFIG_MAX_INTERFACES; i++)
		len += (size_t)sprintf(text + len, "  eth%d: {policy: p}\n", i);
	refuses(text, len, "more than 256 interfaces");

	len = (size_t)sprintf(text, "sets:\n");
	for (int i = 0; i <= CONFIG_MAX_SETS; i++)
		len += (size_t)sprintf(text + len, "  s%d: []\n", i);
	refuses(text, len, "more than 4096 sets");

	len = (size_t)sprintf(text, HEAD);
	for (int i = 0; i <= MAX_RULES; i++)
		len += (size_t)sprintf(text + len, "      - {name: r%d, do: count}\n", i);
	refuses(text, len, "more than 16384 rules");

	len = (size_t)sprintf(text, HEAD "      - {name: r, do: drop, match: {dport: [");
	for (int i = 0; i <= CONFIG_MAX_RANGES; i++)
		len += (size_t)sprintf(text + len, "%d, ", i * 2);
	len += (size_t)sprintf(text + len, "65535]}}\n");
	refuses(text, len, "more than 4096 ranges");

	memset(text, '[', 1000);
	refuses(text, 1000, "nested too deeply");

	huge = malloc(CONFIG_MAX_FILE_BYTES + 1);
	memset(huge, '\n', CONFIG_MAX_FILE_BYTES + 1);
	refuses(huge, CONFIG_MAX_FILE_BYTES + 1, "larger than 16 MiB");
	refuses(huge, CONFIG_MAX_FILE_BYTES, "the file is empty");
	memset(huge, 'x', 1 << 20);
	refuses(huge, 1 << 20, "a line of more than 256 KiB");
	for (size_t i = 0; i < CONFIG_MAX_FILE_BYTES; i += 4)
		memcpy(huge + i, "- a\n", 4);
	refuses(huge, CONFIG_MAX_FILE_BYTES, "more than 1000000 values");
	for (size_t i = 0; i < CONFIG_MAX_FILE_BYTES; i += 4)
		memcpy(huge + i, "[ \n ", 4);
	refuses(huge, CONFIG_MAX_FILE_BYTES, "more than 250000 lists");
}

static void rules_up_to_the_limit(void **state)
{
	_cleanup_free_ char *text = malloc(1 << 20);
	size_t len = (size_t)sprintf(text, HEAD);
	struct policy *policy;

	for (int i = 0; i < MAX_RULES; i++)
		len += (size_t)sprintf(text + len, "      - {name: r%d, do: count}\n", i);
	policy = load(text);
	assert_int_equal(policy->rulesets[0].n_rules, MAX_RULES);
	policy_free(policy);
}

static void no_regular_file(void **state)
{
	static const char *const paths[] = { "/", "/dev/null", "/nonexistent/x.yaml", "fifo" };
	char fifo[] = "/tmp/xdpgate-config-XXXXXX";

	assert_non_null(mkdtemp(fifo));
	assert_int_equal(rmdir(fifo), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct policy *policy = NULL;
		const char *path = strcmp(paths[i], "fifo") ? paths[i] : fifo;

		assert_int_equal(policy_load(path, &policy, &diags), -EINVAL);
		assert_int_equal(diags.n_errors, 1);
		assert_string_equal(diags.items[0].file, path);
		assert_non_null(strstr(diags.items[0].message, "cannot read"));
	}
	unlink(fifo);
}

/* A text that does not end in NUL, of every length: nothing is read behind it. */
static void every_prefix_of_a_file(void **state)
{
	static const char text[] =
		"fail: open\nsets: {a: [2001:db8::, \"::\"]}\n" HEAD
		"      - {name: 'r', match: {src: $a, dport: [22, 1-5]}, do: [count, drop]}\n";

	for (size_t len = 0; len < sizeof(text); len++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		_cleanup_free_ char *copy = malloc(len ? len : 1);
		struct policy *policy = NULL;
		int r;

		memcpy(copy, text, len);
		r = policy_load_text("test.yaml", copy, len, &policy, &diags);
		assert_int_equal(r == 0, policy != NULL);
		assert_int_equal(r == 0, diags.n_errors == 0);
		policy_free(policy);
	}
}

/* Each key says what it is; what is supported says what may stand there; defaults load. */
static void schema_is_whole(void **state)
{
	for (const struct mapping_schema *const *schema = schemas; *schema; schema++) {
		for (const struct key_schema *key = (*schema)->keys; key->name; key++) {
			assert_non_null(key->help);
			assert_ptr_equal(schema_find(*schema, key->name), key);
			assert_false(key->parse && !key->form);
			assert_false(key->required && key->fallback);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(settings),
		cmocka_unit_test(places),
		cmocka_unit_test(scalars),
		cmocka_unit_test(tcp_flags),
		cmocka_unit_test(addresses),
		cmocka_unit_test(interface_field),
		cmocka_unit_test(actions),
		cmocka_unit_test(normalised_text_loads),
		cmocka_unit_test(hash),
		cmocka_unit_test(limits),
		cmocka_unit_test(rules_up_to_the_limit),
		cmocka_unit_test(no_regular_file),
		cmocka_unit_test(every_prefix_of_a_file),
		cmocka_unit_test(schema_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
