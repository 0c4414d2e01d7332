/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_large_sets.c: the loaded program against the oracle where the tables are large: sets of
 * 100,000 prefixes and more in many shapes, looked at as source and destination, plainly and
 * negated; addresses at, and one beside, the first and last of a prefix. Some packets are
 * judged by the whole policy, most by what is left of it for their addresses (thin.h).
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build-policy.h"
#include "sandbox.h"
#include "shapes.h"
#include "thin.h"
#include "trial.h"
#include "util.h"

#define LINEAR_PACKETS 12 /* that the whole policy judges, too */

struct options {
	uint64_t n_packets, seed;
	double scale; /* of the sets */
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- the policy --------------------------------------------------------------------------- */

static struct rule *add_rule(struct policy *policy, const char *name, enum verdict verdict,
			     enum address_field field, uint32_t set, bool negated)
{
	struct rule *rule = build_rule(policy, 0, name, verdict);

	build_address(rule, field, set);
	rule->address[field].negated = negated;
	return rule;
}

static struct policy *policy_of(const struct shape *shape, struct rng *rng, double scale)
{
	struct policy *policy = build_policy();
	char name[NAME_LEN];

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	for (uint32_t i = 0; i < SHAPE_SETS; i++) {
		snprintf(name, sizeof(name), "set-%u", i);
		build_set(policy, name);
	}
	shape->fill(rng, policy, (uint32_t)(shape->n * scale));

	add_rule(policy, "src-0", VERDICT_NONE, ADDRESS_SRC, 0, false);
	add_rule(policy, "dst-1", VERDICT_NONE, ADDRESS_DST, 1, false);
	add_rule(policy, "src-not-2", VERDICT_NONE, ADDRESS_SRC, 2, true);
	add_rule(policy, "dst-not-3", VERDICT_NONE, ADDRESS_DST, 3, true);
	build_address(add_rule(policy, "src-1-3", VERDICT_NONE, ADDRESS_SRC, 1, false), ADDRESS_SRC,
		      3);
	build_address(add_rule(policy, "dst-not-0-2", VERDICT_NONE, ADDRESS_DST, 0, true),
		      ADDRESS_DST, 2);
	build_address(add_rule(policy, "both", VERDICT_DROP, ADDRESS_SRC, 3, false), ADDRESS_DST,
		      2);
	return policy;
}

/* --- packets ------------------------------------------------------------------------------ */

/* IPv4 addresses are the upper 32 bits of the 128. */
static u128 first_of(const struct prefix_set *set, enum family family, size_t i)
{
	if (family == FAMILY_V4)
		return (u128)set->v4[i].addr << 96;
	return (u128)set->v6[i].hi << 64 | set->v6[i].lo;
}

static u128 last_of(const struct prefix_set *set, enum family family, size_t i)
{
	unsigned int len = family == FAMILY_V4 ? set->v4[i].len : set->v6[i].len;

	return first_of(set, family, i) | (len == 128 ? 0 : ~(u128)0 >> len);
}

static u128 one(enum family family)
{
	return family == FAMILY_V4 ? (u128)1 << 96 : 1;
}

static size_t set_size(const struct prefix_set *set, enum family family)
{
	return family == FAMILY_V4 ? set->n_v4 : set->n_v6;
}

static u128 random_address(struct rng *rng)
{
	u128 upper = rng_u64(rng);

	return upper << 64 | rng_u64(rng);
}

static u128 address_near(struct rng *rng, const struct policy *policy, enum family family)
{
	const struct prefix_set *set = &policy->sets[rng_below(rng, SHAPE_SETS)];
	u128 first, last;
	size_t i;

	if (!set_size(set, family))
		return random_address(rng);
	i = rng_below(rng, (uint32_t)set_size(set, family));
	first = first_of(set, family, i);
	last = last_of(set, family, i);
	switch (rng_below(rng, 6)) {
	case 0:
		return first;
	case 1:
		return first - one(family);
	case 2:
		return last;
	case 3:
		return last + one(family);
	case 4:
		return first | (random_address(rng) & (first ^ last));
	default:
		return random_address(rng);
	}
}

static void to_bytes(u128 address, uint8_t bytes[16])
{
	for (int i = 15; i >= 0; i--, address >>= 8)
		bytes[i] = (uint8_t)address;
}

struct probe_case {
	const struct shape *shape;
	const struct policy *policy;
	struct thinner *thinner;
	struct trial *trial;
	uint64_t n_packets;
};

static int check(struct probe_case *c, enum family family, u128 addresses[N_ADDRESS_FIELDS],
		 bool linear)
{
	static struct packet packet;
	uint8_t src[16], dst[16];

	packet_start(&packet);
	if (family == FAMILY_V4) {
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
			addresses[f] = addresses[f] >> 96 << 96;
		packet_ipv4(&packet, (uint32_t)(addresses[ADDRESS_SRC] >> 96),
			    (uint32_t)(addresses[ADDRESS_DST] >> 96));
	} else {
		to_bytes(addresses[ADDRESS_SRC], src);
		to_bytes(addresses[ADDRESS_DST], dst);
		packet_ipv6(&packet, src, dst);
	}
	packet_proto(&packet, 59);
	packet_end(&packet);
	c->n_packets++;
	return trial_packet(c->trial, &packet, linear ? NULL : thin(c->thinner, family, addresses));
}

/* The same packet by the whole policy and by what thin() leaves of it. */
static int check_both(struct probe_case *c, enum family family, u128 addresses[N_ADDRESS_FIELDS])
{
	int r = check(c, family, addresses, true);

	return r < 0 ? r : check(c, family, addresses, false);
}

static int check_random(struct probe_case *c, struct rng *rng, uint64_t n)
{
	int r = 0;

	for (uint64_t i = 0; r >= 0 && i < n; i++) {
		enum family family = c->shape->family;
		u128 addresses[N_ADDRESS_FIELDS];

		if (rng_percent(rng, 3))
			family = family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
			addresses[f] = address_near(rng, c->policy, family);
		r = i < LINEAR_PACKETS ? check_both(c, family, addresses)
				       : check(c, family, addresses, false);
	}
	return r;
}

/* One prefix: its first address and the one behind it, then the one before it and its last. */
static int check_prefix(struct probe_case *c, const struct prefix_set *set, size_t i)
{
	enum family family = c->shape->family;
	u128 first = first_of(set, family, i), last = last_of(set, family, i);
	u128 there[] = { first, last + one(family) };
	u128 beside[] = { first - one(family), last };
	int r = check(c, family, there, false);

	return r < 0 ? r : check(c, family, beside, false);
}

/* The prefixes of all sets: all of a set of a few thousand, and of a larger one a part, the last
 * ones among them. */
static int check_sweep(struct probe_case *c)
{
	int r = 0;

	for (uint32_t s = 0; s < SHAPE_SETS; s++) {
		const struct prefix_set *set = &c->policy->sets[s];
		size_t n = set_size(set, c->shape->family), step = n / 5000 + 1;

		for (size_t i = 0; r >= 0 && i < n; i += i + 64 < n ? step : 1)
			r = check_prefix(c, set, i);
	}
	return r;
}

static int check_shape(const struct shape *shape, const struct options *options)
{
	struct rng rng = { options->seed };
	_cleanup_(policy_freep) struct policy *policy = policy_of(shape, &rng, options->scale);
	_cleanup_(thinner_freep) struct thinner *thinner = thinner_new(policy);
	_cleanup_(trial_closep) struct trial *trial = NULL;
	struct probe_case c = { .shape = shape, .policy = policy, .thinner = thinner };
	double start = now_ms(), loaded;
	size_t n_prefixes = 0;
	int r;

	if (!thinner)
		return -ENOMEM;
	r = trial_open(policy, 0, true, &trial);
	if (r < 0)
		return r;
	loaded = now_ms();
	c.trial = trial;
	r = check_random(&c, &rng, options->n_packets);
	if (r >= 0 && shape->sweep)
		r = check_sweep(&c);
	if (r >= 0)
		r = trial_counters(trial);
	for (size_t i = 0; i < policy->n_sets; i++)
		n_prefixes += set_size(&policy->sets[i], shape->family);
	printf("# %zu prefixes, compiled and loaded in %.0f ms; %llu packets in %.0f ms\n",
	       n_prefixes, loaded - start, (unsigned long long)c.n_packets, now_ms() - loaded);
	return r;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "packets", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "scale", required_argument, NULL, 'f' },
		{},
	};
	char *end = "";
	int c;

	while (!*end && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'n')
			options->n_packets = strtoull(optarg, &end, 0);
		else if (c == 's')
			options->seed = strtoull(optarg, &end, 0);
		else if (c == 'f')
			options->scale = strtod(optarg, &end);
		else
			return false;
	}
	return !*end && optind == argc;
}

int main(int argc, char **argv)
{
	struct options options = { .n_packets = 3000, .seed = 1, .scale = 1 };
	bool failed = false;

	if (!parse_options(argc, argv, &options)) {
		fprintf(stderr, "usage: %s [--packets N] [--seed N] [--scale FACTOR]\n", argv[0]);
		return 2;
	}
	if (!can_load_programs())
		return 1;
	printf("1..%zu\n", n_shapes);
	for (size_t i = 0; i < n_shapes; i++) {
		int r = check_shape(&shapes[i], &options);

		printf("%s %zu - %s\n", r < 0 ? "not ok" : "ok", i + 1, shapes[i].name);
		fflush(stdout);
		failed |= r < 0;
	}
	coverage_print(stderr);
	return failed;
}
