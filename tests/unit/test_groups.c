/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_groups.c: what groups, anchors, notes and moments of expiry become in a policy, and the limits
 * of it. What is said of mistakes is in tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config.h"
#include "expiry.h"
#include "util.h"

#define HEAD "interfaces: {eth0: {policy: p}, eth1: {policy: q}}\n"

static int try_load(const char *text, struct policy **ret, struct diags *diags)
{
	return policy_load_text("test.yaml", text, strlen(text), ret, diags);
}

static struct policy *load(const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	if (try_load(text, &policy, &diags) < 0) {
		diags_print(&diags, stderr, false);
		fail_msg("does not load:\n%s", text);
	}
	return policy;
}

/* Copies are whole, of the same meaning, and own what they have. */
static void copies(void **state)
{
	struct policy *policy = load(
		HEAD
		"sets: {s: [192.0.2.0/24], amp: {type: port, elements: [53]}}\n"
		"groups:\n"
		"  g:\n"
		"    - name: r\n"
		"      match: {src: [$s, 192.0.2.1], dst: {not: $s}, sport: $amp, proto: udp,\n"
		"              src-mac: 02:00:5e:10:00:01, interface: [eth0, eth1]}\n"
		"      do: [count, {redirect: eth9}]\n"
		"      comment: a comment\n"
		"      tags: [a, b]\n"
		"      shadow: true\n"
		"      expires: 2100-01-01\n"
		"policies: {p: {rules: [use: g]}, q: {rules: [{name: x, do: count}, use: g]}}\n");
	const struct rule *a = &policy->rulesets[0].rules[0], *b = &policy->rulesets[1].rules[1];

	assert_string_equal(a->name, "g/r");
	assert_string_equal(b->name, "g/r");
	assert_true(a->from_group && b->from_group);
	assert_false(policy->rulesets[1].rules[0].from_group);
	assert_string_equal(a->match_text, b->match_text);
	assert_ptr_not_equal(a->match_text, b->match_text);
	assert_string_equal(a->action_text, "[count, {redirect: eth9}]");
	assert_int_equal(a->address[ADDRESS_SRC].n_sets, 2);
	assert_memory_equal(a->address[ADDRESS_SRC].sets, b->address[ADDRESS_SRC].sets,
			    2 * sizeof(uint32_t));
	assert_true(b->address[ADDRESS_DST].negated);
	assert_int_equal(b->scalar[FIELD_SPORT].ranges[0].first, 53);
	assert_memory_equal(a->mac[MAC_SRC].macs, b->mac[MAC_SRC].macs, MAC_BYTES);
	assert_ptr_not_equal(a->mac[MAC_SRC].macs, b->mac[MAC_SRC].macs);
	assert_int_equal(b->interface.n_interfaces, 2);
	assert_int_equal(b->n_actions, 2);
	assert_int_equal(b->actions[1].kind, ACTION_REDIRECT);
	assert_int_equal(b->verdict, VERDICT_REDIRECT);
	assert_true(b->shadow);
	assert_string_equal(b->notes.comment, "a comment");
	assert_int_equal(b->notes.n_tags, 2);
	assert_string_equal(b->notes.tags[1], "b");
	assert_ptr_not_equal(a->notes.tags[1], b->notes.tags[1]);
	assert_int_equal(b->place.line, 5);
	/* one set of literals, which all copies share */
	assert_int_equal(policy->n_sets, 2);
	policy_free(policy);
}

static void anchors(void **state)
{
	struct policy *policy = load(HEAD "groups: {g: [{name: a, do: count}, anchor: inner]}\n"
					  "policies:\n"
					  "  q: {rules: [use: g]}\n"
					  "  p: {rules: [anchor: first, use: g, anchor: last]}\n");
	const struct ruleset *ruleset = &policy->rulesets[1];

	assert_int_equal(ruleset->n_rules, 1);
	assert_int_equal(ruleset->n_anchors, 3);
	assert_string_equal(ruleset->anchors[0].name, "first");
	assert_int_equal(ruleset->anchors[0].position, 0);
	assert_string_equal(ruleset->anchors[1].name, "inner");
	assert_int_equal(ruleset->anchors[1].position, 1);
	assert_string_equal(ruleset->anchors[2].name, "last");
	assert_int_equal(ruleset->anchors[2].position, 1);
	assert_int_equal(ruleset->anchors[2].place.line, 5);
	assert_int_equal(policy->rulesets[0].anchors[0].position, 1);
	policy_free(policy);
}

static void notes_of_sets(void **state)
{
	struct policy *policy =
		load("interfaces: {eth0: {policy: p, comment: x, tags: [t]}}\n"
		     "policies: {p: {}}\n"
		     "sets:\n"
		     "  a: {elements: [192.0.2.0/24], comment: A, tags: [u, v]}\n"
		     "  b: {type: port, elements: [53, 54-60], comment: B, expires: 2020-01-01}\n");

	assert_string_equal(policy->interfaces[0].notes.comment, "x");
	assert_string_equal(policy->interfaces[0].notes.tags[0], "t");
	assert_string_equal(policy->sets[0].notes.comment, "A");
	assert_string_equal(policy->sets[0].notes.tags[1], "v");
	assert_int_equal(policy->sets[0].n_v4, 1);
	assert_string_equal(policy->port_sets[0].notes.comment, "B");
	assert_true(policy->port_sets[0].expiry.past);
	assert_int_equal(policy->port_sets[0].n_ranges, 0);
	policy_free(policy);
}

/* --- moments ----------------------------------------------------------------------------- */

static void moments(void **state)
{
	static const struct {
		const char *text;
		enum moment_result result;
		int64_t at;
	} cases[] = {
		{ "2026-12-31", MOMENT_OK, 1798761600 },
		{ "1970-01-01", MOMENT_OK, 86400 },
		{ "2024-02-29", MOMENT_OK, 1709251200 },
		{ "9999-12-31", MOMENT_OK, 253402300800 },
		{ "2026-12-31T18:00:00Z", MOMENT_OK, 1798740000 },
		{ "2026-12-31t18:00:00z", MOMENT_OK, 1798740000 },
		{ "2026-12-31 18:00:00.999Z", MOMENT_OK, 1798740000 },
		{ "2026-12-31T18:00:00+01:00", MOMENT_OK, 1798736400 },
		{ "2026-12-31T18:00:00-00:30", MOMENT_OK, 1798741800 },
		{ "2016-12-31T23:59:60Z", MOMENT_OK, 1483228800 },
		{ "2026-12-31T18:00:00", MOMENT_NO_ZONE, 0 },
		{ "2026-02-29", MOMENT_NO_DAY, 0 },
		{ "2026-04-31", MOMENT_NO_DAY, 0 },
		{ "2026-00-01", MOMENT_NO_DAY, 0 },
		{ "2026-13-01", MOMENT_NO_DAY, 0 },
		{ "2026-01-00", MOMENT_NO_DAY, 0 },
		{ "2026-01-32", MOMENT_NO_DAY, 0 },
		{ "1969-12-31", MOMENT_NO_DAY, 0 },
		{ "2026-12-31T24:00:00Z", MOMENT_NO_DAY, 0 },
		{ "2026-12-31T23:60:00Z", MOMENT_NO_DAY, 0 },
		{ "2026-12-31T23:59:61Z", MOMENT_NO_DAY, 0 },
		{ "", MOMENT_SYNTAX, 0 },
		{ "2026", MOMENT_SYNTAX, 0 },
		{ "2026-1-1", MOMENT_SYNTAX, 0 },
		{ "2026-12-311", MOMENT_SYNTAX, 0 },
		{ "02026-12-31", MOMENT_SYNTAX, 0 },
		{ "2026/12/31", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T18:00Z", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T18:00:00.Z", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T18:00:00+1", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T18:00:00+24:00", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T18:00:00+01:60", MOMENT_SYNTAX, 0 },
		{ "2026-12-31T18:00:00+01:00x", MOMENT_SYNTAX, 0 },
		{ "-2026-12-31", MOMENT_SYNTAX, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t at = 0;

		print_message("%s\n", cases[i].text);
		assert_int_equal(moment_parse(cases[i].text, &at), cases[i].result);
		assert_int_equal(at, cases[i].at);
	}
}

/* The next of those that are still to come, of rules and sets; and the second itself is past. */
static void next_expiry(void **state)
{
	_cleanup_free_ char *text = NULL;
	time_t now = time(NULL);
	char past[32], near[32];
	struct policy *policy;

	strftime(past, sizeof(past), "%FT%TZ", gmtime(&now));
	now += 1000;
	strftime(near, sizeof(near), "%FT%TZ", gmtime(&now));
	assert_true(asprintf(&text,
			     "interfaces: {eth0: {policy: p}}\n"
			     "sets:\n"
			     "  far: {elements: [192.0.2.0/24], expires: 2999-01-01}\n"
			     "  near: {type: port, elements: [1], expires: '%s'}\n"
			     "groups: {unused: [{name: x, do: drop, expires: '%s'}]}\n"
			     "policies:\n"
			     "  p:\n"
			     "    rules:\n"
			     "      - {name: past, do: drop, expires: '%s'}\n"
			     "      - {name: far, do: drop, expires: 2998-01-01}\n"
			     "      - {name: never, do: drop}\n",
			     near, past, past) > 0);
	policy = load(text);
	assert_int_equal(policy->next_expiry, now);
	assert_true(policy->rulesets[0].rules[0].expiry.past);
	assert_false(policy->rulesets[0].rules[1].expiry.past);
	assert_false(policy->rulesets[0].rules[2].expiry.past);
	assert_int_equal(policy->port_sets[0].n_ranges, 1);
	policy_free(policy);

	policy = load("interfaces: {eth0: {policy: p}}\n"
		      "policies: {p: {rules: [{name: x, do: drop, expires: 2020-01-01}]}}\n");
	assert_int_equal(policy->next_expiry, 0);
	policy_free(policy);
}

/* --- limits ------------------------------------------------------------------------------ */

/* n rules in a group, which m policies use. */
static int load_many(int n, const char *match, int m, struct diags *diags)
{
	_cleanup_free_ char *text = NULL;
	struct policy *policy = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);
	int r;

	fputs("interfaces: {eth0: {policy: p0}}\ngroups:\n  g:\n", stream);
	for (int i = 0; i < n; i++)
		fprintf(stream, "    - {name: r%d, match: {%s}, do: drop}\n", i, match);
	fputs("policies:\n", stream);
	for (int i = 0; i < m; i++)
		fprintf(stream, "  p%d: {rules: [use: g]}\n", i);
	fclose(stream);
	r = try_load(text, &policy, diags);
	policy_free(policy);
	return r;
}

static void limits(void **state)
{
	_cleanup_free_ char *ports = NULL, *macs = NULL;
	struct diags diags = { 0 };
	size_t len;
	FILE *stream;

	assert_int_equal(load_many(1024, "", 16, &diags), 0);
	diags_free(&diags);
	assert_int_equal(load_many(1024, "", 17, &diags), -EINVAL);
	assert_string_equal(diags.items[0].message, "more than 16384 rules in all policies");
	assert_int_equal(diags.n_errors, 1);
	diags_free(&diags);

	stream = open_memstream(&ports, &len);
	fputs("dport: [0", stream);
	for (int i = 2; i < 8000; i += 2)
		fprintf(stream, ", %d", i);
	fputs("]", stream);
	fclose(stream);
	assert_int_equal(load_many(12, ports, 250, &diags), -EINVAL);
	assert_non_null(strstr(diags.items[0].message, "use large groups in fewer policies"));
	assert_int_equal(diags.n_errors, 1);
	diags_free(&diags);

	stream = open_memstream(&macs, &len);
	fputs("src-mac: [02:00:00:00:00:00", stream);
	for (int i = 1; i < 1000; i++)
		fprintf(stream, ", 02:00:00:00:%02x:%02x", i >> 8, i & 255);
	fputs("]", stream);
	fclose(stream);
	assert_int_equal(load_many(1, macs, 15, &diags), 0);
	diags_free(&diags);
	assert_int_equal(load_many(1, macs, 16, &diags), -EINVAL);
	assert_non_null(strstr(diags.items[0].message, "use large groups in fewer policies"));
	diags_free(&diags);
}

/* 1024 groups, each of which uses the next, and 1024 that all use all behind them. */
static void deep(void **state)
{
	for (int all = 0; all < 2; all++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		_cleanup_free_ char *text = NULL;
		struct policy *policy = NULL;
		size_t len;
		FILE *stream = open_memstream(&text, &len);
		int n = all ? 150 : CONFIG_MAX_GROUPS;

		fputs("interfaces: {eth0: {policy: p}}\ngroups:\n", stream);
		for (int i = 0; i < n; i++) {
			fprintf(stream, "  g%d:\n    - {name: r, do: count}\n", i);
			for (int j = i + 1; j < n && (all || j == i + 1); j++)
				fprintf(stream, "    - use: g%d\n", j);
		}
		fputs("policies: {p: {rules: [use: g0]}}\n", stream);
		fclose(stream);
		/* g2 is used by g0 and by g1: twice in the policy */
		assert_int_equal(try_load(text, &policy, &diags), all ? -EINVAL : 0);
		if (policy)
			assert_int_equal(policy->rulesets[0].n_rules, CONFIG_MAX_GROUPS);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),        cmocka_unit_test(anchors),
		cmocka_unit_test(notes_of_sets), cmocka_unit_test(moments),
		cmocka_unit_test(next_expiry),   cmocka_unit_test(limits),
		cmocka_unit_test(deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
