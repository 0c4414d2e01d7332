/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * prefixes.c: what it costs to look a source up among many prefixes, against the kernel's own
 * longest-prefix match; and the bare minimum, a packet parsed, counted and dropped.
 */
#include <inttypes.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "bench.h"
#include "build-policy.h"
#include "util.h"

#define SEED 1

/* --- the bare minimum --------------------------------------------------------------------- */

static void random_frames(struct harness *harness, enum family family)
{
	struct rng rng = { .state = SEED };

	for (uint32_t i = 0; i < harness_n_frames(harness); i++) {
		struct flow flow = {
			.family = family,
			.src = (address)rng_u64(&rng) << 64 | rng_u64(&rng),
			.dst = (address)rng_u64(&rng) << 64 | rng_u64(&rng),
			.proto = rng_percent(&rng, 50) ? IPPROTO_TCP : IPPROTO_UDP,
			.sport = (uint16_t)rng_u64(&rng),
			.dport = (uint16_t)rng_u64(&rng),
		};

		frame_write(harness_frame(harness, i), &flow);
	}
}

static int measure_packet(struct bench *bench, const char *name, struct policy *policy,
			  enum family family)
{
	struct row row = { .section = "packet", .traffic = family == FAMILY_V4 ? "IPv4" : "IPv6" };
	struct gate_load gate;
	int r = gate_load(policy, &gate);

	if (r < 0)
		return r;
	struct subject subject = { gate.program_fd, &row.gate };

	snprintf(row.name, sizeof(row.name), "%s", name);
	row.goal_ns = 10;
	row.cost = gate.cost;
	row.n_rules = policy->rulesets[0].n_rules;
	if (gate.refused)
		snprintf(row.gate.note, sizeof(row.gate.note), "%s", gate.refused);
	r = bench_measure(bench, &subject, 1, NULL);
	if (r >= 0)
		r = bench_verify(bench, &subject, XDP_DROP, -1);
	gate_unload(&gate);
	report_row(bench->report, &row);
	return r;
}

int bench_packet(struct bench *bench)
{
	struct policy *none = build_policy(), *one = build_policy();
	struct figure empty = {};
	int r;

	report_section(bench->report, "Parse, count, drop",
		       "                                             xdpgate");
	build_interface(none, "bench", build_ruleset(none, "none", VERDICT_DROP));
	build_interface(one, "bench", build_ruleset(one, "one", VERDICT_PASS));
	build_rule(one, 0, "all", VERDICT_DROP);
	random_frames(bench->harness, FAMILY_V4);
	r = bench_measure(bench, NULL, 0, &empty);
	if (r >= 0) {
		report_empty(bench->report, &empty);
		r = measure_packet(bench, "no rule, default: drop", none, FAMILY_V4);
	}
	if (r >= 0)
		r = measure_packet(bench, "one rule: drop everything", one, FAMILY_V4);
	random_frames(bench->harness, FAMILY_V6);
	if (r >= 0)
		r = measure_packet(bench, "no rule, default: drop", none, FAMILY_V6);
	if (r >= 0)
		r = measure_packet(bench, "one rule: drop everything", one, FAMILY_V6);
	policy_free(none);
	policy_free(one);
	return r;
}

/* --- many prefixes ------------------------------------------------------------------------ */

struct policy *prefixes_policy(const struct prefix_list *list)
{
	struct policy *policy = build_policy();
	uint32_t set = build_set(policy, "listed");
	struct rule *rule;

	build_interface(policy, "bench", build_ruleset(policy, "prefixes", VERDICT_PASS));
	rule = build_rule(policy, 0, "listed", VERDICT_DROP);
	build_address(rule, ADDRESS_SRC, set);
	prefix_list_to_set(list, policy, set);
	return policy;
}

void prefixes_frames(struct harness *harness, const struct prefix_list *list, bool hits)
{
	struct rng rng = { .state = SEED + hits };

	for (uint32_t i = 0; i < harness_n_frames(harness); i++) {
		struct flow flow = {
			.dst = (address)rng_u64(&rng) << 64,
			.proto = IPPROTO_UDP,
			.sport = (uint16_t)rng_u64(&rng),
			.dport = (uint16_t)rng_u64(&rng),
		};

		(hits ? prefix_list_draw_hit : prefix_list_draw_miss)(list, &rng, &flow.family,
								      &flow.src);
		frame_write(harness_frame(harness, i), &flow);
	}
}

struct goal {
	double ns, ratio;
};

/* Both kinds of traffic on a list, and one row for each. */
static int measure_list(struct bench *bench, struct row *row, const struct prefix_list *list,
			const struct gate_load *gate, struct goal goal)
{
	struct peer *trie = NULL;
	const char *refused = NULL;
	int r = peer_lpm(list, &trie, &refused);

	if (r < 0)
		snprintf(row->peer.note, sizeof(row->peer.note), "refused: %s %s", strerror(-r),
			 refused ? refused : "");
	row->peer_name = "LPM_TRIE";
	r = 0;
	for (int hits = 1; r >= 0 && hits >= 0; hits--) {
		struct subject subjects[] = { { gate->program_fd, &row->gate },
					      { trie ? peer_fd(trie) : -1, &row->peer } };
		int verdict = hits ? XDP_DROP : XDP_PASS;

		row->traffic = hits ? "hits" : "misses";
		row->goal_ns = hits ? goal.ns : 0;
		row->goal_ratio = hits ? goal.ratio : 0;
		prefixes_frames(bench->harness, list, hits);
		r = bench_verify(bench, &subjects[0], verdict, -1);
		if (r >= 0)
			r = bench_verify(bench, &subjects[1], verdict, -1);
		if (r >= 0)
			r = bench_measure(bench, subjects, ARRAY_SIZE(subjects), NULL);
		report_row(bench->report, row);
	}
	peer_free(trie);
	return r;
}

static int measure_policy(struct bench *bench, struct row *row, const struct prefix_list *list,
			  struct policy *policy, struct goal goal)
{
	struct gate_load gate;
	int r = gate_load(policy, &gate);

	row->n_prefixes = list->n;
	row->n_rules = policy->rulesets[0].n_rules;
	policy_free(policy);
	if (r < 0)
		return r;
	row->cost = gate.cost;
	if (gate.refused)
		snprintf(row->gate.note, sizeof(row->gate.note), "%s", gate.refused);
	r = measure_list(bench, row, list, &gate, goal);
	gate_unload(&gate);
	return r;
}

static const struct {
	enum list_kind kind;
	size_t n;
	bool quick; /* in the quick mode, too */
	struct goal goal;
} lists[] = {
	{ LIST_V4_ROUTES, 1000, true, {} },
	{ LIST_V4_ROUTES, 10000, false, {} },
	{ LIST_V4_ROUTES, 100000, true, {} },
	{ LIST_V4_ROUTES, 1000000, false, { 50, 25 } },
	{ LIST_V4_HOSTS, 100000, false, {} },
	{ LIST_V4_HOSTS, 1000000, false, { 50, 25 } },
	{ LIST_V6_ROUTES, 1000, false, {} },
	{ LIST_V6_ROUTES, 10000, true, {} },
	{ LIST_V6_ROUTES, 100000, false, {} },
	{ LIST_V6_ROUTES, 200000, false, {} },
	{ LIST_V6_ROUTES, 1000000, false, { 200, 7 } },
	{ LIST_V6_HOSTS, 100000, true, {} },
	{ LIST_V6_HOSTS, 1000000, false, { 200, 7 } },
};

int bench_prefixes(struct bench *bench)
{
	int r = 0;

	report_section(bench->report, "Prefixes: one set, one rule",
		       "                                             xdpgate LPM_TRIE    ratio");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(lists); i++) {
		struct row row = { .section = "prefixes" };
		struct prefix_list list = {};

		if (bench->quick && !lists[i].quick)
			continue;
		prefix_list_title(row.name, sizeof(row.name), lists[i].kind, lists[i].n);
		r = prefix_list_make(&list, lists[i].kind, lists[i].n, SEED);
		if (r >= 0)
			r = prefix_list_finish(&list);
		if (r >= 0)
			r = measure_policy(bench, &row, &list, prefixes_policy(&list),
					   lists[i].goal);
		prefix_list_free(&list);
	}
	return r;
}

/* --- all countries ------------------------------------------------------------------------ */

static struct policy *countries_policy(const struct countries *countries)
{
	struct policy *policy = build_policy();

	build_interface(policy, "bench", build_ruleset(policy, "countries", VERDICT_PASS));
	for (size_t i = 0; i < countries->n; i++) {
		char name[NAME_LEN];
		uint32_t set;

		snprintf(name, sizeof(name), "country-%zu", i + 1);
		set = build_set(policy, name);
		prefix_list_to_set(&countries->lists[i], policy, set);
		build_address(build_rule(policy, 0, name, VERDICT_DROP), ADDRESS_SRC, set);
	}
	return policy;
}

int bench_countries(struct bench *bench)
{
	struct row row = { .section = "countries" };
	struct countries countries = {};
	int r = countries_make(&countries, bench->data);

	if (r < 0) {
		fprintf(stderr, "xg-bench: country lists: %s\n", strerror(-r));
		return r;
	}
	report_section(bench->report, "All country lists at once: a set and a rule for each",
		       "                                             xdpgate LPM_TRIE    ratio");
	snprintf(row.name, sizeof(row.name), "%zu sets, %zu prefixes%s", countries.n,
		 countries.all.n, countries.made_up ? ", made up" : "");
	r = measure_policy(bench, &row, &countries.all, countries_policy(&countries),
			   (struct goal){ 60, 0 });
	countries_free(&countries);
	return r;
}
