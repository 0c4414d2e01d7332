/* SPDX-License-Identifier: GPL-2.0-only */
/* judge.c: see judge.h. */
#include "judge.h"

#include <string.h>

#include "probe.h"
#include "util.h"

#define ETHERNET_HEADER 14 /* the kernel runs programs on no less */

struct seat {
	bool of_port;
	bool taken;          /* it has judged: counts, and the program, are there */
	struct probe *probe; /* ENGINE_PROGRAM */
	uint32_t first_bit;
	size_t n_rules;
	struct judge_counts counts;
};

struct judge {
	const struct policy *policy;
	const struct tables *tables;
	struct judge_options options;
	size_t interface;   /* that was asked for */
	bool alone;         /* it judges whatever arrives */
	struct seat *seats; /* by interface of the policy */
	uint8_t *counted;   /* for the oracle */
	struct counter unjudged;
};

static const char *const engine_names[] = { "program", "oracle" };

bool engine_parse(const char *text, enum engine *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(engine_names); i++)
		if (strcmp(text, engine_names[i]) == 0) {
			*ret = (enum engine)i;
			return true;
		}
	return false;
}

const char *engine_name(enum engine engine)
{
	return engine_names[engine];
}

struct judge *judge_close(struct judge *judge)
{
	if (!judge)
		return NULL;
	for (size_t i = 0; judge->seats && i < judge->policy->n_interfaces; i++) {
		probe_close(judge->seats[i].probe);
		free(judge->seats[i].counts.rules);
	}
	free(judge->seats);
	free(judge->counted);
	free(judge);
	return NULL;
}

/* An interface judges for the first time. */
static int take_seat(struct judge *judge, size_t interface, struct diags *diags)
{
	struct seat *seat = &judge->seats[interface];
	uint32_t ruleset = judge->policy->interfaces[interface].ruleset;

	seat->n_rules = judge->policy->rulesets[ruleset].n_rules;
	seat->counts.rules = calloc(seat->n_rules + 1, sizeof(*seat->counts.rules));
	if (!seat->counts.rules)
		return -ENOMEM;
	seat->taken = true;
	if (judge->options.engine == ENGINE_ORACLE)
		return 0;
	seat->first_bit = judge->tables->first_bit[ruleset];
	return probe_open_live(judge->policy, judge->tables, interface, true, judge->options.live,
			       &seat->probe, diags);
}

int judge_open(const struct policy *policy, const struct tables *tables, size_t interface,
	       const struct judge_options *options, struct judge **ret, struct diags *diags)
{
	_cleanup_(judge_closep) struct judge *judge = calloc(1, sizeof(*judge));
	size_t most = 0, n_members = 0;
	int r;

	if (!judge)
		return -ENOMEM;
	judge->policy = policy;
	judge->tables = tables;
	judge->options = *options;
	judge->interface = interface;
	judge->seats = calloc(policy->n_interfaces + 1, sizeof(*judge->seats));
	for (size_t i = 0; i < policy->n_rulesets; i++)
		if (policy->rulesets[i].n_rules > most)
			most = policy->rulesets[i].n_rules;
	judge->counted = calloc(most + 1, 1);
	if (!judge->seats || !judge->counted)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		judge->seats[i].of_port =
			strcmp(policy->interfaces[i].port, policy->interfaces[interface].port) == 0;
		n_members += judge->seats[i].of_port;
	}
	judge->alone = n_members == 1 && !policy->interfaces[interface].vlan;
	/* What cannot be loaded is said before the first frame is read. */
	r = take_seat(judge, interface, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(judge);
	return 0;
}

static void count(struct counter *counter, size_t len)
{
	counter->packets++;
	counter->bytes += len;
}

/* By the oracle; it is counted here. */
static void judge_by_oracle(struct judge *judge, size_t interface, const uint8_t *frame, size_t len,
			    struct judged *ret)
{
	struct oracle_answer answer = { .counted = judge->counted };
	struct seat *seat = &judge->seats[interface];

	oracle_judge(judge->policy, interface, frame, len, &answer);
	for (size_t i = 0; i < seat->n_rules; i++)
		if (judge->counted[i])
			count(&seat->counts.rules[i], len);
	count(&seat->counts.verdicts[answer.verdict], len);
	if (answer.reason != REASON_NONE)
		count(&seat->counts.reasons[answer.reason], len);
	ret->verdict = answer.verdict;
	ret->reason = answer.reason;
	ret->rule = answer.rule;
}

/* The first shadow that matched and would have decided. */
static size_t shadow_of(const struct judge *judge, size_t interface, const struct trace *trace)
{
	const struct policy *policy = judge->policy;
	const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];
	uint32_t first = judge->seats[interface].first_bit;

	for (uint32_t i = 0; i < ruleset->n_rules && first + i != trace->rule; i++) {
		uint32_t bit = first + i;

		if (trace->matched[bit / ROW_WORD_BITS] >> bit % ROW_WORD_BITS & 1 &&
		    rule_would_decide(&ruleset->rules[i]))
			return i;
	}
	return ORACLE_NO_RULE;
}

/* By the program, which counts. */
static int judge_by_program(const struct judge *judge, size_t interface, const uint8_t *frame,
			    size_t len, struct judged *ret, struct diags *diags)
{
	const struct seat *seat = &judge->seats[interface];
	const struct trace *trace;
	struct probe_answer answer;
	int r;

	if (judge->options.shadows) {
		r = probe_run(seat->probe, frame, len, &answer, NULL);
		trace = &answer.trace;
	} else {
		r = probe_run_many(seat->probe, frame, len, &trace);
	}
	if (r < 0) {
		diag_error(diags, NULL, "the kernel does not run the program on %zu bytes: %s", len,
			   strerror(-r));
		return r;
	}
	ret->verdict = (enum verdict)trace->verdict;
	ret->reason = (enum reason)trace->reason;
	ret->rule = trace->rule == TRACE_NO_RULE ? ORACLE_NO_RULE : trace->rule - seat->first_bit;
	if (judge->options.shadows)
		ret->shadow = shadow_of(judge, interface, trace);
	return 0;
}

int judge_frame(struct judge *judge, const uint8_t *frame, size_t len, struct judged *ret,
		struct diags *diags)
{
	size_t interface =
		judge->alone ? judge->interface : oracle_interface(judge->policy, judge->interface, frame, len);
	struct seat *seat;
	int r;

	if (len > PROBE_MAX_FRAME) /* the oracle could, but is to answer the same */
		return -E2BIG;
	ret->interface = interface;
	ret->shadow = ORACLE_NO_RULE;
	if (interface == ORACLE_NO_INTERFACE) {
		ret->verdict = VERDICT_PASS;
		ret->reason = REASON_NONE;
		ret->rule = ORACLE_NO_RULE;
		count(&judge->unjudged, len);
		return 0;
	}
	seat = &judge->seats[interface];
	if (!seat->taken) {
		r = take_seat(judge, interface, diags);
		if (r < 0)
			return r;
	}
	/* What is shorter than an Ethernet header is malformed, whoever judges, and the kernel gives
	 * it to no program. */
	if (judge->options.engine == ENGINE_PROGRAM && len >= ETHERNET_HEADER)
		return judge_by_program(judge, interface, frame, len, ret, diags);
	judge_by_oracle(judge, interface, frame, len, ret);
	return 0;
}

static int add_counter(const struct seat *seat, uint32_t slot, struct counter *counter)
{
	struct counter read = {};
	int r = probe_counter(seat->probe, slot, &read);

	counter->packets += read.packets;
	counter->bytes += read.bytes;
	return r;
}

static int finish_seat(struct seat *seat)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < N_VERDICTS; i++)
		r = add_counter(seat, i, &seat->counts.verdicts[i]);
	for (uint32_t i = 0; r >= 0 && i < N_REASONS; i++)
		r = add_counter(seat, INTERFACE_BLOCK_REASONS + i, &seat->counts.reasons[i]);
	for (uint32_t i = 0; r >= 0 && i < seat->n_rules; i++)
		r = add_counter(seat, INTERFACE_BLOCK + i, &seat->counts.rules[i]);
	return r;
}

int judge_finish(struct judge *judge, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < judge->policy->n_interfaces; i++)
		if (judge->seats[i].probe)
			r = finish_seat(&judge->seats[i]);
	return r < 0 ? diag_error(diags, NULL, "cannot read the counters of the program: %s",
				  strerror(-r))
		     : 0;
}

const struct judge_counts *judge_counts(const struct judge *judge, size_t interface)
{
	return judge->seats[interface].taken ? &judge->seats[interface].counts : NULL;
}

struct counter judge_unjudged(const struct judge *judge)
{
	return judge->unjudged;
}

bool judge_has(const struct judge *judge, size_t interface)
{
	return judge->seats[interface].of_port;
}
