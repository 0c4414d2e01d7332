/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_differential.c: the loaded ruleset program against the linear oracle, on random
 * policies and random packets; see trial.h for what is compared.
 */
#include "random-policy.h"
#include "run.h"
#include "trial.h"
#include "util.h"

static int check_policy(struct rng *rng, uint64_t n_packets)
{
	_cleanup_(policy_freep) struct policy *policy = random_policy(rng);
	uint32_t interface = rng_below(rng, (uint32_t)policy->n_interfaces);
	_cleanup_(trial_closep) struct trial *trial = NULL;
	static struct packet packet;
	int r = trial_open(policy, interface, rng_percent(rng, 50), &trial);

	for (uint64_t i = 0; r >= 0 && i < n_packets; i++) {
		random_packet(rng, policy, interface, &packet);
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

int main(int argc, char **argv)
{
	const struct run_options defaults = { .n_policies = 100, .n_packets = 5000 };

	return run_main(argc, argv, &defaults, check_policy, report_coverage);
}
