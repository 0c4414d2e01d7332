/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_differential.c: the loaded ruleset program against the linear oracle, on random
 * policies and random packets. For every packet: verdict, reason, deciding rule and the set
 * of rules that counted it; for every policy: all counters, in packets and bytes.
 */
#include <getopt.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>

#include "build-policy.h"
#include "compile.h"
#include "oracle.h"
#include "probe.h"
#include "random-policy.h"
#include "sandbox.h"
#include "util.h"

struct options {
	uint64_t n_policies, n_packets, seed;
	uint64_t first_policy; /* number of the first policy: to come back to a difference */
};

/* What the packets met, over all policies: a test that reaches nothing proves nothing. */
struct coverage {
	uint64_t packets, by_rule, counted;
	uint64_t reasons[N_REASONS];
	uint32_t highest_rule;
};

static struct coverage coverage;

/* One interface of one policy under test, with what the oracle thinks was counted. */
struct trial {
	const struct policy *policy;
	const struct ruleset *ruleset;
	const struct tables *tables;
	size_t interface;
	uint32_t first_bit;
	bool redirects_exist;
	struct probe *probe;
	struct counter *expected; /* slots as of probe_counter() */
	uint8_t *counted;
};

static void trial_done(struct trial *trial)
{
	probe_close(trial->probe);
	free(trial->expected);
	free(trial->counted);
}

static const char *reason_text_of(unsigned int reason)
{
	const char *name = reason_name(reason);

	return name ? name : "none";
}

static void print_rule_number(const char *title, size_t rule)
{
	if (rule == ORACLE_NO_RULE)
		fprintf(stderr, "%s no rule", title);
	else
		fprintf(stderr, "%s rule %zu", title, rule);
}

static uint32_t expected_xdp_action(enum verdict verdict)
{
	return verdict == VERDICT_DROP   ? XDP_DROP
	       : verdict == VERDICT_PASS ? XDP_PASS
					 : XDP_REDIRECT;
}

static bool trace_bit(const struct trace *trace, uint32_t bit)
{
	return trace->matched[bit / ROW_WORD_BITS] >> bit % ROW_WORD_BITS & 1;
}

/* Every bit of the trace: the ruleset's own as the oracle counted, all others 0. */
static bool same_counted(const struct trial *trial, const struct trace *trace)
{
	for (uint32_t bit = 0; bit < MAX_RULES; bit++) {
		bool own =
			bit >= trial->first_bit && bit - trial->first_bit < trial->ruleset->n_rules;
		bool expected = own && trial->counted[bit - trial->first_bit];

		if (trace_bit(trace, bit) != expected)
			return false;
	}
	return true;
}

/* What the program is to answer: the oracle's word, but a redirect needs its target. */
static struct oracle_answer expect(const struct trial *trial, const struct packet *packet)
{
	struct oracle_answer expected = { .counted = trial->counted };

	oracle_judge(trial->policy, trial->interface, packet->data, packet->len, &expected);
	if (expected.verdict == VERDICT_REDIRECT && !trial->redirects_exist) {
		expected.verdict = VERDICT_DROP;
		expected.reason = REASON_REDIRECT_FAILED;
	}
	return expected;
}

static bool same(const struct trial *trial, const struct oracle_answer *expected,
		 const struct probe_answer *actual)
{
	uint32_t rule = expected->rule == ORACLE_NO_RULE
				? TRACE_NO_RULE
				: trial->first_bit + (uint32_t)expected->rule;

	return actual->trace.verdict == expected->verdict &&
	       actual->trace.reason == expected->reason && actual->trace.rule == rule &&
	       actual->xdp_action == expected_xdp_action(expected->verdict) &&
	       same_counted(trial, &actual->trace);
}

static void print_difference(const struct trial *trial, const struct packet *packet,
			     const struct oracle_answer *expected,
			     const struct probe_answer *actual)
{
	const struct trace *trace = &actual->trace;
	const char *verdict = verdict_name(trace->verdict);
	size_t rule = trace->rule == TRACE_NO_RULE ? ORACLE_NO_RULE
						   : (size_t)trace->rule - trial->first_bit;

	print_policy(trial->policy, stderr);
	fprintf(stderr, "interface %zu, redirect targets %s, packet of %zu bytes:\n",
		trial->interface, trial->redirects_exist ? "exist" : "are absent", packet->len);
	for (size_t i = 0; i < packet->len; i++)
		fprintf(stderr, "%02x%s", packet->data[i], i % 32 == 31 ? "\n" : "");
	fprintf(stderr, "\noracle:  verdict %s, reason %s,", verdict_name(expected->verdict),
		reason_text_of(expected->reason));
	print_rule_number("", expected->rule);
	fputs(", counted", stderr);
	for (size_t i = 0; i < trial->ruleset->n_rules; i++) {
		if (trial->counted[i])
			fprintf(stderr, " %zu", i);
	}
	fprintf(stderr, "\nprogram: verdict %s, reason %s,", verdict ? verdict : "invalid",
		reason_text_of(trace->reason));
	print_rule_number("", rule);
	fprintf(stderr, ", XDP action %u, counted", actual->xdp_action);
	for (uint32_t bit = 0; bit < MAX_RULES; bit++) {
		if (trace_bit(trace, bit))
			fprintf(stderr, " %ld", (long)bit - trial->first_bit);
	}
	fputs("\n", stderr);
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

static int check_packet(struct trial *trial, const struct packet *packet)
{
	struct oracle_answer expected = expect(trial, packet);
	static uint8_t out[PACKET_MAX];
	struct probe_answer actual;
	int r = probe_run(trial->probe, packet->data, packet->len, &actual, out);

	if (r < 0) {
		fprintf(stderr, "running the program failed: %s\n", strerror(-r));
		return r;
	}
	if (!same(trial, &expected, &actual)) {
		print_difference(trial, packet, &expected, &actual);
		return -EINVAL;
	}
	if (memcmp(out, packet->data, packet->len) != 0) {
		fputs("the program changed the frame\n", stderr);
		print_difference(trial, packet, &expected, &actual);
		return -EINVAL;
	}
	expect_counts(trial, &expected, packet->len);
	return 0;
}

static int check_counters(const struct trial *trial)
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
		print_policy(trial->policy, stderr);
		fprintf(stderr,
			"interface %zu, counter slot %u: oracle %llu packets, %llu bytes; program "
			"%llu packets, %llu bytes\n",
			trial->interface, slot, expected->packets, expected->bytes, actual.packets,
			actual.bytes);
		return -EINVAL;
	}
	return 0;
}

static int print_diags(struct diags *diags, const struct policy *policy, int r)
{
	print_policy(policy, stderr);
	diags_print(diags, stderr, false);
	return r;
}

/* n_packets on one interface. */
static int check_interface(const struct policy *policy, const struct tables *tables,
			   size_t interface, struct rng *rng, uint64_t n_packets)
{
	uint32_t ruleset = policy->interfaces[interface].ruleset;
	_cleanup_(trial_done) struct trial trial = {
		.policy = policy,
		.ruleset = &policy->rulesets[ruleset],
		.tables = tables,
		.interface = interface,
		.first_bit = tables->first_bit[ruleset],
		.redirects_exist = rng_percent(rng, 50),
	};
	_cleanup_(diags_free) struct diags diags = {};
	static struct packet packet;
	int r;

	trial.expected = calloc(INTERFACE_BLOCK + trial.ruleset->n_rules, sizeof(*trial.expected));
	trial.counted = calloc(trial.ruleset->n_rules + 1, 1);
	if (!trial.expected || !trial.counted)
		return -ENOMEM;
	r = probe_open(policy, tables, interface, trial.redirects_exist, &trial.probe, &diags);
	if (r < 0)
		return print_diags(&diags, policy, r);
	for (uint64_t i = 0; i < n_packets; i++) {
		random_packet(rng, policy, interface, &packet);
		r = check_packet(&trial, &packet);
		if (r < 0)
			return r;
	}
	return check_counters(&trial);
}

static void free_policy(struct policy **policy)
{
	policy_free(*policy);
}

static void free_tables(struct tables **tables)
{
	tables_free(*tables);
}

/* Each policy has a seed of its own, so that one of them can be looked at alone. */
static int check_policy(const struct options *options, uint64_t number)
{
	struct rng rng = { options->seed + number * 0x632be59bd9b4e019ULL };
	_cleanup_(free_policy) struct policy *policy = random_policy(&rng);
	_cleanup_(free_tables) struct tables *tables = NULL;
	_cleanup_(diags_free) struct diags diags = {};
	int r = tables_compile(policy, &tables, &diags);

	if (r < 0)
		return print_diags(&diags, policy, r);
	return check_interface(policy, tables, rng_below(&rng, (uint32_t)policy->n_interfaces),
			       &rng, options->n_packets);
}

/* False if there were packets enough and still something was never met. */
static bool report_coverage(void)
{
	bool complete = true;

	printf("%llu packets, %llu decided by a rule, %llu matches of rules, highest rule %u\n",
	       (unsigned long long)coverage.packets, (unsigned long long)coverage.by_rule,
	       (unsigned long long)coverage.counted, coverage.highest_rule);
	for (unsigned int i = 0; i < N_REASONS; i++) {
		printf("%s%s %llu", i ? ", " : "", reason_name(i),
		       (unsigned long long)coverage.reasons[i]);
		/* BPF_PROG_TEST_RUN refuses frames below 14 bytes */
		if (!coverage.reasons[i] && i != REASON_ETHERNET_TRUNCATED)
			complete = false;
	}
	putchar('\n');
	return complete || coverage.packets < 100000;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "policies", required_argument, NULL, 'p' },
		{ "packets", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		uint64_t *value = c == 'p'   ? &options->n_policies
				  : c == 'n' ? &options->n_packets
				  : c == 's' ? &options->seed
				  : c == 'f' ? &options->first_policy
					     : NULL;
		char *end;

		if (!value)
			return false;
		errno = 0;
		*value = strtoull(optarg, &end, 0);
		if (errno || end == optarg || *end)
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct options options = { .n_policies = 100, .n_packets = 5000 };

	options.seed = (uint64_t)time(NULL);
	if (!parse_options(argc, argv, &options)) {
		fprintf(stderr,
			"usage: %s [--policies N] [--packets N] [--seed N] [--first POLICY]\n",
			argv[0]);
		return 2;
	}
	if (!can_load_programs())
		return 1;
	printf("seed %llu, %llu policies, %llu packets each\n", (unsigned long long)options.seed,
	       (unsigned long long)options.n_policies, (unsigned long long)options.n_packets);
	fflush(stdout);
	for (uint64_t i = 0; i < options.n_policies; i++) {
		uint64_t number = options.first_policy + i;

		if (check_policy(&options, number) < 0) {
			fprintf(stderr,
				"DIFFERENT: again by --seed %llu --first %llu --policies 1 "
				"--packets %llu\n",
				(unsigned long long)options.seed, (unsigned long long)number,
				(unsigned long long)options.n_packets);
			return 1;
		}
	}
	if (!report_coverage()) {
		fputs("the packets did not reach every reason\n", stderr);
		return 1;
	}
	puts("no difference");
	return 0;
}
