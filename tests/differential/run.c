/* SPDX-License-Identifier: GPL-2.0-only */
/* run.c: see run.h. */
#include "run.h"

#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "sandbox.h"
#include "util.h"

static bool parse_options(int argc, char **argv, struct run_options *options)
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

int run_main(int argc, char **argv, const struct run_options *defaults, run_policy *check,
	     run_coverage *report)
{
	struct run_options options = *defaults;

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
		struct rng rng = { options.seed + number * 0x632be59bd9b4e019ULL };

		if (check(&rng, options.n_packets) < 0) {
			fprintf(stderr,
				"DIFFERENT: again by --seed %llu --first %llu --policies 1 "
				"--packets %llu\n",
				(unsigned long long)options.seed, (unsigned long long)number,
				(unsigned long long)options.n_packets);
			return 1;
		}
	}
	if (!report()) {
		fputs("the packets did not reach all that they should\n", stderr);
		return 1;
	}
	puts("no difference");
	return 0;
}
