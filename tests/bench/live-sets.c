/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live-sets.c: what it costs to ask a live set, by how much it holds; against the same entries
 * compiled, and against a program that asks an LPM_TRIE and nothing else.
 */
#include <linux/bpf.h>
#include <string.h>

#include "bench.h"
#include "live_maps.h"
#include "util.h"

#define SEED 7

/* Drop what comes from the live set, pass the rest. */
static struct policy *live_policy(void)
{
	struct policy *policy = build_policy();
	struct rule *rule;

	policy->live_sets = calloc(1, sizeof(*policy->live_sets));
	if (!policy->live_sets)
		abort();
	policy->n_live_sets = 1;
	snprintf(policy->live_sets[0].name, NAME_LEN, "banned");
	build_interface(policy, "bench", build_ruleset(policy, "live", VERDICT_PASS));
	rule = build_rule(policy, 0, "banned", VERDICT_DROP);
	rule->address[ADDRESS_SRC].present = true;
	rule->address[ADDRESS_SRC].live = calloc(1, sizeof(uint32_t));
	if (!rule->address[ADDRESS_SRC].live)
		abort();
	rule->address[ADDRESS_SRC].n_live = 1;
	return policy;
}

static struct live_prefix live_prefix_of(const struct list_prefix *prefix)
{
	struct live_prefix live = { .family = prefix->family, .len = prefix->len };
	unsigned int n = prefix->family == FAMILY_V4 ? 4 : 16;

	/* An IPv4 address is in the upper bits, as an IPv6 one is. */
	for (unsigned int i = 0; i < n; i++)
		live.addr[i] = (uint8_t)(prefix->addr >> (120 - 8 * i));
	return live;
}

/* Half of them end some day, which packets must look at. */
static int fill(struct live_maps *maps, const struct prefix_list *list)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->n; i++) {
		struct live_prefix prefix = live_prefix_of(&list->prefixes[i]);
		struct live_times times = { .end = i % 2 ? LIVE_FOREVER : UINT32_MAX - 1 };

		r = live_maps_put(maps, 0, &prefix, &times, times.end, NULL);
	}
	return r;
}

static int measure(struct bench *bench, struct row *row, const struct prefix_list *list, bool empty,
		   const struct gate_load *live, const struct gate_load *compiled)
{
	struct peer *trie = NULL;
	const char *refused = NULL;
	int r = peer_lpm(list, &trie, &refused);

	for (int hits = !empty; r >= 0 && hits >= 0; hits--) {
		struct figure ignored = {};
		struct subject subjects[] = { { live->program_fd, &row->gate },
					      { trie ? peer_fd(trie) : -1, &row->peer },
					      { compiled->program_fd, &ignored } };

		row->traffic = hits ? "hits" : "misses";
		prefixes_frames(bench->harness, list, hits);
		r = bench_verify(bench, &subjects[0], hits ? XDP_DROP : XDP_PASS, -1);
		if (r >= 0)
			r = bench_measure(bench, subjects, ARRAY_SIZE(subjects), NULL);
		report_row(bench->report, row);
	}
	peer_free(trie);
	return r;
}

static int measure_list(struct bench *bench, enum list_kind kind, size_t n)
{
	_cleanup_(policy_freep) struct policy *policy = live_policy(), *same = NULL;
	struct gate_load live = { .program_fd = -1 }, compiled = { .program_fd = -1 };
	struct row row = { .section = "live sets", .peer_name = "LPM_TRIE", .n_prefixes = n };
	struct prefix_list list = {};
	/* Where it is empty, packets are those that miss some list. */
	int r = prefix_list_make(&list, kind, n ? n : 1000, SEED);

	if (r >= 0)
		r = prefix_list_finish(&list);
	if (r < 0)
		return r;
	prefix_list_title(row.name, sizeof(row.name), kind, n);
	same = prefixes_policy(&list);
	r = gate_load(policy, &live);
	if (r >= 0)
		r = gate_load(same, &compiled);
	if (r >= 0 && !live.refused && n)
		r = fill(gate_load_live(&live), &list);
	row.cost = live.cost;
	if (live.refused)
		snprintf(row.gate.note, sizeof(row.gate.note), "%s", live.refused);
	if (r >= 0)
		r = measure(bench, &row, &list, !n, &live, &compiled);
	gate_unload(&live);
	gate_unload(&compiled);
	prefix_list_free(&list);
	return r;
}

int bench_live_sets(struct bench *bench)
{
	static const struct {
		enum list_kind kind;
		size_t n;
		bool quick;
	} lists[] = {
		{ LIST_V4_HOSTS, 0, true },     { LIST_V4_HOSTS, 1, true },
		{ LIST_V4_HOSTS, 1000, true },  { LIST_V4_HOSTS, 200000, false },
		{ LIST_V6_HOSTS, 1000, false }, { LIST_V6_HOSTS, 200000, false },
	};
	int r = 0;

	report_section(bench->report, "Live sets: one set, one rule",
		       "                                             xdpgate LPM_TRIE    ratio");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(lists); i++)
		if (!bench->quick || lists[i].quick)
			r = measure_list(bench, lists[i].kind, lists[i].n);
	return r;
}
