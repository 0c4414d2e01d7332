/* SPDX-License-Identifier: GPL-2.0-only */
/* trial.c: the program against the oracle, see trial.h. */
#include "trial.h"

#include <linux/bpf.h>
#include <string.h>

#include "build-policy.h"
#include "compile.h"
#include "oracle.h"
#include "probe.h"
#include "util.h"

/* A policy of more rules, ranges or prefixes than that is not printed. */
#define PRINTABLE 1000

struct coverage coverage;

struct trial {
	const struct policy *policy;
	const struct ruleset *ruleset;
	struct tables *tables;
	size_t interface;
	uint32_t first_bit;
	bool redirects_exist;
	struct probe *probe;
	int through_fd;
	const struct oracle_live *live;
	struct counter *expected; /* slots as of probe_counter() */
	uint8_t *counted;
	size_t rule; /* that decided the last packet */
};

struct trial *trial_close(struct trial *trial)
{
	if (!trial)
		return NULL;
	probe_close(trial->probe);
	tables_free(trial->tables);
	free(trial->expected);
	free(trial->counted);
	free(trial);
	return NULL;
}

/* --- a difference, for people ------------------------------------------------------------- */

static size_t policy_size(const struct policy *policy)
{
	size_t size = 0;

	for (size_t i = 0; i < policy->n_sets; i++)
		size += policy->sets[i].n_v4 + policy->sets[i].n_v6;
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		const struct ruleset *ruleset = &policy->rulesets[i];

		size += ruleset->n_rules;
		for (size_t j = 0; j < ruleset->n_rules; j++) {
			for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
				size += ruleset->rules[j].scalar[f].n_ranges;
		}
	}
	return size;
}

static void print_small_policy(const struct policy *policy)
{
	if (policy_size(policy) <= PRINTABLE)
		print_policy(policy, stderr);
	else
		fprintf(stderr, "a policy of %zu rules, ranges and prefixes\n",
			policy_size(policy));
}

static const char *reason_text_of(unsigned int reason)
{
	const char *name = reason_name(reason);

	return name ? name : "none";
}

/* Rules by their index in the ruleset, whatever the number of its first bit is. */
static void print_answer(const char *who, const char *verdict, unsigned int reason, long rule)
{
	fprintf(stderr, "%s verdict %s, reason %s, ", who, verdict ? verdict : "invalid",
		reason_text_of(reason));
	if (rule < 0)
		fputs("no rule, counted", stderr);
	else
		fprintf(stderr, "rule %ld, counted", rule);
}

static bool trace_bit(const struct trace *trace, uint32_t bit)
{
	return trace->matched[bit / ROW_WORD_BITS] >> bit % ROW_WORD_BITS & 1;
}

static void print_difference(const struct trial *trial, const struct policy *judged_by,
			     const struct packet *packet, const struct oracle_answer *expected,
			     const struct probe_answer *actual)
{
	const struct trace *trace = &actual->trace;

	print_small_policy(judged_by);
	fprintf(stderr, "interface %zu, redirect targets %s, packet of %zu bytes:\n",
		trial->interface, trial->redirects_exist ? "exist" : "are absent", packet->len);
	for (size_t i = 0; i < packet->len; i++)
		fprintf(stderr, "%02x%s", packet->data[i], i % 32 == 31 ? "\n" : "");
	fputs("\n", stderr);
	print_answer("oracle: ", verdict_name(expected->verdict), expected->reason,
		     expected->rule == ORACLE_NO_RULE ? -1 : (long)expected->rule);
	for (size_t i = 0; i < trial->ruleset->n_rules; i++) {
		if (trial->counted[i])
			fprintf(stderr, " %zu", i);
	}
	fputs("\n", stderr);
	print_answer("program:", verdict_name(trace->verdict), trace->reason,
		     trace->rule == TRACE_NO_RULE ? -1 : (long)trace->rule - trial->first_bit);
	for (uint32_t bit = 0; bit < MAX_ROW_WORDS * ROW_WORD_BITS; bit++) {
		if (trace_bit(trace, bit))
			fprintf(stderr, " %ld", (long)bit - trial->first_bit);
	}
	fprintf(stderr, "; XDP action %u\n", actual->xdp_action);
}

/* --- one packet --------------------------------------------------------------------------- */

static uint32_t expected_xdp_action(enum verdict verdict)
{
	return verdict == VERDICT_DROP   ? XDP_DROP
	       : verdict == VERDICT_PASS ? XDP_PASS
					 : XDP_REDIRECT;
}

/* Every bit of the trace: the ruleset's own as the oracle counted, all others 0. */
static bool same_counted(const struct trial *trial, const struct trace *trace)
{
	uint64_t expected[MAX_ROW_WORDS] = {};

	for (uint32_t i = 0; i < trial->ruleset->n_rules; i++) {
		uint32_t bit = trial->first_bit + i;

		expected[bit / ROW_WORD_BITS] |= (uint64_t)trial->counted[i] << bit % ROW_WORD_BITS;
	}
	return memcmp(expected, trace->matched, sizeof(expected)) == 0;
}

/* What the program is to answer: the oracle's word, but a redirect needs its target. */
static struct oracle_answer expect(const struct trial *trial, const struct policy *judged_by,
				   const struct packet *packet)
{
	struct oracle_answer expected = { .counted = trial->counted };

	oracle_judge_live(judged_by, trial->interface, packet->data, packet->len, trial->live,
			  &expected);
	if (expected.verdict == VERDICT_REDIRECT && !trial->redirects_exist) {
		expected.verdict = VERDICT_DROP;
		expected.reason = REASON_REDIRECT_FAILED;
	}
	return expected;
}

/* Has the program read the packet as the oracle has? How far it came with one that is malformed is its
 * own business. */
static bool same_fields(const struct packet *packet, const struct trace *trace)
{
	struct trace read = {};

	if (trace->reason != REASON_NONE && reason_fate(trace->reason) == FATE_MALFORMED)
		return true;
	oracle_trace(packet->data, packet->len, &read);
	return trace->len == read.len && trace->ip == read.ip &&
	       trace->unknown_extension == read.unknown_extension &&
	       memcmp(trace->scalar, read.scalar, sizeof(read.scalar)) == 0 &&
	       memcmp(trace->mac, read.mac, sizeof(read.mac)) == 0 &&
	       (!read.ip || (trace->family == read.family &&
			     memcmp(trace->address, read.address, sizeof(read.address)) == 0));
}

static bool same(const struct trial *trial, const struct packet *packet,
		 const struct oracle_answer *expected, const struct probe_answer *actual)
{
	uint32_t rule = expected->rule == ORACLE_NO_RULE
				? TRACE_NO_RULE
				: trial->first_bit + (uint32_t)expected->rule;

	return actual->trace.verdict == expected->verdict &&
	       actual->trace.reason == expected->reason && actual->trace.rule == rule &&
	       actual->xdp_action == expected_xdp_action(expected->verdict) &&
	       same_counted(trial, &actual->trace) && same_fields(packet, &actual->trace);
}

static void expect_count(struct trial *trial, uint32_t slot, size_t bytes)
{
	trial->expected[slot].packets++;
	trial->expected[slot].bytes += bytes;
}

static void expect_counts(struct trial *trial, const struct oracle_answer *expected, size_t bytes)
{
	coverage.packets++;
	coverage.by_rule += expected->rule != ORACLE_NO_RULE;
	expect_count(trial, expected->verdict, bytes);
	if (expected->reason != REASON_NONE) {
		coverage.reasons[expected->reason]++;
		expect_count(trial, INTERFACE_BLOCK_REASONS + expected->reason, bytes);
	}
	for (size_t i = 0; i < trial->ruleset->n_rules; i++) {
		if (!trial->counted[i])
			continue;
		coverage.counted++;
		if (i > coverage.highest_rule)
			coverage.highest_rule = (uint32_t)i;
		expect_count(trial, INTERFACE_BLOCK + (uint32_t)i, bytes);
	}
}

int trial_packet(struct trial *trial, const struct packet *packet, const struct policy *judged_by)
{
	const struct policy *policy = judged_by ? judged_by : trial->policy;
	struct oracle_answer expected = expect(trial, policy, packet);
	static uint8_t out[PACKET_MAX];
	struct probe_answer actual;
	int r = probe_run_through(trial->probe, trial->through_fd, packet->data, packet->len,
				  &actual, out);

	if (r < 0) {
		fprintf(stderr, "running the program failed: %s\n", strerror(-r));
		return r;
	}
	if (!same(trial, packet, &expected, &actual)) {
		print_difference(trial, policy, packet, &expected, &actual);
		return -EINVAL;
	}
	if (memcmp(out, packet->data, packet->len) != 0) {
		fputs("the program changed the frame\n", stderr);
		print_difference(trial, policy, packet, &expected, &actual);
		return -EINVAL;
	}
	expect_counts(trial, &expected, packet->len);
	trial->rule = expected.rule;
	return 0;
}

void trial_live_sets(struct trial *trial, const struct oracle_live *live)
{
	trial->live = live;
}

struct live_maps *trial_live_maps(const struct trial *trial)
{
	return probe_live(trial->probe);
}

void trial_through(struct trial *trial, int program_fd)
{
	trial->through_fd = program_fd;
}

int trial_program_fd(const struct trial *trial)
{
	return probe_program_fd(trial->probe);
}

int trial_counters(const struct trial *trial)
{
	for (uint32_t slot = 0; slot < INTERFACE_BLOCK + trial->ruleset->n_rules; slot++) {
		const struct counter *expected = &trial->expected[slot];
		struct counter actual = {};
		int r = probe_counter(trial->probe, slot, &actual);

		if (r < 0) {
			fprintf(stderr, "reading counter %u failed: %s\n", slot, strerror(-r));
			return r;
		}
		if (actual.packets == expected->packets && actual.bytes == expected->bytes)
			continue;
		print_small_policy(trial->policy);
		fprintf(stderr,
			"interface %zu, counter slot %u: oracle %llu packets, %llu bytes; program "
			"%llu packets, %llu bytes\n",
			trial->interface, slot, expected->packets, expected->bytes, actual.packets,
			actual.bytes);
		return -EINVAL;
	}
	return 0;
}

size_t trial_rule(const struct trial *trial)
{
	return trial->rule;
}

void coverage_print(FILE *stream)
{
	fprintf(stream,
		"%llu packets, %llu decided by a rule, %llu matches of rules, highest rule %u\n",
		(unsigned long long)coverage.packets, (unsigned long long)coverage.by_rule,
		(unsigned long long)coverage.counted, coverage.highest_rule);
}

/* --- beginning ---------------------------------------------------------------------------- */

static int prepare(struct trial *trial, struct diags *diags)
{
	size_t n_rules = trial->ruleset->n_rules;
	int r = tables_compile(trial->policy, &trial->tables, diags);

	if (r < 0)
		return r;
	trial->first_bit = trial->tables->first_bit[trial->ruleset - trial->policy->rulesets];
	trial->expected = calloc(INTERFACE_BLOCK + n_rules, sizeof(*trial->expected));
	trial->counted = calloc(n_rules + 1, 1);
	if (!trial->expected || !trial->counted)
		return -ENOMEM;
	return probe_open(trial->policy, trial->tables, trial->interface, trial->redirects_exist,
			  &trial->probe, diags);
}

int trial_open(const struct policy *policy, size_t interface, bool redirects_exist,
	       struct trial **ret)
{
	_cleanup_(trial_closep) struct trial *trial = calloc(1, sizeof(*trial));
	_cleanup_(diags_free) struct diags diags = {};
	int r;

	if (!trial)
		return -ENOMEM;
	trial->policy = policy;
	trial->ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];
	trial->interface = interface;
	trial->redirects_exist = redirects_exist;
	r = prepare(trial, &diags);
	if (r < 0) {
		print_small_policy(policy);
		diags_print(&diags, stderr, false);
		fprintf(stderr, "no program for the policy: %s\n", strerror(-r));
		return r;
	}
	trial->through_fd = probe_program_fd(trial->probe);
	*ret = TAKE_PTR(trial);
	return 0;
}
