/* SPDX-License-Identifier: GPL-2.0-only */
/* bench.c: the test bench of the program tests, see bench.h. */
#include "bench.h"

#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "oracle.h"
#include "util.h"

static const struct ruleset *ruleset_of(const struct bench *bench)
{
	return &bench->policy->rulesets[bench->policy->interfaces[bench->interface].ruleset];
}

static uint32_t first_bit_of(const struct bench *bench)
{
	return bench->tables->first_bit[bench->policy->interfaces[bench->interface].ruleset];
}

static void must(int r, const char *what, struct diags *diags)
{
	if (r >= 0)
		return;
	print_error("%s: %s\n", what, strerror(-r));
	if (diags)
		diags_print(diags, stderr, false);
	fail();
}

struct bench *bench_open(struct policy *policy, size_t interface, bool redirects_exist)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	_cleanup_(diags_free) struct diags diags = {};

	assert_non_null(bench);
	bench->policy = policy;
	bench->interface = interface;
	bench->redirects_exist = redirects_exist;
	must(tables_compile(policy, &bench->tables, &diags), "compiling the policy", &diags);
	must(probe_open(policy, bench->tables, interface, redirects_exist, &bench->probe, &diags),
	     "loading the program", &diags);
	bench->n_slots = INTERFACE_BLOCK + (uint32_t)ruleset_of(bench)->n_rules;
	bench->before = calloc(bench->n_slots, sizeof(*bench->before));
	assert_non_null(bench->before);
	return bench;
}

struct bench *bench_close(struct bench *bench)
{
	if (!bench)
		return NULL;
	probe_close(bench->probe);
	tables_free(bench->tables);
	policy_free(bench->policy);
	free(bench->before);
	free(bench);
	return NULL;
}

static void blame(const struct bench *bench, const char *description, const struct packet *p)
{
	print_error("%s: on %zu bytes:\n", description, p->len);
	for (size_t i = 0; i < p->len && i < 256; i++)
		print_error("%02x%s", p->data[i], i % 32 == 31 ? "\n" : "");
	print_error("\nby this policy:\n");
	print_policy(bench->policy, stderr);
	fail();
}

static const char *text(const char *name)
{
	return name ? name : "none";
}

static void check_answer(const struct bench *bench, const char *description, const struct packet *p,
			 const struct oracle_answer *expected, const struct probe_answer *actual)
{
	uint32_t rule = expected->rule == ORACLE_NO_RULE
				? TRACE_NO_RULE
				: first_bit_of(bench) + (uint32_t)expected->rule;
	uint32_t action = expected->verdict == VERDICT_DROP   ? XDP_DROP
			  : expected->verdict == VERDICT_PASS ? XDP_PASS
							      : XDP_REDIRECT;
	const struct trace *trace = &actual->trace;

	if (trace->verdict == expected->verdict && trace->reason == expected->reason &&
	    trace->rule == rule && actual->xdp_action == action)
		return;
	print_error("expected verdict %s, reason %s, rule bit %d, XDP action %u\n",
		    text(verdict_name(expected->verdict)), text(reason_name(expected->reason)),
		    (int)rule, action);
	print_error("program: verdict %s, reason %s, rule bit %d, XDP action %u\n",
		    text(verdict_name(trace->verdict)), text(reason_name(trace->reason)),
		    (int)trace->rule, actual->xdp_action);
	blame(bench, description, p);
}

static void check_matched(const struct bench *bench, const char *description,
			  const struct packet *p, const uint8_t *counted, const struct trace *trace)
{
	for (uint32_t bit = 0; bit < MAX_ROW_WORDS * ROW_WORD_BITS; bit++) {
		uint32_t rule = bit - first_bit_of(bench);
		bool expected = bit >= first_bit_of(bench) && rule < ruleset_of(bench)->n_rules &&
				counted[rule];

		if ((trace->matched[bit / ROW_WORD_BITS] >> bit % ROW_WORD_BITS & 1) == expected)
			continue;
		print_error("rule bit %u is %smarked as matching\n", bit, expected ? "not " : "");
		blame(bench, description, p);
	}
}

static struct counter read_counter(struct bench *bench, uint32_t slot)
{
	struct counter counter = {};

	must(probe_counter(bench->probe, slot, &counter), "reading a counter", NULL);
	return counter;
}

/* Every counter has moved by one frame or not at all. */
static void check_counters(struct bench *bench, const char *description, const struct packet *p,
			   const struct oracle_answer *expected)
{
	for (uint32_t slot = 0; slot < bench->n_slots; slot++) {
		struct counter now = read_counter(bench, slot);
		uint64_t packets = now.packets - bench->before[slot].packets;
		uint64_t bytes = now.bytes - bench->before[slot].bytes;
		bool counts;

		if (slot >= INTERFACE_BLOCK)
			counts = expected->counted[slot - INTERFACE_BLOCK];
		else if (slot >= INTERFACE_BLOCK_REASONS)
			counts = slot - INTERFACE_BLOCK_REASONS == expected->reason;
		else
			counts = slot == expected->verdict;
		if (packets == counts && bytes == (counts ? p->len : 0))
			continue;
		print_error("counter %u moved by %llu packets, %llu bytes\n", slot,
			    (unsigned long long)packets, (unsigned long long)bytes);
		blame(bench, description, p);
	}
}

static void check(struct bench *bench, const char *description, const struct packet *p,
		  const struct oracle_answer *expected)
{
	static uint8_t out[PACKET_MAX];
	struct probe_answer actual;

	for (uint32_t slot = 0; slot < bench->n_slots; slot++)
		bench->before[slot] = read_counter(bench, slot);
	memset(out, 0, p->len);
	must(probe_run(bench->probe, p->data, p->len, &actual, out), "running the program", NULL);
	check_answer(bench, description, p, expected, &actual);
	check_matched(bench, description, p, expected->counted, &actual.trace);
	check_counters(bench, description, p, expected);
	if (memcmp(out, p->data, p->len) != 0) {
		print_error("the frame came out changed\n");
		blame(bench, description, p);
	}
}

static uint8_t *new_counted(const struct bench *bench)
{
	uint8_t *counted = calloc(ruleset_of(bench)->n_rules + 1, 1);

	assert_non_null(counted);
	return counted;
}

static size_t rule_named(const struct bench *bench, const char *name, size_t len)
{
	const struct ruleset *ruleset = ruleset_of(bench);

	for (size_t i = 0; i < ruleset->n_rules; i++) {
		if (strlen(ruleset->rules[i].name) == len &&
		    memcmp(ruleset->rules[i].name, name, len) == 0)
			return i;
	}
	fail_msg("the test names a rule that is not in the policy: %s", name);
	return 0;
}

/* By names; then the oracle is asked too, so that the three are known to agree. */
void bench_expect(struct bench *bench, const char *description, const struct packet *p,
		  const struct expected *expected)
{
	_cleanup_free_ uint8_t *counted = new_counted(bench);
	struct oracle_answer answer = {
		.verdict = expected->verdict,
		.reason = expected->reason,
		.rule = ORACLE_NO_RULE,
		.counted = counted,
	};

	if (expected->rule) {
		answer.rule = rule_named(bench, expected->rule, strlen(expected->rule));
		counted[answer.rule] = 1;
	}
	for (const char *name = expected->counted; name && *name;) {
		size_t len = strcspn(name, " ");

		counted[rule_named(bench, name, len)] = 1;
		name += len + (name[len] == ' ');
	}
	check(bench, description, p, &answer);
	bench_as_oracle(bench, description, p);
}

static void ask_oracle(const struct bench *bench, const struct packet *p,
		       struct oracle_answer *answer)
{
	oracle_judge(bench->policy, bench->interface, p->data, p->len, answer);
	if (answer->verdict == VERDICT_REDIRECT && !bench->redirects_exist) {
		answer->verdict = VERDICT_DROP;
		answer->reason = REASON_REDIRECT_FAILED;
	}
}

void bench_as_oracle(struct bench *bench, const char *description, const struct packet *p)
{
	_cleanup_free_ uint8_t *counted = new_counted(bench);
	struct oracle_answer answer = { .counted = counted };
	struct probe_answer actual;

	ask_oracle(bench, p, &answer);
	must(probe_run(bench->probe, p->data, p->len, &actual, NULL), "running the program", NULL);
	check_answer(bench, description, p, &answer, &actual);
	check_matched(bench, description, p, counted, &actual.trace);
}
