/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xg-bench: what a packet costs, by BPF_PROG_TEST_RUN of the loaded program over many
 * different packets. docs/bench.md says how to read its table.
 */
#include <getopt.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "kernel.h"
#include "util.h"

static const char usage[] =
	"Usage: xg-bench [OPTION...] [PART...]\n"
	"Measures the parts (all of them: packet prefixes countries rules\n"
	"live-sets reload) and prints a\n"
	"table.\n\n"
	"  --quick       fewer and smaller policies, fewer rounds\n"
	"  --json FILE   write the figures there, too\n"
	"  --data DIR    folder with geo/ and classbench/ (default: make both up)\n";

static const struct part {
	const char *name;
	int (*run)(struct bench *bench);
} parts[] = {
	{ "packet", bench_packet },       { "prefixes", bench_prefixes },
	{ "countries", bench_countries }, { "rules", bench_rules },
	{ "live-sets", bench_live_sets }, { "reload", bench_reload },
};

static const struct part *find_part(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i];
	fprintf(stderr, "xg-bench: no part '%s'\n%s", name, usage);
	exit(2);
}

static int open_bench(struct bench *bench)
{
	uint32_t n_frames = bench->quick ? 1 << 17 : 1 << 20;
	int r;

	bench->n_packets = bench->quick ? 1 << 17 : 1 << 18;
	bench->rounds = bench->quick ? 3 : 9;
	r = harness_pin_cpu();
	if (r >= 0)
		r = harness_open(n_frames, &bench->harness);
	if (r >= 0)
		r = peer_drop(&bench->empty);
	if (r < 0) {
		fprintf(stderr, "xg-bench: %s %s\n", strerror(-r), kernel_words());
		return r;
	}
	bench->report = report_open(bench->quick, n_frames, bench->n_packets, bench->rounds);
	return bench->report ? 0 : -ENOMEM;
}

static int run(struct bench *bench, char **names, const char *json)
{
	int r = open_bench(bench);

	for (size_t i = 0; r >= 0 && !*names && i < ARRAY_SIZE(parts); i++)
		r = parts[i].run(bench);
	for (; r >= 0 && *names; names++)
		r = find_part(*names)->run(bench);
	if (r >= 0 && json)
		r = report_write(bench->report, json);
	report_close(bench->report);
	peer_free(bench->empty);
	harness_close(bench->harness);
	if (r < 0)
		fprintf(stderr, "xg-bench: %s\n", strerror(-r));
	if (bench->wrong)
		fputs("xg-bench: some verdicts were WRONG (above)\n", stderr);
	return r < 0 || bench->wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	enum { QUICK = 256, JSON, DATA, HELP };
	static const struct option known[] = {
		{ "quick", no_argument, NULL, QUICK },
		{ "json", required_argument, NULL, JSON },
		{ "data", required_argument, NULL, DATA },
		{ "help", no_argument, NULL, HELP },
		{ 0 },
	};
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct bench bench = {};
	const char *json = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (c) {
		case QUICK:
			bench.quick = true;
			break;
		case JSON:
			json = optarg;
			break;
		case DATA:
			bench.data = optarg;
			break;
		case HELP:
			fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	}
	for (char **name = argv + optind; *name; name++)
		find_part(*name);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	kernel_listen(NULL);
	return run(&bench, argv + optind, json);
}
