/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rules.c: what many rules of many fields cost, against looking at one after the other.
 */
#include <linux/bpf.h>
#include <string.h>

#include "bench.h"
#include "filters.h"
#include "util.h"

static const struct {
	const char *family, *file;
	size_t limit;
	const char *size;
} sets[] = {
	{ "acl1", "acl1_1000", 100, "100" },       { "acl1", "acl1_1000", SIZE_MAX, "1k" },
	{ "acl1", "acl1_10000", SIZE_MAX, "10k" }, { "fw1", "fw1_1000", 100, "100" },
	{ "fw1", "fw1_1000", SIZE_MAX, "1k" },     { "fw1", "fw1_10000", SIZE_MAX, "10k" },
	{ "ipc1", "ipc1_1000", 100, "100" },       { "ipc1", "ipc1_1000", SIZE_MAX, "1k" },
	{ "ipc1", "ipc1_10000", SIZE_MAX, "10k" },
};

static const struct {
	const char *size;
	size_t n;
} made_up[] = { { "100", 100 }, { "1k", 1000 }, { "10k", 10000 } };

static void filters_frames(struct harness *harness, const struct filters *filters)
{
	struct rng rng = { .state = filters->n };

	for (uint32_t i = 0; i < harness_n_frames(harness); i++) {
		struct flow flow;

		filters_draw(filters, &rng, &flow);
		frame_write(harness_frame(harness, i), &flow);
	}
}

/* The plain loop if the verifier lets it, else bpf_loop. ret_reference is the one that never
 * fails, to compare verdicts with. */
static int load_scan(const struct filters *filters, struct row *row, struct peer **ret,
		     struct peer **ret_reference)
{
	_cleanup_free_ struct scan_rule *scan = filters_to_scan(filters);
	const char *refused = "";
	int r;

	if (!scan)
		return -ENOMEM;
	row->peer_name = "plain loop";
	r = peer_scan(scan, (uint32_t)filters->n, SCAN_LOOP, ret, &refused);
	if (r < 0) {
		row->peer_name = "bpf_loop";
		snprintf(row->peer.note, sizeof(row->peer.note),
			 "the verifier refuses a plain loop over so many rules");
	}
	r = peer_scan(scan, (uint32_t)filters->n, SCAN_HELPER, ret_reference, &refused);
	if (r < 0)
		fprintf(stderr, "xg-bench: the scan by bpf_loop: %s %s\n", strerror(-r), refused);
	return r;
}

static int measure_filters(struct bench *bench, struct row *row, const struct filters *filters)
{
	struct policy *policy = filters_to_policy(filters);
	struct peer *loop = NULL, *reference = NULL;
	struct gate_load gate;
	int r = gate_load(policy, &gate);

	policy_free(policy);
	if (r < 0)
		return r;
	row->n_rules = filters->n;
	row->cost = gate.cost;
	if (gate.refused)
		snprintf(row->gate.note, sizeof(row->gate.note), "%s", gate.refused);
	r = load_scan(filters, row, &loop, &reference);
	if (r >= 0) {
		struct subject subjects[] = {
			{ gate.program_fd, &row->gate },
			{ loop ? peer_fd(loop) : peer_fd(reference), &row->peer },
		};

		filters_frames(bench->harness, filters);
		r = bench_verify(bench, &subjects[0], -1, peer_fd(reference));
		if (r >= 0)
			r = bench_verify(bench, &subjects[1], -1, peer_fd(reference));
		if (r >= 0)
			r = bench_measure(bench, subjects, ARRAY_SIZE(subjects), NULL);
		report_row(bench->report, row);
	}
	peer_free(loop);
	peer_free(reference);
	gate_unload(&gate);
	return r;
}

/* One family at one size; *smallest remembers the cost of the first 100 rules. */
static int measure_set(struct bench *bench, const char *family, const char *size,
		       const struct filters *filters, double *smallest)
{
	struct row row = { .section = "rules", .traffic = "mixed" };
	bool first = strcmp(size, "100") == 0, last = strcmp(size, "10k") == 0;
	char name[64];
	int r;

	snprintf(row.name, sizeof(row.name), "%s %s (%zu rules)", family, size, filters->n);
	row.goal_ns = last ? 100 : 0;
	r = measure_filters(bench, &row, filters);
	if (first)
		*smallest = row.gate.measured ? row.gate.ns : 0;
	if (r >= 0 && last) {
		snprintf(name, sizeof(name), "%s: cost at 10k / cost at 100", family);
		report_growth(bench->report, name,
			      row.gate.measured && *smallest > 0 ? row.gate.ns / *smallest : 0,
			      2.5);
	}
	return r;
}

static int measure_made_up(struct bench *bench)
{
	double smallest = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(made_up) - bench->quick; i++) {
		struct filters filters = {};

		r = filters_make(&filters, made_up[i].n, 1);
		if (r >= 0)
			r = measure_set(bench, "made-up", made_up[i].size, &filters, &smallest);
		filters_free(&filters);
	}
	return r;
}

int bench_rules(struct bench *bench)
{
	double smallest = 0;
	int r = 0;

	report_section(bench->report, "Rules: ClassBench's filter sets, against a linear scan",
		       "                                             xdpgate     scan    ratio");
	for (size_t i = 0; r >= 0 && bench->data && i < ARRAY_SIZE(sets); i++) {
		struct filters filters = {};
		char path[4096];

		if (bench->quick && strcmp(sets[i].size, "10k") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/classbench/%s", bench->data, sets[i].file);
		r = filters_read(&filters, path, sets[i].limit);
		if (r == -ENOENT) {
			filters_free(&filters);
			report_note(bench->report, "%s is not there", path);
			return measure_made_up(bench);
		}
		if (r >= 0)
			r = measure_set(bench, sets[i].family, sets[i].size, &filters, &smallest);
		else
			fprintf(stderr, "xg-bench: %s: %s\n", path, strerror(-r));
		filters_free(&filters);
	}
	return bench->data ? r : measure_made_up(bench);
}
