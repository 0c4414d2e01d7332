/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * policy_tests.c: what a test expects against what came; and all tests by the oracle. The oracle
 * compares an address with every prefix of a set, so it is given sets that hold only those
 * prefixes that some test's address lies in: the answers are the same, whatever the sets' size.
 */
#include "policy_tests.h"

#include <string.h>

#include "util.h"

/* --- one test ---------------------------------------------------------------------------- */

static const struct ruleset *ruleset_of(const struct policy *policy, const struct policy_test *test)
{
	return &policy->rulesets[policy->interfaces[test->interface].ruleset];
}

void policy_test_expected(const struct policy *policy, const struct policy_test *test,
			  char buffer[TEST_EXPECTED_LEN])
{
	const char *verdict = verdict_name(test->verdict);

	if (test->rule != TEST_ANY_RULE)
		snprintf(buffer, TEST_EXPECTED_LEN, "%s/%s", verdict,
			 ruleset_of(policy, test)->rules[test->rule].name);
	else if (test->reason != REASON_NONE)
		snprintf(buffer, TEST_EXPECTED_LEN, "%s/%s", verdict, reason_name(test->reason));
	else
		snprintf(buffer, TEST_EXPECTED_LEN, "%s", verdict);
}

static bool is_as_expected(const struct policy_test *test, const struct oracle_answer *answer)
{
	if (answer->verdict != test->verdict)
		return false;
	if (test->rule != TEST_ANY_RULE)
		return answer->rule == test->rule;
	return test->reason == REASON_NONE || answer->reason == test->reason;
}

int policy_test_judge(const struct policy *policy, const struct policy_test *test,
		      const struct oracle_answer *answer, struct diags *diags)
{
	const struct ruleset *ruleset = ruleset_of(policy, test);
	struct diag_place place = {
		.file = test->place.file,
		.line = test->place.line,
		.column = test->place.column,
		.width = test->width,
		.source = test->source,
		.source_len = test->source ? strlen(test->source) : 0,
	};
	char expected[TEST_EXPECTED_LEN];
	const struct rule *rule;

	if (is_as_expected(test, answer))
		return 0;
	policy_test_expected(policy, test, expected);
	if (answer->rule == ORACLE_NO_RULE)
		return diag_error(diags, &place,
				  "this test failed: expected %s, got %s/%s in policy '%s': %s",
				  expected, verdict_name(answer->verdict),
				  reason_name(answer->reason), ruleset->name,
				  reason_text(answer->reason));
	rule = &ruleset->rules[answer->rule];
	return diag_error(diags, &place,
			  "this test failed: expected %s, got %s/%s: in policy '%s' the rule at "
			  "%s:%u decided",
			  expected, verdict_name(answer->verdict), rule->name, ruleset->name,
			  rule->place.file, rule->place.line);
}

/* --- sets of only those prefixes that matter ---------------------------------------------- */

/* The tests' addresses, ascending. */
struct addresses {
	struct prefix_v4 *v4;
	struct prefix_v6 *v6;
	size_t n_v4, n_v6;
};

static int compare_v4(const void *left, const void *right)
{
	const struct prefix_v4 *a = left, *b = right;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return a->len - b->len;
}

static int compare_v6(const void *left, const void *right)
{
	const struct prefix_v6 *a = left, *b = right;

	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->len - b->len;
}

static uint64_t read_be(const uint8_t *bytes, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | *bytes++;
	return value;
}

static int collect_addresses(const struct policy *policy, struct addresses *ret)
{
	ret->v4 = calloc(N_ADDRESS_FIELDS * policy->n_tests, sizeof(*ret->v4));
	ret->v6 = calloc(N_ADDRESS_FIELDS * policy->n_tests, sizeof(*ret->v6));
	if (!ret->v4 || !ret->v6)
		return -ENOMEM;
	for (size_t i = 0; i < N_ADDRESS_FIELDS * policy->n_tests; i++) {
		const struct test_packet *packet = &policy->tests[i / N_ADDRESS_FIELDS].packet;
		const uint8_t *address = packet->address[i % N_ADDRESS_FIELDS];

		if (packet->ip && packet->family == FAMILY_V4)
			ret->v4[ret->n_v4++].addr = (uint32_t)read_be(address, 4);
		else if (packet->ip)
			ret->v6[ret->n_v6++] = (struct prefix_v6){ .hi = read_be(address, 8),
								   .lo = read_be(address + 8, 8) };
	}
	qsort(ret->v4, ret->n_v4, sizeof(*ret->v4), compare_v4);
	qsort(ret->v6, ret->n_v6, sizeof(*ret->v6), compare_v6);
	return 0;
}

/* Is one of the addresses in the prefix? The first that is not below it tells. */
static bool holds_one_v4(const struct prefix_v4 *prefix, const struct addresses *addresses)
{
	uint32_t mask = prefix->len ? ~0U << (32 - prefix->len) : 0;
	size_t low = 0, high = addresses->n_v4;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (addresses->v4[middle].addr < prefix->addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < addresses->n_v4 && (addresses->v4[low].addr & mask) == prefix->addr;
}

static bool holds_one_v6(const struct prefix_v6 *prefix, const struct addresses *addresses)
{
	unsigned int len = prefix->len;
	uint64_t hi_mask = len >= 64 ? ~0ULL : len ? ~0ULL << (64 - len) : 0;
	uint64_t lo_mask = len > 64 ? ~0ULL << (128 - len) : 0;
	size_t low = 0, high = addresses->n_v6;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct prefix_v6 *address = &addresses->v6[middle];

		if (address->hi < prefix->hi ||
		    (address->hi == prefix->hi && address->lo < prefix->lo))
			low = middle + 1;
		else
			high = middle;
	}
	return low < addresses->n_v6 && (addresses->v6[low].hi & hi_mask) == prefix->hi &&
	       (addresses->v6[low].lo & lo_mask) == prefix->lo;
}

/* Sorted, each once. */
static size_t unique(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *base = items;
	size_t kept = 0;

	if (n)
		qsort(items, n, size, compare);
	for (size_t i = 0; i < n; i++)
		if (!kept || compare(base + (kept - 1) * size, base + i * size) != 0)
			memmove(base + kept++ * size, base + i * size, size);
	return kept;
}

/* ret has arrays of its own. */
static int thin_set(const struct prefix_set *set, const struct addresses *addresses,
		    struct prefix_set *ret)
{
	size_t v4_capacity = 0, v6_capacity = 0;

	*ret = *set;
	ret->v4 = NULL;
	ret->v6 = NULL;
	ret->n_v4 = ret->n_v6 = 0;
	for (size_t i = 0; i < set->n_v4; i++) {
		if (!holds_one_v4(&set->v4[i], addresses))
			continue;
		if (array_reserve((void **)&ret->v4, &v4_capacity, ret->n_v4 + 1,
				  sizeof(*ret->v4)) < 0)
			return -ENOMEM;
		ret->v4[ret->n_v4++] = set->v4[i];
	}
	for (size_t i = 0; i < set->n_v6; i++) {
		if (!holds_one_v6(&set->v6[i], addresses))
			continue;
		if (array_reserve((void **)&ret->v6, &v6_capacity, ret->n_v6 + 1,
				  sizeof(*ret->v6)) < 0)
			return -ENOMEM;
		ret->v6[ret->n_v6++] = set->v6[i];
	}
	ret->n_v4 = unique(ret->v4, ret->n_v4, sizeof(*ret->v4), compare_v4);
	ret->n_v6 = unique(ret->v6, ret->n_v6, sizeof(*ret->v6), compare_v6);
	return 0;
}

static int thin_sets(const struct policy *policy, struct policy *thin)
{
	struct addresses addresses = {};
	int r = collect_addresses(thin, &addresses);

	for (size_t i = 0; !r && i < policy->n_sets; i++)
		r = thin_set(&policy->sets[i], &addresses, &thin->sets[i]);
	free(addresses.v4);
	free(addresses.v6);
	return r;
}

/* --- all tests ---------------------------------------------------------------------------- */

static int run_all(const struct policy *policy, uint8_t *frame, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; i < policy->n_tests; i++) {
		const struct policy_test *test = &policy->tests[i];
		struct oracle_answer answer = {};
		size_t len = test_frame(&test->packet, frame);

		oracle_judge(policy, test->interface, frame, len, &answer);
		if (policy_test_judge(policy, test, &answer, diags) < 0)
			r = -EINVAL;
	}
	return r;
}

int policy_thin(const struct policy *policy, struct policy_test *tests, size_t n_tests,
		struct policy *ret)
{
	*ret = *policy;
	ret->tests = tests;
	ret->n_tests = n_tests;
	ret->sets = calloc(policy->n_sets + 1, sizeof(*ret->sets));
	return ret->sets ? thin_sets(policy, ret) : -ENOMEM;
}

void policy_thin_done(struct policy *thin)
{
	for (size_t i = 0; thin->sets && i < thin->n_sets; i++) {
		free(thin->sets[i].v4);
		free(thin->sets[i].v6);
	}
	free(thin->sets);
	*thin = (struct policy){ 0 };
}

int policy_tests_run(const struct policy *policy, struct diags *diags)
{
	_cleanup_free_ uint8_t *frame = NULL;
	struct policy thin;
	int r;

	if (!policy->n_tests)
		return 0;
	frame = malloc(TEST_FRAME_MAX);
	r = policy_thin(policy, policy->tests, policy->n_tests, &thin);
	if (!r && !frame)
		r = -ENOMEM;
	if (!r)
		r = run_all(&thin, frame, diags);
	policy_thin_done(&thin);
	return r;
}
