// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_manifest.c: what a generation says of itself survives the way through bytes, and bytes
 * that anything has happened to are refused: cut off, flipped, or forged with a checksum that
 * fits. Whatever is accepted encodes to the same bytes again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "abi.h"
#include "build-policy.h"
#include "manifest.h"
#include "rng.h"
#include "util.h"

/* The header, as manifest.c writes it. */
enum { AT_MAGIC = 0, AT_ABI = 8, AT_SIZE = 12, AT_CHECKSUM = 16, AT_BODY = 24 };

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
}

static void set_notes(struct notes *notes, const char *comment, size_t n_tags)
{
	set_text(&notes->comment, comment);
	notes->tags = calloc(n_tags, sizeof(*notes->tags));
	assert_non_null(notes->tags);
	for (; notes->n_tags < n_tags; notes->n_tags++)
		set_text(&notes->tags[notes->n_tags], notes->n_tags ? "feed" : "external");
}

static void add_live_sets(struct policy *policy)
{
	static const char *const users[] = { "crowdsec", "robot" };
	struct live_set *set;

	build_live_set(policy, "plain");
	build_live_set(policy, "banned");
	set = &policy->live_sets[1];
	set->timeout = 3600;
	set->persist = true;
	set->writers = calloc(2, sizeof(*set->writers));
	set->except.v4 = calloc(1, sizeof(*set->except.v4));
	set->except.v6 = calloc(1, sizeof(*set->except.v6));
	assert_true(set->writers && set->except.v4 && set->except.v6);
	for (int i = 0; i < 2; i++)
		set->writers[set->n_writers++] = strdup(users[i]);
	set->except.v4[set->except.n_v4++] = (struct prefix_v4){ 0xc6336400, 24 };
	set->except.v6[set->except.n_v6++] = (struct prefix_v6){ 0x20010db8ULL << 32, 1, 128 };
}

static struct manifest *sample(void)
{
	struct policy *policy = build_policy();
	uint32_t internet = build_ruleset(policy, "internet", VERDICT_PASS);
	uint32_t customer = build_ruleset(policy, "customer", VERDICT_DROP);
	struct manifest *manifest = NULL;
	uint32_t slot = 200;

	build_interface(policy, "transit-a", internet);
	build_interface(policy, "lan", customer);
	build_interface(policy, "transit-b", internet);
	set_text(&build_rule(policy, internet, "spoofed", VERDICT_DROP)->match_text,
		 "src: 198.51.100.0/24");
	set_notes(&build_rule(policy, internet, "seen", VERDICT_NONE)->notes, "NOC-4711", 2);
	set_text(&build_rule(policy, customer, "bcp38", VERDICT_DROP)->action_text, "drop");
	build_prefix(policy, build_set(policy, "own"), "198.51.100.0/24");
	add_live_sets(policy);
	assert_int_equal(manifest_from_policy(policy, &manifest), 0);
	policy_free(policy);
	manifest->generation = 7;
	manifest->loaded_usec = 1700000000000000;
	manifest->history = 12;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		struct manifest_interface *interface = &manifest->interfaces[i];

		interface->block = i * INTERFACE_BLOCK;
		for (uint32_t j = 0; j < manifest->rulesets[interface->ruleset].n_rules; j++)
			interface->slots[j] = slot++;
	}
	return manifest;
}

static uint8_t *encoded(size_t *size)
{
	struct manifest *manifest = sample();
	void *bytes;

	assert_int_equal(manifest_encode(manifest, &bytes, size), 0);
	manifest_free(manifest);
	return bytes;
}

static void fix_checksum(uint8_t *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = AT_BODY; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	memcpy(bytes + AT_CHECKSUM, &hash, sizeof(hash));
}

/* Decode from memory of just that size, so that a sanitiser sees each byte too far. */
static int decode(const uint8_t *bytes, size_t size, struct manifest **ret)
{
	_cleanup_free_ uint8_t *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	return manifest_decode(copy, size, ret);
}

static void refused(const uint8_t *bytes, size_t size, int error)
{
	struct manifest *manifest = NULL;

	assert_int_equal(decode(bytes, size, &manifest), error);
	assert_null(manifest);
}

static void check_live_sets(const struct manifest *manifest)
{
	const struct live_set *banned;

	assert_int_equal(manifest->n_live_sets, 2);
	assert_string_equal(manifest->live_sets[0].name, "plain");
	assert_int_equal(manifest->live_sets[0].n_writers, 0);
	banned = &manifest->live_sets[1];
	assert_string_equal(banned->name, "banned");
	assert_int_equal(banned->size, 64000);
	assert_int_equal(banned->timeout, 3600);
	assert_true(banned->persist);
	assert_int_equal(banned->widest[FAMILY_V4], 8);
	assert_int_equal(banned->widest[FAMILY_V6], 16);
	assert_int_equal(banned->n_writers, 2);
	assert_string_equal(banned->writers[1], "robot");
	assert_int_equal(banned->except.n_v4, 1);
	assert_int_equal(banned->except.v4[0].addr, 0xc6336400);
	assert_int_equal(banned->except.v4[0].len, 24);
	assert_int_equal(banned->except.n_v6, 1);
	assert_int_equal(banned->except.v6[0].hi, 0x20010db8ULL << 32);
	assert_int_equal(banned->except.v6[0].lo, 1);
	assert_int_equal(banned->except.v6[0].len, 128);
}

static void round_trip(void **state)
{
	struct manifest *manifest = NULL;
	size_t size, size_again;
	_cleanup_free_ uint8_t *bytes = encoded(&size);
	_cleanup_free_ void *again = NULL;

	assert_int_equal(decode(bytes, size, &manifest), 0);
	assert_int_equal(manifest->generation, 7);
	assert_int_equal(manifest->loaded_usec, 1700000000000000);
	assert_int_equal(manifest->history, 12);
	assert_int_equal(manifest->n_sets, 3);
	assert_int_equal(manifest->n_prefixes, 1);
	assert_int_equal(manifest->n_interfaces, 3);
	assert_string_equal(manifest->interfaces[2].name, "transit-b");
	assert_int_equal(manifest->interfaces[2].ruleset, 0);
	assert_int_equal(manifest->interfaces[2].block, 2 * INTERFACE_BLOCK);
	assert_int_equal(manifest->interfaces[2].slots[1], 204);
	assert_int_equal(manifest->n_rulesets, 2);
	assert_string_equal(manifest->rulesets[0].name, "internet");
	assert_string_equal(manifest->rulesets[0].rules[0].match, "src: 198.51.100.0/24");
	assert_null(manifest->rulesets[0].rules[0].notes.comment);
	assert_int_equal(manifest->rulesets[0].rules[0].notes.n_tags, 0);
	assert_string_equal(manifest->rulesets[0].rules[1].notes.comment, "NOC-4711");
	assert_int_equal(manifest->rulesets[0].rules[1].notes.n_tags, 2);
	assert_string_equal(manifest->rulesets[0].rules[1].notes.tags[1], "feed");
	assert_string_equal(manifest->rulesets[1].rules[0].action, "drop");
	check_live_sets(manifest);
	assert_int_equal(manifest_encode(manifest, &again, &size_again), 0);
	assert_int_equal(size_again, size);
	assert_memory_equal(again, bytes, size);
	manifest_free(manifest);
}

static void nothing_in_it(void **state)
{
	struct manifest empty = { .generation = 1 }, *manifest = NULL;
	_cleanup_free_ void *bytes = NULL;
	size_t size;

	assert_int_equal(manifest_encode(&empty, &bytes, &size), 0);
	assert_int_equal(decode(bytes, size, &manifest), 0);
	assert_int_equal(manifest->n_interfaces, 0);
	assert_int_equal(manifest->n_rulesets, 0);
	manifest_free(manifest);
	manifest_free(NULL);
}

/* In a map the bytes are followed by zeros, up to a multiple of 8. */
static void padded(void **state)
{
	struct manifest *manifest = NULL;
	size_t size;
	_cleanup_free_ uint8_t *bytes = encoded(&size);

	bytes = realloc(bytes, size + 7);
	assert_non_null(bytes);
	memset(bytes + size, 0, 7);
	assert_int_equal(decode(bytes, size + 7, &manifest), 0);
	manifest_free(manifest);
}

static void cut_off(void **state)
{
	size_t size;
	_cleanup_free_ uint8_t *bytes = encoded(&size);

	for (size_t n = 0; n < size; n++)
		refused(bytes, n, -EINVAL);
	/* A body cut off by somebody who knows the header. */
	for (uint32_t n = 0; n < size - AT_BODY; n++) {
		memcpy(bytes + AT_SIZE, &n, sizeof(n));
		fix_checksum(bytes, AT_BODY + n);
		refused(bytes, AT_BODY + n, -EINVAL);
	}
}

static void flipped(void **state)
{
	size_t size;
	_cleanup_free_ uint8_t *bytes = encoded(&size);

	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 9; bit++) {
			uint8_t flip = bit == 8 ? 0xff : 1U << bit;
			bool abi = i >= AT_ABI && i < AT_SIZE;

			bytes[i] ^= flip;
			refused(bytes, size, abi ? -ESTALE : -EINVAL);
			bytes[i] ^= flip;
		}
}

static void other_version(void **state)
{
	size_t size;
	_cleanup_free_ uint8_t *bytes = encoded(&size);
	uint32_t abi = XDPGATE_ABI_VERSION + 1;

	memcpy(bytes + AT_ABI, &abi, sizeof(abi));
	refused(bytes, size, -ESTALE);
	/* Whatever the rest means in that version. */
	memset(bytes + AT_BODY, 0xff, size - AT_BODY);
	refused(bytes, size, -ESTALE);
}

static void check_forged(uint8_t *bytes, size_t size)
{
	struct manifest *manifest = NULL;
	_cleanup_free_ void *again = NULL;
	size_t size_again;
	int r;

	fix_checksum(bytes, size);
	r = decode(bytes, size, &manifest);
	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_null(manifest);
		return;
	}
	assert_int_equal(manifest_encode(manifest, &again, &size_again), 0);
	assert_int_equal(size_again, size);
	assert_memory_equal(again, bytes, size);
	manifest_free(manifest);
}

/* Each four bytes might be a length, a number or an index: try what a liar would. */
static void forged(void **state)
{
	static const uint32_t lies[] = { 0,          1,          2,         3,     4,
					 255,        65535,      65536,     65537, 0x7fffffff,
					 0x80000000, 0xfffffffe, 0xffffffff };
	size_t size;
	_cleanup_free_ uint8_t *bytes = encoded(&size);
	_cleanup_free_ uint8_t *forgery = malloc(size);

	assert_non_null(forgery);
	for (size_t at = AT_BODY; at + sizeof(uint32_t) <= size; at++)
		for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
			memcpy(forgery, bytes, size);
			memcpy(forgery + at, &lies[i], sizeof(lies[i]));
			check_forged(forgery, size);
		}
}

static void forged_at_random(void **state)
{
	struct rng rng = { 2025 };
	size_t size;
	_cleanup_free_ uint8_t *bytes = encoded(&size);
	_cleanup_free_ uint8_t *forgery = malloc(size);

	assert_non_null(forgery);
	for (int round = 0; round < 50000; round++) {
		memcpy(forgery, bytes, size);
		for (uint32_t n = 1 + rng_below(&rng, 4); n; n--)
			forgery[AT_BODY + rng_below(&rng, size - AT_BODY)] = rng_below(&rng, 256);
		check_forged(forgery, size);
	}
}

/* A single value that no manifest of ours would hold. */
static void out_of_range(void **state)
{
	struct manifest *manifest = sample();
	const uint32_t n_slots = MAX_COUNTER_PAGES * COUNTERS_PER_PAGE;

#define REFUSED_WITH(field, value)                                                                 \
	do {                                                                                       \
		__typeof__(field) _was = (field);                                                  \
		_cleanup_free_ void *_bytes = NULL;                                                \
		size_t _size;                                                                      \
                                                                                                   \
		(field) = (value);                                                                 \
		assert_int_equal(manifest_encode(manifest, &_bytes, &_size), 0);                   \
		refused(_bytes, _size, -EINVAL);                                                   \
		(field) = _was;                                                                    \
	} while (0)

	REFUSED_WITH(manifest->generation, 0);
	REFUSED_WITH(manifest->fail_closed, 2);
	REFUSED_WITH(manifest->interfaces[0].mode, ATTACH_GENERIC + 1);
	REFUSED_WITH(manifest->interfaces[0].required, 2);
	REFUSED_WITH(manifest->interfaces[1].block, INTERFACE_BLOCK - 1);
	REFUSED_WITH(manifest->interfaces[1].block, n_slots);
	REFUSED_WITH(manifest->interfaces[1].slots[0], n_slots);
	REFUSED_WITH(manifest->live_sets[0].size, 0);
	REFUSED_WITH(manifest->live_sets[0].name[0], 0);
	REFUSED_WITH(manifest->live_sets[0].widest[FAMILY_V4], 33);
	REFUSED_WITH(manifest->live_sets[0].widest[FAMILY_V6], 129);
	REFUSED_WITH(manifest->live_sets[1].except.v4[0].len, 33);
	REFUSED_WITH(manifest->live_sets[1].except.v6[0].len, 129);
#undef REFUSED_WITH
	manifest_free(manifest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),   cmocka_unit_test(nothing_in_it),
		cmocka_unit_test(padded),       cmocka_unit_test(cut_off),
		cmocka_unit_test(flipped),      cmocka_unit_test(other_version),
		cmocka_unit_test(forged),       cmocka_unit_test(forged_at_random),
		cmocka_unit_test(out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
