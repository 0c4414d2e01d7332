/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_differential.c: the loaded ruleset program against the linear oracle, on random
 * policies and random packets; see trial.h for what is compared.
 */
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "random-policy.h"
#include "sandbox.h"
#include "trial.h"
#include "util.h"

struct options {
	uint64_t n_policies, n_packets, seed;
	uint64_t first_policy; /* number of the first policy: to come back to a difference */
};

/* Each policy has a seed of its own, so that one of them can be looked at alone. */
static int check_policy(const struct options *options, uint64_t number)
{
	struct rng rng = { options->seed + number * 0x632be59bd9b4e019ULL };
	_cleanup_(policy_freep) struct policy *policy = random_policy(&rng);
	uint32_t interface = rng_below(&rng, (uint32_t)policy->n_interfaces);
	_cleanup_(trial_closep) struct trial *trial = NULL;
	static struct packet packet;
	int r = trial_open(policy, interface, rng_percent(&rng, 50), &trial);

	for (uint64_t i = 0; r >= 0 && i < options->n_packets; i++) {
		random_packet(&rng, policy, interface, &packet);
		r = trial_packet(trial, &packet, NULL);
	}
	return r < 0 ? r : trial_counters(trial);
}

/* False if there were packets enough and still something was never met. */
static bool report_coverage(void)
{
	bool complete = true;

	coverage_print(stdout);
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
