/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_set_algebra.c: sets made from sets, less their exceptions, against a model that knows
 * nothing of prefixes: it asks of every address of a small universe whether it is in. Random sets
 * of all types name each other, in random order in the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config.h"
#include "rng.h"
#include "subtract.h"
#include "util.h"

#define N_SETS 9
#define N_VALUES 256 /* of the universe of each type */
#define N_ROUNDS 3000

enum kind { KIND_V4, KIND_V6_UPPER, KIND_V6_LOWER, KIND_PORT, KIND_MAC, N_KINDS };

/* --- the model --------------------------------------------------------------------------- */

/* A set of the model: which of the 256 values are in, for each kind that its type has. */
struct model {
	bool is_in[N_KINDS][N_VALUES];
};

static struct model models[N_SETS];

/* A block of 2^bits values from first on, and its text. */
struct block {
	enum kind kind;
	unsigned int first, bits;
};

static void print_block(const struct block *block, char *text)
{
	/* The whole universe is written as a prefix that is wider still. */
	static const char *const wide[] = { "8.0.0.0/6", "\"2001:db8::/48\"", "2001:db8:1::/48" };

	if (block->kind <= KIND_V6_LOWER && block->bits == 8) {
		strcpy(text, wide[block->kind]);
		return;
	}
	switch (block->kind) {
	case KIND_V4:
		sprintf(text, "10.0.0.%u/%u", block->first, 32 - block->bits);
		break;
	case KIND_V6_UPPER: /* across the middle of the address: 4 bits on each side */
		sprintf(text, "\"2001:db8:0:%x:%x000::/%u\"", block->first >> 4, block->first & 15,
			68 - block->bits);
		break;
	case KIND_V6_LOWER:
		sprintf(text, "2001:db8:1::ff%02x/%u", block->first, 128 - block->bits);
		break;
	case KIND_PORT:
		sprintf(text, "%u-%u", 1000 + block->first,
			999 + block->first + (1 << block->bits));
		break;
	default:
		sprintf(text, "02:00:00:00:00:%02x", block->first);
	}
}

static struct block random_block(struct rng *rng, int type)
{
	struct block block = { .kind = type == 0   ? rng_below(rng, 3)
				       : type == 1 ? KIND_PORT
						   : KIND_MAC };

	block.bits = block.kind == KIND_MAC ? 0
		     : rng_percent(rng, 80) ? rng_below(rng, 6)
					    : rng_below(rng, 9);
	block.first = rng_below(rng, N_VALUES) >> block.bits << block.bits;
	return block;
}

/* --- policies ---------------------------------------------------------------------------- */

/* Append a random list of blocks and of sets before i, and put it into the model or take it out. */
static size_t random_list(struct rng *rng, char *text, int i, const int *types, bool is_in)
{
	uint32_t n = rng_below(rng, 12);
	size_t len = 0;

	for (uint32_t k = 0; k < n; k++) {
		int other = rng_percent(rng, 40) && i ? (int)rng_below(rng, (uint32_t)i) : -1;
		struct block block = random_block(rng, types[i]);

		len += (size_t)sprintf(text + len, "%s", k ? ", " : "");
		if (other >= 0 && types[other] == types[i]) {
			len += (size_t)sprintf(text + len, "$s%d", other);
			for (int kind = 0; kind < N_KINDS; kind++)
				for (int v = 0; v < N_VALUES; v++)
					if (models[other].is_in[kind][v])
						models[i].is_in[kind][v] = is_in;
			continue;
		}
		print_block(&block, text + len);
		len += strlen(text + len);
		for (unsigned int v = 0; v < 1U << block.bits; v++)
			models[i].is_in[block.kind][block.first + v] = is_in;
	}
	return len;
}

static void random_set(struct rng *rng, char *text, int i, const int *types)
{
	static const char *const names[] = { "prefix", "port", "mac" };
	size_t len = (size_t)sprintf(text, "  s%d: {type: %s, elements: [", i, names[types[i]]);

	memset(&models[i], 0, sizeof(models[i]));
	len += random_list(rng, text + len, i, types, true);
	len += (size_t)sprintf(text + len, "]");
	if (rng_percent(rng, 60)) {
		len += (size_t)sprintf(text + len, ", except: [");
		len += random_list(rng, text + len, i, types, false);
		len += (size_t)sprintf(text + len, "]");
	}
	sprintf(text + len, "}\n");
}

static struct policy *random_sets(struct rng *rng, int *types, char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 }; /* of sets that hold nothing, or unused */
	char sets[N_SETS][2048];
	struct policy *policy = NULL;
	int order[N_SETS];
	size_t len = (size_t)sprintf(text, "sets:\n");

	for (int i = 0; i < N_SETS; i++) {
		int j = (int)rng_below(rng, (uint32_t)i + 1);

		types[i] = (int)rng_below(rng, 5);
		types[i] = types[i] < 3 ? 0 : types[i] - 2;
		random_set(rng, sets[i], i, types);
		order[i] = order[j];
		order[j] = i;
	}
	for (int i = 0; i < N_SETS; i++)
		len += (size_t)sprintf(text + len, "%s", sets[order[i]]);
	sprintf(text + len, "interfaces: {eth0: {policy: p}}\npolicies: {p: {}}\n");
	if (policy_load_text("test.yaml", text, strlen(text), &policy, &diags) < 0) {
		diags_print(&diags, stderr, false);
		fail_msg("does not load:\n%s", text);
	}
	return policy;
}

/* --- what the policy holds --------------------------------------------------------------- */

static bool holds_v4(const struct prefix_set *set, uint32_t addr)
{
	for (size_t i = 0; i < set->n_v4; i++) {
		uint32_t mask = set->v4[i].len ? ~0U << (32 - set->v4[i].len) : 0;

		assert_int_equal(set->v4[i].addr & ~mask, 0);
		if ((addr & mask) == set->v4[i].addr)
			return true;
	}
	return false;
}

static bool holds_v6(const struct prefix_set *set, uint64_t hi, uint64_t lo)
{
	for (size_t i = 0; i < set->n_v6; i++) {
		unsigned int len = set->v6[i].len;
		uint64_t hi_mask = len >= 64 ? ~0ULL : len ? ~0ULL << (64 - len) : 0;
		uint64_t lo_mask = len <= 64 ? 0 : len == 128 ? ~0ULL : ~0ULL << (128 - len);

		assert_true(!(set->v6[i].hi & ~hi_mask) && !(set->v6[i].lo & ~lo_mask));
		if ((hi & hi_mask) == set->v6[i].hi && (lo & lo_mask) == set->v6[i].lo)
			return true;
	}
	return false;
}

static bool holds_port(const struct port_set *set, uint32_t port)
{
	for (size_t i = 0; i < set->n_ranges; i++) {
		assert_true(!i || set->ranges[i - 1].last + 1 < set->ranges[i].first);
		if (port >= set->ranges[i].first && port <= set->ranges[i].last)
			return true;
	}
	return false;
}

static bool holds_mac(const struct mac_set *set, uint8_t last)
{
	const uint8_t mac[MAC_BYTES] = { 2, 0, 0, 0, 0, last };

	for (size_t i = 0; i < set->n_macs; i++) {
		assert_true(!i || memcmp(set->macs[i - 1], set->macs[i], MAC_BYTES) < 0);
		if (!memcmp(set->macs[i], mac, MAC_BYTES))
			return true;
	}
	return false;
}

#define FIND(array, n, wanted)                                                                     \
	({                                                                                         \
		size_t at_ = 0;                                                                    \
		while (at_ < (n) && strcmp((array)[at_].name, (wanted)) != 0)                      \
			at_++;                                                                     \
		assert_true(at_ < (n));                                                            \
		&(array)[at_];                                                                     \
	})

static bool policy_holds(const struct policy *policy, const char *name, enum kind kind,
			 unsigned int value)
{
	switch (kind) {
	case KIND_V4:
		return holds_v4(FIND(policy->sets, policy->n_sets, name), 0x0a000000 | value);
	case KIND_V6_UPPER:
		return holds_v6(FIND(policy->sets, policy->n_sets, name),
				0x20010db800000000 | value >> 4, (uint64_t)value << 60);
	case KIND_V6_LOWER:
		return holds_v6(FIND(policy->sets, policy->n_sets, name), 0x20010db800010000,
				0xff00 | value);
	case KIND_PORT:
		return holds_port(FIND(policy->port_sets, policy->n_port_sets, name), 1000 + value);
	default:
		return holds_mac(FIND(policy->mac_sets, policy->n_mac_sets, name), (uint8_t)value);
	}
}

static bool model_holds(int set, enum kind kind, unsigned int value)
{
	return models[set].is_in[kind][value];
}

static void check_set(const struct policy *policy, int i, int type, const char *text)
{
	static const enum kind first[] = { KIND_V4, KIND_PORT, KIND_MAC },
			       last[] = { KIND_V6_LOWER, KIND_PORT, KIND_MAC };
	char name[16];

	sprintf(name, "s%d", i);
	for (enum kind kind = first[type]; kind <= last[type]; kind++)
		for (unsigned int v = 0; v < N_VALUES; v++)
			if (policy_holds(policy, name, kind, v) != model_holds(i, kind, v))
				fail_msg("%s, kind %d, value %u: %d expected\n%s", name, kind, v,
					 model_holds(i, kind, v), text);
}

static void against_the_model(void **state)
{
	_cleanup_free_ char *text = malloc(N_SETS * 2048 + 1024);
	struct rng rng = { 20261126 };
	size_t n_in = 0, n_out = 0;

	for (int round = 0; round < N_ROUNDS; round++) {
		int types[N_SETS];
		struct policy *policy = random_sets(&rng, types, text);

		for (int i = 0; i < N_SETS; i++) {
			check_set(policy, i, types[i], text);
			for (unsigned int v = 0; v < N_VALUES; v++) {
				n_in += model_holds(i, KIND_V4, v);
				n_out += !model_holds(i, KIND_V4, v);
			}
		}
		policy_free(policy);
	}
	print_message("%zu addresses were in a set, %zu were not\n", n_in, n_out);
	assert_true(n_in > N_ROUNDS * 100 && n_out > N_ROUNDS * 100);
}

/* --- growth and time --------------------------------------------------------------------- */

static void add_v4(struct prefix_set *set, uint32_t addr, uint8_t len)
{
	set->v4[set->n_v4++] = (struct prefix_v4){ addr, len };
}

static void sets_done(struct prefix_set *set, struct prefix_set *except)
{
	free(set->v4);
	free(set->v6);
	free(except->v4);
	free(except->v6);
}

/* Every second address of a prefix is an exception: there is nothing to join. */
static void growth_is_bounded(void **state)
{
	enum { N = 100000, REST = 13 /* prefixes of what is behind the last exception */ };
	static const size_t most[] = { N + REST, N + REST - 1, N, 1, 0 };

	for (size_t k = 0; k < ARRAY_SIZE(most); k++) {
		struct prefix_set set = { .v4 = calloc(1, sizeof(*set.v4)) };
		struct prefix_set except = { .v4 = calloc(N, sizeof(*except.v4)) };

		add_v4(&set, 0x0a000000, 8);
		for (uint32_t i = 0; i < N; i++)
			add_v4(&except, 0x0a000000 + 2 * i, 32);
		assert_int_equal(set_subtract(&set, &except, most[k]), k ? -E2BIG : 0);
		if (!k)
			assert_int_equal(set.n_v4, N + REST);
		sets_done(&set, &except);
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What a quadratic way would take hours for: a million elements, many in each other, and a million
 * exceptions, both in no order. */
static void a_million_of_each(void **state)
{
	enum { N = 1000000 };
	struct prefix_set set = { .v4 = calloc(N, sizeof(*set.v4)) };
	struct prefix_set except = { .v4 = calloc(N, sizeof(*except.v4)) };
	struct rng rng = { 7 };
	double start;

	for (uint32_t i = 0; i < N; i++) {
		uint8_t len = (uint8_t)(8 + rng_below(&rng, 25));

		add_v4(&set, (uint32_t)rng_u64(&rng) & ~0U << (32 - len), len);
		add_v4(&except, (uint32_t)rng_u64(&rng), 32);
	}
	start = now();
	assert_int_equal(set_subtract(&set, &except, 40UL * N), 0);
	print_message("a million less a million: %.3f s of CPU, %zu left\n", now() - start,
		      set.n_v4);
	for (size_t i = 1; i < set.n_v4; i++)
		assert_true(set.v4[i - 1].addr < set.v4[i].addr);
	sets_done(&set, &except);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_the_model),
		cmocka_unit_test(growth_is_bounded),
		cmocka_unit_test(a_million_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
