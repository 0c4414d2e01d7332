// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_generation.c: which of the generations that are pinned is the live one, and the intent:
 * what each death of a swap leaves, read by the next who comes. And that one is built only if the
 * policy passes its own tests.
 */
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "build-policy.h"
#include "generation.h"
#include "kernel.h"
#include "policy_tests.h"
#include "scratch.h"
#include "util.h"

static struct pins pins;
static struct port port; /* no device: a slot is all that matters here */

static int open_all(void **state)
{
	scratch_open(&pins);
	port = (struct port){ .ifindex = 5, .fall_through_fd = -1 };
	pins_port_key(&pins, port.ifindex, port.key);
	port.slot_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "scratch", 4, 4, 1, NULL);
	return port.slot_fd < 0 ? -1 : 0;
}

static int close_all(void **state)
{
	close_fd(&port.slot_fd);
	pins_close(&pins);
	return scratch_clear(state);
}

static struct manifest *some_manifest(uint64_t number)
{
	struct policy *policy = build_policy();
	struct manifest *manifest = NULL;

	build_interface(policy, "wan", build_ruleset(policy, "edge", VERDICT_PASS));
	assert_int_equal(manifest_from_policy(policy, &manifest), 0);
	policy_free(policy);
	manifest->generation = number;
	return manifest;
}

static void pin_manifest(uint64_t folder, uint64_t number)
{
	struct generation generation = { .manifest = some_manifest(number) };
	struct diags diags = {};
	_cleanup_free_ void *bytes = NULL;
	_cleanup_close_ int fd = -1;
	size_t size;

	if (folder == number) {
		assert_int_equal(generation_complete(&pins, &generation, &diags), 0);
	} else {
		assert_int_equal(manifest_encode(generation.manifest, &bytes, &size), 0);
		fd = kernel_table_create("scratch", bytes, size);
		assert_int_equal(pins_put(&pins, fd, "generations/%d/manifest", (int)folder), 0);
	}
	expect_silence(&diags);
	manifest_free(generation.manifest);
}

/* Pins a program for the port; puts it into the slot, too, if it is to be live. */
static void pin_program(uint64_t number, bool live)
{
	_cleanup_close_ int fd = pass_load(false, NULL);

	assert_true(fd >= 0);
	assert_int_equal(pins_put(&pins, fd, "generations/%d/%s", (int)number, port.key), 0);
	if (live)
		assert_int_equal(port_slot_set(&port, fd), 0);
}

/* Number of the generation that is found, 0: none. */
static uint64_t find(uint64_t *ret_highest, struct diags *diags)
{
	struct port *const ports[] = { &port };
	struct generation *generation = NULL;
	uint64_t number;

	assert_int_equal(
		generation_find(&pins, ports, ARRAY_SIZE(ports), &generation, ret_highest, diags),
		0);
	number = generation ? generation->manifest->generation : 0;
	if (generation)
		assert_false(generation->built_here);
	generation_free(generation);
	return number;
}

static void expect_found(uint64_t number, uint64_t highest)
{
	struct diags diags = {};
	uint64_t got_highest = 77;

	assert_int_equal(find(&got_highest, &diags), number);
	assert_int_equal(got_highest, highest);
	expect_silence(&diags);
}

/* --- the policy's own tests, by the program --- */

static struct policy_test *add_test(struct policy *policy, uint32_t interface, enum verdict verdict,
				    uint32_t rule)
{
	struct policy_test *test = &policy->tests[policy->n_tests++];

	*test = (struct policy_test){
		.place = { policy->files[0].path, 70 + (unsigned int)policy->n_tests, 5 },
		.interface = interface,
		.verdict = verdict,
		.reason = REASON_NONE,
		.rule = rule,
		.packet = { .ip = true },
	};
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		test->packet.scalar[i] = TEST_ABSENT;
	test->packet.address[ADDRESS_SRC][0] = 192;
	test->packet.scalar[FIELD_PROTO] = 17;
	test->packet.scalar[FIELD_FRAGMENT] = FRAGMENT_NONE;
	test->packet.scalar[FIELD_SPORT] = 53;
	test->packet.scalar[FIELD_DPORT] = 53;
	test->packet.scalar[FIELD_LENGTH] = 28;
	return test;
}

/* Two interfaces on policies of their own: their rules are at different bits. */
static struct policy *policy_with_tests(void)
{
	struct policy *policy = build_policy();
	uint32_t edge = build_ruleset(policy, "edge", VERDICT_PASS);
	uint32_t core = build_ruleset(policy, "core", VERDICT_DROP);
	uint32_t set = build_set(policy, "own");

	build_interface(policy, "wan", edge);
	build_interface(policy, "lan", core);
	build_prefix(policy, set, "192.0.0.0/8");
	build_rule(policy, edge, "seen", VERDICT_NONE);
	build_address(build_rule(policy, edge, "own", VERDICT_DROP), ADDRESS_SRC, set);
	build_scalar(build_rule(policy, core, "big", VERDICT_PASS), FIELD_LENGTH, 1501, 65535);
	build_redirect(policy, build_rule(policy, core, "away", VERDICT_REDIRECT), "nowhere0");
	policy->tests = calloc(8, sizeof(*policy->tests));
	assert_non_null(policy->tests);
	return policy;
}

static int build(const struct policy *policy, struct diags *diags)
{
	struct generation *generation = NULL;
	struct counters *counters = NULL;
	struct tables *tables = NULL;
	int r;

	assert_int_equal(counters_open(NULL, &counters, diags), 0);
	assert_int_equal(tables_compile(policy, &tables, diags), 0);
	r = generation_build(policy, tables, 1, true, counters, NULL, &generation, diags);
	assert_int_equal(!generation, r < 0);
	generation_free(generation);
	tables_free(tables);
	counters_close(counters);
	return r;
}

static void test_policy_tests(void **state)
{
	struct policy *policy = policy_with_tests();
	struct diags diags = {};

	add_test(policy, 0, VERDICT_DROP, 1);
	add_test(policy, 0, VERDICT_PASS, TEST_ANY_RULE)->packet.address[ADDRESS_SRC][0] = 193;
	add_test(policy, 1, VERDICT_REDIRECT, 1); /* its device is absent */
	add_test(policy, 1, VERDICT_PASS, 0)->packet.scalar[FIELD_LENGTH] = 65535;
	assert_int_equal(build(policy, &diags), 0);
	expect_silence(&diags);
	policy_free(policy);
}

/* Every test that fails is told, of every interface. */
static void test_policy_tests_fail(void **state)
{
	struct policy *policy = policy_with_tests();
	struct diags diags = {};

	add_test(policy, 0, VERDICT_DROP, 1);
	add_test(policy, 0, VERDICT_PASS, TEST_ANY_RULE);
	add_test(policy, 1, VERDICT_DROP, TEST_ANY_RULE);
	add_test(policy, 0, VERDICT_PASS, TEST_ANY_RULE)->reason = REASON_FRAGMENT;
	policy->tests[3].packet.address[ADDRESS_SRC][0] = 10;
	assert_int_equal(build(policy, &diags), -EINVAL);
	assert_int_equal(diags.n_errors, 3);
	assert_int_equal(diags.items[0].line, 72);
	assert_string_equal(diags.items[0].message,
			    "this test failed: expected pass, got drop/own: in policy 'edge' the "
			    "rule at test.yaml:3 decided");
	assert_int_equal(diags.items[1].line, 74);
	assert_non_null(strstr(diags.items[1].message, "expected pass/fragment, got pass/default"));
	assert_int_equal(diags.items[2].line, 73);
	assert_non_null(strstr(diags.items[2].message, "expected drop, got redirect/away"));
	diags_free(&diags);
	policy_free(policy);
}

static void test_none(void **state)
{
	expect_found(0, 0);
}

static void test_incomplete(void **state)
{
	pin_program(4, false); /* died before its manifest */
	expect_found(0, 4);
	pin_manifest(3, 3);
	pin_program(3, false);
	expect_found(3, 4);
}

static void test_oldest(void **state)
{
	pin_manifest(10, 10); /* numbers, not names: 9 is older */
	pin_manifest(9, 9);
	pin_manifest(11, 11);
	expect_found(9, 11);
}

static void test_in_slot(void **state)
{
	pin_manifest(2, 2);
	pin_program(2, false);
	pin_manifest(3, 3);
	pin_program(3, true);
	pin_manifest(4, 4);
	pin_program(4, false);
	expect_found(3, 4);
	assert_int_equal(port_slot_set(&port, -1), 0); /* an empty slot tells nothing */
	expect_found(2, 4);
}

static void test_names(void **state)
{
	_cleanup_close_ int fd = kernel_table_create("scratch", "", 1);
	static const char *const names[] = { "0", "-1", "01", "1x", " 1", "+1", "manifest", "x" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(pins_put(&pins, fd, "generations/%s/manifest", names[i]), 0);
	expect_found(0, 0);
}

static void expect_warned(const char *part)
{
	uint64_t highest;
	struct diags diags = {};

	assert_int_equal(find(&highest, &diags), 0);
	assert_int_equal(diags.n_errors, 0);
	assert_int_equal(diags.n_warnings, 1);
	assert_non_null(strstr(diags.items[0].message, part));
	diags_free(&diags);
	assert_int_equal(generation_remove_others(&pins, 0, 0), 0);
}

/* What is pinned in a generation's place but is none is left alone, and spoken of. */
static void test_alien(void **state)
{
	_cleanup_close_ int program = pass_load(false, NULL), hash = -1, table = -1;
	struct manifest *manifest = some_manifest(3);
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size;

	assert_int_equal(pins_put(&pins, program, "generations/3/manifest"), 0);
	expect_warned("not a generation of xdpgate");
	hash = bpf_map_create(BPF_MAP_TYPE_HASH, "scratch", 4, 64, 1, NULL);
	assert_int_equal(pins_put(&pins, hash, "generations/3/manifest"), 0);
	expect_warned("not a generation of xdpgate");
	table = kernel_table_create("scratch", "hello", 6);
	assert_int_equal(pins_put(&pins, table, "generations/3/manifest"), 0);
	expect_warned("not a generation of xdpgate");
	pin_manifest(3, 4); /* a copy of another's */
	expect_warned("not a generation of xdpgate");
	assert_int_equal(pins_put(&pins, hash, "generations/3/manifest/deeper"), 0);
	expect_warned("not a generation of xdpgate");

	assert_int_equal(manifest_encode(manifest, (void **)&bytes, &size), 0);
	bytes[8]++; /* the ABI version */
	close_fd(&table);
	table = kernel_table_create("scratch", bytes, size);
	assert_int_equal(pins_put(&pins, table, "generations/3/manifest"), 0);
	expect_warned("of another version of xdpgate");
	manifest_free(manifest);
}

static void test_alien_beside(void **state)
{
	_cleanup_close_ int table = kernel_table_create("scratch", "hello", 6);
	struct diags diags = {};
	uint64_t highest;

	assert_int_equal(pins_put(&pins, table, "generations/2/manifest"), 0);
	pin_manifest(5, 5);
	assert_int_equal(find(&highest, &diags), 5);
	assert_int_equal(highest, 5);
	diags_free(&diags);
}

static void test_remove_others(void **state)
{
	_cleanup_close_ int table = kernel_table_create("scratch", "", 1);

	pin_manifest(4, 4);
	pin_manifest(5, 5);
	pin_program(5, true);
	pin_program(6, false);
	assert_int_equal(pins_put(&pins, table, "generations/alien"), 0);
	assert_int_equal(generation_remove_others(&pins, 5, 0), 0);
	assert_false(pins_exist(&pins, "generations/4"));
	assert_true(pins_exist(&pins, "generations/5/manifest"));
	assert_false(pins_exist(&pins, "generations/6"));
	assert_false(pins_exist(&pins, "generations/alien"));
	assert_int_equal(generation_remove_others(&pins, 5, 0), 0);
	expect_found(5, 5);
	assert_int_equal(generation_remove_others(&pins, 0, 0), 0);
	expect_found(0, 0);
}

/* --- intents ------------------------------------------------------------------------------ */

static void test_intent(void **state)
{
	struct diags diags = {};
	uint64_t to = 0;

	assert_int_equal(intent_read(&pins, &to), -ENOENT);
	assert_int_equal(intent_clear(&pins), 0);
	assert_int_equal(intent_write(&pins, 3, UINT64_MAX, &diags), 0);
	assert_int_equal(intent_read(&pins, &to), 0);
	assert_true(to == UINT64_MAX);
	assert_int_equal(intent_write(&pins, 4, 5, &diags), 0); /* of one who could not clear it */
	assert_int_equal(intent_read(&pins, &to), 0);
	assert_int_equal(to, 5);
	assert_int_equal(intent_clear(&pins), 0);
	assert_int_equal(intent_read(&pins, &to), -ENOENT);
	expect_silence(&diags);
}

/* -EINVAL, and nothing else, says that it is none of ours. */
static void test_alien_intent(void **state)
{
	const struct {
		enum bpf_map_type type;
		uint32_t key, value, n;
	} maps[] = {
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 1 },
		{ BPF_MAP_TYPE_ARRAY, 4, 24, 1 },
		{ BPF_MAP_TYPE_ARRAY, 4, 16, 2 },
		{ BPF_MAP_TYPE_HASH, 4, 16, 1 },
	};
	uint64_t to = 42;

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		_cleanup_close_ int fd = bpf_map_create(maps[i].type, "scratch", maps[i].key,
							maps[i].value, maps[i].n, NULL);

		assert_int_equal(pins_put(&pins, fd, "intent"), 0);
		assert_int_equal(intent_read(&pins, &to), -EINVAL);
		assert_int_equal(to, 42);
		assert_int_equal(intent_clear(&pins), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(test_policy_tests), TEST(test_policy_tests_fail),
		TEST(test_none),         TEST(test_incomplete),
		TEST(test_oldest),       TEST(test_in_slot),
		TEST(test_names),        TEST(test_alien),
		TEST(test_alien_beside), TEST(test_remove_others),
		TEST(test_intent),       TEST(test_alien_intent),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
