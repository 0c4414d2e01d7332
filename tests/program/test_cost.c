/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_cost.c: what this kernel's verifier has to walk to accept our programs, from the smallest
 * policy to the largest. A verifier gives up past a million instructions, each kernel's in its
 * own way, and a refusal would meet an operator in the middle of a reload: so a program that
 * comes anywhere near fails here. Load times and bytes of machine code are told, not judged.
 *
 *   test_cost [--budget INSTRUCTIONS] [--random N]
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "build-policy.h"
#include "compile.h"
#include "cost_policies.h"
#include "counters.h"
#include "generation.h"
#include "kernel.h"
#include "random-policy.h"
#include "ruleset.h"
#include "sandbox.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "entry.skel.h"
#include "front.skel.h"
#pragma GCC diagnostic pop

/* Of any program. The kernel's own limit is 1,000,000 (BPF_COMPLEXITY_LIMIT_INSNS). What one
 * kernel walks another may walk several times, for the same program: this leaves a factor of
 * four. Seen with every field: 110,000 on 6.18, 160,000 on 6.1. And a policy of ten interfaces
 * loads ten programs while an operator waits: these take 0.05 s each. */
#define BUDGET 250000

static unsigned int budget = BUDGET, n_random = 16;
static unsigned int number; /* of the case */
static bool failed;

struct cost {
	unsigned int verified, bytes, instructions; /* machine code; after the verifier's cuts */
	double load_ms;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void report(bool ok, const char *name)
{
	printf("%s %u - %s\n", ok ? "ok" : "not ok", ++number, name);
	fflush(stdout);
	failed |= !ok;
}

/* --- one program -------------------------------------------------------------------------- */

static int measure(int fd, double start_ms, struct cost *ret)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	double load_ms = now_ms() - start_ms;
	int r = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (r < 0)
		return r;
	*ret = (struct cost){ info.verified_insns, info.jited_prog_len,
			      info.xlated_prog_len / sizeof(struct bpf_insn), load_ms };
	return 0;
}

static void print_cost(const char *name, const struct cost *cost)
{
	printf("# %-44s %8u %12u %10u %7.0f\n", name, cost->verified, cost->instructions,
	       cost->bytes, cost->load_ms);
}

/* No figure is no success: it would pass any budget. */
static bool within_budget(const struct cost *cost)
{
	if (cost->verified > 0 && cost->verified <= budget)
		return true;
	if (!cost->verified)
		printf("# this kernel does not tell how many instructions it verified\n");
	else
		printf("# %u instructions verified are more than the budget of %u\n",
		       cost->verified, budget);
	return false;
}

static int load_entry(struct cost *ret)
{
	double start = now_ms();
	struct entry_bpf *skeleton = entry_bpf__open_and_load();
	int r;

	if (!skeleton)
		return -errno;
	r = measure(bpf_program__fd(skeleton->progs.xdpgate_entry), start, ret);
	entry_bpf__destroy(skeleton);
	return r;
}

static int load_pass(struct cost *ret)
{
	double start = now_ms();
	_cleanup_close_ int fd = pass_load(true, NULL);

	return fd < 0 ? fd : measure(fd, start, ret);
}

/* With all that it can do. */
static int load_front(struct cost *ret)
{
	const struct front_config config = { .confirm = 1, .sample = 1 };
	double start = now_ms();
	struct front_bpf *skeleton = front_bpf__open();
	int r;

	if (!skeleton)
		return -errno;
	memcpy((void *)&skeleton->rodata->config, &config, sizeof(config));
	r = front_bpf__load(skeleton);
	if (r >= 0)
		r = measure(bpf_program__fd(skeleton->progs.xdpgate_front), start, ret);
	front_bpf__destroy(skeleton);
	return r;
}

static void check_small(const char *name, int (*load)(struct cost *ret))
{
	struct cost cost = {};
	int r = load(&cost);

	if (r < 0)
		printf("# cannot load it: %s\n", strerror(-r));
	else
		print_cost(name, &cost);
	report(r >= 0 && within_budget(&cost), name);
}

/* --- a policy's --------------------------------------------------------------------------- */

struct costs {
	struct cost live, probe;
};

static void counters_closep(struct counters **counters)
{
	counters_close(*counters);
}

static void generation_freep(struct generation **generation)
{
	generation_free(*generation);
}

static void live_maps_closep(struct live_maps **maps)
{
	live_maps_close(*maps);
}

static int load_ruleset(const struct generation *generation, const struct counters *counters,
			bool probe, struct cost *ret, struct diags *diags)
{
	struct ruleset_config config = generation->configs[0];
	_cleanup_close_ int fd = -1;
	double start = now_ms();
	int r;

	config.probe = probe;
	r = ruleset_load(&generation->maps, counters, &config, true, &fd, NULL, diags);
	return r < 0 ? r : measure(fd, start, ret);
}

/* Interface 0's program as it goes live, and as a probe of it. */
static int load_policy(const struct policy *policy, struct costs *ret)
{
	_cleanup_(diags_free) struct diags diags = {};
	_cleanup_(tables_freep) struct tables *tables = NULL;
	_cleanup_(counters_closep) struct counters *counters = NULL;
	_cleanup_(live_maps_closep) struct live_maps *live = NULL;
	_cleanup_(generation_freep) struct generation *generation = NULL;
	int r = tables_compile(policy, &tables, &diags);

	if (r >= 0)
		r = counters_open(NULL, &counters, &diags);
	if (r >= 0 && policy->n_live_sets)
		r = live_maps_open(NULL, &live, &diags);
	if (r >= 0)
		r = generation_build(policy, tables, 1, true, counters, live, &generation, &diags);
	if (r >= 0)
		r = load_ruleset(generation, counters, false, &ret->live, &diags);
	if (r >= 0)
		r = load_ruleset(generation, counters, true, &ret->probe, &diags);
	if (r < 0) {
		diags_print(&diags, stderr, false);
		printf("# cannot load it: %s\n", strerror(-r));
	}
	return r;
}

static void check_policy(const struct cost_policy *wanted, struct costs *costs)
{
	struct policy *policy = build_policy();
	char name[64];
	bool ok;

	wanted->build(policy);
	ok = load_policy(policy, costs) >= 0;
	policy_free(policy);
	if (ok) {
		print_cost(wanted->name, &costs->live);
		snprintf(name, sizeof(name), "%s, probe", wanted->name);
		print_cost(name, &costs->probe);
		ok = within_budget(&costs->live);
		ok &= within_budget(&costs->probe);
	}
	report(ok, wanted->name);
}

static void keep_highest(struct cost *highest, const struct cost *cost)
{
	if (cost->verified > highest->verified)
		*highest = *cost;
}

/* Parts of the program in every combination that nobody thought of. */
static void check_random(void)
{
	struct costs highest = {};
	bool ok = true;

	for (unsigned int i = 0; ok && i < n_random; i++) {
		struct rng rng = { 1000 + i };
		struct policy *policy = random_policy(&rng);
		struct costs costs = {};

		ok = load_policy(policy, &costs) >= 0;
		if (!ok)
			print_policy(policy, stderr);
		policy_free(policy);
		keep_highest(&highest.live, &costs.live);
		keep_highest(&highest.probe, &costs.probe);
	}
	print_cost("random policies, the highest", &highest.live);
	print_cost("random policies, probe, the highest", &highest.probe);
	ok = ok && within_budget(&highest.live) && within_budget(&highest.probe);
	report(ok, "random policies");
}

/* What a policy does not use is not in its program. */
static void check_specialised(const struct costs *costs)
{
	static const int by_size[][2] = { { COST_NO_RULE, COST_ONE_SET },
					  { COST_NO_RULE, COST_PORTS },
					  { COST_ONE_SET, COST_EVERYTHING },
					  { COST_PORTS, COST_EVERYTHING } };
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(by_size); i++) {
		const struct cost *less = &costs[by_size[i][0]].live;
		const struct cost *more = &costs[by_size[i][1]].live;

		if (less->instructions < more->instructions)
			continue;
		ok = false;
		printf("# '%s' has %u instructions, not fewer than '%s', %u\n",
		       cost_policies[by_size[i][0]].name, less->instructions,
		       cost_policies[by_size[i][1]].name, more->instructions);
	}
	report(ok, "what a policy does not use is not in its program");
}

static bool parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "budget", required_argument, NULL, 'b' },
		{ "random", required_argument, NULL, 'r' },
		{},
	};
	char *end = "";
	int c;

	while (!*end && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'b')
			budget = (unsigned int)strtoul(optarg, &end, 0);
		else if (c == 'r')
			n_random = (unsigned int)strtoul(optarg, &end, 0);
		else
			return false;
	}
	return !*end && optind == argc;
}

int main(int argc, char **argv)
{
	_cleanup_free_ struct costs *costs = calloc(n_cost_policies, sizeof(*costs));

	if (!parse_options(argc, argv)) {
		fprintf(stderr, "usage: %s [--budget INSTRUCTIONS] [--random N]\n", argv[0]);
		return 2;
	}
	if (!costs || !can_load_programs())
		return 1;
	kernel_listen(NULL);
	printf("1..%zu\n# %-44s %8s %12s %10s %7s\n", n_cost_policies + 5, "", "verified",
	       "instructions", "code bytes", "load ms");
	check_small("entry program", load_entry);
	check_small("pass program", load_pass);
	check_small("program in front", load_front);
	for (size_t i = 0; i < n_cost_policies; i++)
		check_policy(&cost_policies[i], &costs[i]);
	check_random();
	check_specialised(costs);
	return failed;
}
