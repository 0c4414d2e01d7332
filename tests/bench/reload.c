/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reload.c: how long a policy takes from its files to the first packet that it judges, step by
 * step, and the kernel memory that it then holds.
 */
#include <ftw.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "config.h"
#include "util.h"

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static FILE *create(const char *folder, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (!file)
		fprintf(stderr, "xg-bench: %s: %s\n", path, strerror(errno));
	return file;
}

static int write_list(const char *folder, const char *name, const struct prefix_list *list)
{
	_cleanup_fclose_ FILE *file = create(folder, name);

	if (!file)
		return -errno;
	prefix_list_print(list, file);
	return fflush(file) == 0 ? 0 : -errno;
}

/* policy.yaml and list-N.txt for each of the lists. */
static int write_policy(const char *folder, const struct prefix_list *lists, size_t n)
{
	_cleanup_fclose_ FILE *file = create(folder, "policy.yaml");
	int r = 0;

	if (!file)
		return -errno;
	fputs("interfaces:\n  bench: {policy: bench}\nsets:\n", file);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "list-%zu.txt", i);
		fprintf(file, "  list-%zu: {file: %s}\n", i, name);
		r = write_list(folder, name, &lists[i]);
	}
	fputs("policies:\n  bench:\n    default: pass\n    rules:\n", file);
	for (size_t i = 0; i < n; i++)
		fprintf(file, "      - {name: rule-%zu, match: {src: $list-%zu}, do: drop}\n", i,
			i);
	return r < 0 ? r : fflush(file) == 0 ? 0 : -errno;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	return remove(path);
}

/* From files to the slot; the policy before it was an empty one, and stays loaded until then,
 * as in the daemon. */
static int time_reload(struct bench *bench, const char *folder, struct reload_row *row)
{
	struct policy *policy = NULL;
	struct gate_load gate = { .program_fd = -1 };
	struct diags diags = {};
	char path[4096];
	double start = now_ms();
	int r;

	snprintf(path, sizeof(path), "%s/policy.yaml", folder);
	r = policy_load(path, &policy, &diags);
	row->read_ms = now_ms() - start;
	if (r < 0)
		diags_print(&diags, stderr, false);
	diags_free(&diags);
	if (r >= 0)
		r = gate_load(policy, &gate);
	policy_free(policy);
	if (r < 0)
		return r;
	if (gate.refused) {
		snprintf(row->refused, sizeof(row->refused), "%s", gate.refused);
	} else {
		start = now_ms();
		r = harness_set(bench->harness, gate.program_fd);
		row->swap_ms = now_ms() - start;
		harness_set(bench->harness, peer_fd(bench->empty));
	}
	gate_unload(&gate);
	row->cost = gate.cost;
	return r;
}

static int measure_reload(struct bench *bench, struct reload_row *row,
			  const struct prefix_list *lists, size_t n)
{
	char folder[] = "/tmp/xg-bench-XXXXXX";
	int r;

	if (!mkdtemp(folder)) {
		fprintf(stderr, "xg-bench: %s: %s\n", folder, strerror(errno));
		return -errno;
	}
	for (size_t i = 0; i < n; i++)
		row->n_prefixes += lists[i].n;
	row->n_rules = n;
	r = write_policy(folder, lists, n);
	if (r >= 0)
		r = time_reload(bench, folder, row);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (r >= 0)
		report_reload(bench->report, row);
	return r;
}

static const struct {
	enum list_kind kind;
	size_t n;
	bool quick;
} lists[] = {
	{ LIST_V4_ROUTES, 100000, true },   { LIST_V6_HOSTS, 100000, true },
	{ LIST_V4_ROUTES, 1000000, false }, { LIST_V4_HOSTS, 1000000, false },
	{ LIST_V6_ROUTES, 1000000, false }, { LIST_V6_HOSTS, 1000000, false },
};

int bench_reload(struct bench *bench)
{
	struct countries countries = {};
	int r = 0;

	report_section(bench->report, "Reload, in milliseconds, and memory in the kernel, in MiB",
		       "                                        read  compile    load    swap    "
		       "total   memory   remove");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(lists); i++) {
		struct reload_row row = {};
		struct prefix_list list = {};

		if (bench->quick && !lists[i].quick)
			continue;
		prefix_list_title(row.name, sizeof(row.name), lists[i].kind, lists[i].n);
		if (lists[i].n == 1000000) {
			row.goal_ms = 1000;
			row.goal_mb = 64;
		}
		r = prefix_list_make(&list, lists[i].kind, lists[i].n, 1);
		if (r >= 0)
			r = measure_reload(bench, &row, &list, 1);
		prefix_list_free(&list);
	}
	if (r >= 0)
		r = countries_make(&countries, bench->data);
	if (r >= 0) {
		struct reload_row row = {};

		snprintf(row.name, sizeof(row.name), "%zu country sets", countries.n);
		r = measure_reload(bench, &row, countries.lists, countries.n);
	}
	countries_free(&countries);
	return r;
}
