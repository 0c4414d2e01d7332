/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_hostile.c: policies that are unkind to the compiler (tests/support/hostile.h), loaded, and
 * some thousand packets from the edges of their conditions compared with the oracle's answer.
 * Where a policy is too large for a linear matcher, what is left of it for a packet's addresses
 * judges (thin.h), and the whole of it some.
 *
 *   test_hostile [--packets N] [--seed N] [NUMBER…]
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "build-policy.h"
#include "hostile.h"
#include "random-policy.h"
#include "sandbox.h"
#include "thin.h"
#include "trial.h"
#include "util.h"

/* Prefixes that a linear matcher would look at for one packet: beyond that only for some, and
 * beyond this for none. */
#define MOST_LINEAR 300000
#define MOST_SOME_LINEAR 100000000
#define LINEAR_PACKETS 5

struct options {
	uint64_t n_packets, seed;
};

/* What a linear matcher looks at if no rule decides. */
static uint64_t linear_cost(const struct policy *policy)
{
	const struct ruleset *ruleset = &policy->rulesets[0];
	uint64_t cost = 0;

	for (size_t i = 0; i < ruleset->n_rules; i++) {
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
			const struct address_match *match = &ruleset->rules[i].address[f];

			for (size_t j = 0; j < match->n_sets; j++) {
				const struct prefix_set *set = &policy->sets[match->sets[j]];

				cost += set->n_v4 + set->n_v6;
			}
		}
	}
	return cost;
}

static u128 bits_of(const uint8_t *bytes, size_t n)
{
	u128 value = 0;

	for (size_t i = 0; i < 16; i++)
		value = value << 8 | (i < n ? bytes[i] : 0);
	return value;
}

/* The policy for the frame's addresses, which the frame may lack: then any will do. */
static const struct policy *thin_for(struct thinner *thinner, const struct packet *packet)
{
	const uint8_t *header = packet->data + packet->network;
	u128 addresses[N_ADDRESS_FIELDS];

	if (header[0] >> 4 == 4) {
		addresses[ADDRESS_SRC] = bits_of(header + 12, 4);
		addresses[ADDRESS_DST] = bits_of(header + 16, 4);
		return thin(thinner, FAMILY_V4, addresses);
	}
	addresses[ADDRESS_SRC] = bits_of(header + 8, 16);
	addresses[ADDRESS_DST] = bits_of(header + 24, 16);
	return thin(thinner, FAMILY_V6, addresses);
}

static int check_packets(const struct options *options, const struct policy *policy,
			 struct trial *trial, struct thinner *thinner)
{
	uint64_t cost = linear_cost(policy), n_linear;
	struct rng rng = { options->seed };
	static struct packet packet;
	int r = 0;

	n_linear = cost <= MOST_LINEAR        ? options->n_packets
		   : cost <= MOST_SOME_LINEAR ? LINEAR_PACKETS
					      : 0;

	for (uint64_t i = 0; r >= 0 && i < options->n_packets; i++) {
		random_packet(&rng, policy, 0, &packet);
		if (i < n_linear)
			r = trial_packet(trial, &packet, NULL);
		if (r >= 0 && thinner)
			r = trial_packet(trial, &packet, thin_for(thinner, &packet));
	}
	return r < 0 ? r : trial_counters(trial);
}

/* The exit status: 0, or 1 with the difference on stderr. */
static int check_hostile(const struct hostile *hostile, const struct options *options)
{
	_cleanup_(policy_freep) struct policy *policy = build_policy();
	_cleanup_(thinner_freep) struct thinner *thinner = NULL;
	_cleanup_(trial_closep) struct trial *trial = NULL;
	int r;

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	hostile->build(policy);
	r = trial_open(policy, 0, true, &trial);
	if (r == -EINVAL && (hostile->may_refuse || hostile->must_refuse)) {
		printf("# refused: see the unit test hostile\n");
		return 0;
	}
	if (r >= 0 && linear_cost(policy) > MOST_LINEAR) {
		thinner = thinner_new(policy);
		r = thinner ? 0 : -ENOMEM;
	}
	if (r >= 0)
		r = check_packets(options, policy, trial, thinner);
	printf("# %.1f s, ", (double)clock() / CLOCKS_PER_SEC);
	coverage_print(stdout);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", hostile->name, strerror(-r));
		return 1;
	}
	if (!coverage.counted) {
		fprintf(stderr, "%s: no packet met a rule\n", hostile->name);
		return 1;
	}
	return 0;
}

/* In a process of its own, so that none leaves its memory to the next. True if it passed. */
static bool run(const struct hostile *hostile, const struct options *options)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0) {
		perror("fork");
		return false;
	}
	if (child == 0)
		exit(check_hostile(hostile, options));
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "packets", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{},
	};
	char *end = "";
	int c;

	while (!*end && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'n')
			options->n_packets = strtoull(optarg, &end, 0);
		else if (c == 's')
			options->seed = strtoull(optarg, &end, 0);
		else
			return false;
	}
	return !*end;
}

static bool wanted(const struct hostile *hostile, size_t number, int argc, char **argv)
{
	for (int i = optind; i < argc; i++) {
		if (strtoul(argv[i], NULL, 10) == number)
			return true;
	}
	return optind == argc && !hostile->by_hand;
}

int main(int argc, char **argv)
{
	struct options options = { .n_packets = 2000, .seed = 1 };
	bool failed = false;

	if (!parse_options(argc, argv, &options)) {
		fprintf(stderr, "usage: %s [--packets N] [--seed N] [NUMBER…]\n", argv[0]);
		return 2;
	}
	if (!can_load_programs())
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", n_hostiles);
	for (size_t i = 0; i < n_hostiles; i++) {
		const struct hostile *hostile = &hostiles[i];
		bool ok;

		if (!wanted(hostile, i + 1, argc, argv)) {
			printf("ok %zu - %s # SKIP only by hand: test_hostile_trial %zu\n", i + 1,
			       hostile->name, i + 1);
			continue;
		}
		ok = run(hostile, &options);
		printf("%s %zu - %s\n", ok ? "ok" : "not ok", i + 1, hostile->name);
		failed |= !ok;
	}
	return failed;
}
