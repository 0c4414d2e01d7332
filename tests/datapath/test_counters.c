// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_counters.c: who owns which counter slot, over reloads and restarts; slots that retire,
 * come back, or go to another; and pins that hold what xdpgate never put there.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "counters.h"
#include "kernel.h"
#include "scratch.h"
#include "util.h"

/* As counters.c writes it; tests play the clock by it. */
struct registry_value {
	uint32_t slot, pad;
	uint64_t retired_usec;
};
#define LONG_AGO 1

static struct counters *reopen(const struct pins *pins, struct counters *counters)
{
	struct diags diags = {};

	counters_close(counters);
	counters = NULL;
	assert_int_equal(counters_open(pins, &counters, &diags), 0);
	expect_silence(&diags);
	return counters;
}

static struct counter_identity identity(const char *policy, const char *rule, const char *interface)
{
	struct counter_identity ret = {};

	snprintf(ret.policy, NAME_LEN, "%s", policy);
	snprintf(ret.rule, NAME_LEN, "%s", rule);
	snprintf(ret.interface, NAME_LEN, "%s", interface);
	return ret;
}

static uint32_t assign(struct counters *counters, const char *rule, const char *interface)
{
	struct counter_identity who = identity(rule[0] ? "edge" : "", rule, interface);
	struct diags diags = {};
	uint32_t slot = UINT32_MAX;

	assert_int_equal(counters_assign(counters, &who, &slot, &diags), 0);
	expect_silence(&diags);
	return slot;
}

static int pinned(const struct pins *pins, const char *name)
{
	int fd = pins_get(pins, "counters/%s", name);

	assert_true(fd >= 0);
	return fd;
}

/* What a program would do, on each CPU. */
static void count(const struct pins *pins, uint32_t slot, uint64_t packets)
{
	uint32_t zero = 0;
	int n = libbpf_num_possible_cpus();
	_cleanup_free_ struct counter_page *values = calloc(n, sizeof(*values));
	char name[32];
	_cleanup_close_ int fd = -1;

	assert_non_null(values);
	snprintf(name, sizeof(name), "page-%u", slot / COUNTERS_PER_PAGE);
	fd = pinned(pins, name);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, values), 0);
	for (int i = 0; i < n; i++) {
		struct counter *counter = &values[i].slots[slot % COUNTERS_PER_PAGE];

		counter->packets += packets;
		counter->bytes += packets * 100;
	}
	assert_int_equal(bpf_map_update_elem(fd, &zero, values, BPF_ANY), 0);
}

static void expect_count(struct counters *counters, uint32_t slot, uint64_t packets)
{
	uint64_t n = libbpf_num_possible_cpus();
	struct counter counter;

	counters_snapshot(counters);
	assert_int_equal(counters_read(counters, slot, &counter), 0);
	assert_int_equal(counter.packets, packets * n);
	assert_int_equal(counter.bytes, packets * n * 100);
}

static void set_registry(const struct pins *pins, const struct counter_identity *who, uint32_t slot,
			 uint64_t retired_usec)
{
	_cleanup_close_ int fd = pinned(pins, "registry");
	struct registry_value value = { slot, 0, retired_usec };

	assert_int_equal(bpf_map_update_elem(fd, who, &value, BPF_ANY), 0);
}

static bool get_registry(const struct pins *pins, const struct counter_identity *who,
			 struct registry_value *ret)
{
	_cleanup_close_ int fd = pinned(pins, "registry");

	return bpf_map_lookup_elem(fd, who, ret) == 0;
}

/* Names are wanted in the order given, up to NULL; "" ends nothing. */
static void want_only(struct counters *counters, const char *const *rules)
{
	counters_begin(counters);
	assign(counters, "", "wan");
	for (; *rules; rules++)
		assign(counters, *rules, "wan");
	counters_retire_others(counters);
}

#define ONLY(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* --- assigning --------------------------------------------------------------------------- */

static void test_assign(void **state)
{
	struct counters *counters;
	uint32_t wan, lan, a, b;
	struct pins pins;

	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	a = assign(counters, "a", "wan");
	wan = assign(counters, "", "wan");
	b = assign(counters, "a", "lan"); /* another interface, another slot */
	lan = assign(counters, "", "lan");
	assert_int_equal(wan % INTERFACE_BLOCK, 0);
	assert_int_equal(lan % INTERFACE_BLOCK, 0);
	assert_int_not_equal(wan, lan);
	assert_int_not_equal(a, b);
	assert_false(a >= wan && a < wan + INTERFACE_BLOCK);
	assert_false(b >= lan && b < lan + INTERFACE_BLOCK);
	count(&pins, a, 3);
	count(&pins, lan + 5, 7);

	for (int i = 0; i < 3; i++) {
		counters = reopen(&pins, counters);
		expect_count(counters, a, 3);
		expect_count(counters, lan + 5, 7);
		assert_int_equal(assign(counters, "", "wan"), wan);
		assert_int_equal(assign(counters, "", "lan"), lan);
		assert_int_equal(assign(counters, "a", "wan"), a);
		assert_int_equal(assign(counters, "a", "lan"), b);
		expect_count(counters, a, 3);
	}
	counters_close(counters);
	pins_close(&pins);
}

/* Many rules and interfaces in turn: no two own a slot, over page ends and restarts. */
static void test_growth(void **state)
{
	enum { N = 3000 };
	static uint8_t owned[MAX_COUNTER_PAGES * COUNTERS_PER_PAGE];
	struct counters *counters;
	struct pins pins;
	char name[16];

	memset(owned, 0, sizeof(owned));
	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	for (int i = 0; i < N; i++) {
		uint32_t n = i % 100 == 50 ? INTERFACE_BLOCK : 1, slot;

		snprintf(name, sizeof(name), "r%d", i);
		slot = n > 1 ? assign(counters, "", name) : assign(counters, name, "wan");
		assert_in_range(slot, 0, sizeof(owned) - n);
		assert_int_equal(slot % n, 0);
		assert_null(memchr(owned + slot, 1, n));
		memset(owned + slot, 1, n);
		if (i % 1000 == 999)
			counters = reopen(&pins, counters);
	}
	assert_true(pins_exist(&pins, "counters/page-4"));
	count(&pins, 4 * COUNTERS_PER_PAGE + 2, 5);
	counters = reopen(&pins, counters);
	expect_count(counters, 4 * COUNTERS_PER_PAGE + 2, 5);
	counters_close(counters);
	pins_close(&pins);
}

/* The limit is an error with a name, not a crash. */
static void test_too_many(void **state)
{
	struct counter_identity who;
	struct counters *counters;
	struct diags diags = {};
	char name[16];
	uint32_t slot;
	int r = 0;

	assert_int_equal(counters_open(NULL, &counters, &diags), 0); /* private: quicker */
	for (int i = 0; r == 0 && i <= MAX_COUNTER_PAGES * COUNTERS_PER_PAGE / INTERFACE_BLOCK;
	     i++) {
		snprintf(name, sizeof(name), "i%d", i);
		who = identity("", "", name);
		r = counters_assign(counters, &who, &slot, &diags);
		assert_true(r == 0 || i == MAX_COUNTER_PAGES * COUNTERS_PER_PAGE / INTERFACE_BLOCK);
	}
	assert_int_equal(r, -ENOSPC);
	expect_error(&diags, "no counter slots are left");
	counters_close(counters);
}

/* --- retiring ---------------------------------------------------------------------------- */

static void test_retire_and_awaken(void **state)
{
	struct counter_identity who = identity("edge", "a", "wan");
	struct registry_value value;
	struct counters *counters;
	struct pins pins;
	uint32_t a, b;

	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	want_only(counters, ONLY("a", "b"));
	a = assign(counters, "a", "wan");
	count(&pins, a, 11);
	want_only(counters, ONLY("b"));
	assert_true(get_registry(&pins, &who, &value));
	assert_true(value.retired_usec != 0);
	counters = reopen(&pins, counters);
	b = assign(counters, "c", "wan"); /* within the grace period: not a's */
	assert_int_not_equal(b, a);
	want_only(counters, ONLY("b", "a"));
	assert_int_equal(assign(counters, "a", "wan"), a);
	expect_count(counters, a, 11); /* it goes on where it stopped */
	assert_true(get_registry(&pins, &who, &value));
	assert_int_equal(value.retired_usec, 0);
	counters_close(counters);
	pins_close(&pins);
}

/* Fill the pages there are, so that the next one needs somebody's slot. */
static void fill_up(struct counters *counters, const struct pins *pins)
{
	char name[16];

	for (int i = 0;; i++) {
		snprintf(name, sizeof(name), "fill%d", i);
		if (assign(counters, name, "wan") == COUNTERS_PER_PAGE - 1)
			return;
		assert_true(i < COUNTERS_PER_PAGE);
	}
}

/* `grace`: the old owner has been gone for long enough. */
static void check_reuse(bool grace)
{
	struct counter_identity old = identity("edge", "old", "wan");
	struct registry_value value;
	struct counters *counters;
	struct pins pins;
	uint32_t slot, next;

	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	assign(counters, "", "wan");
	slot = assign(counters, "old", "wan");
	count(&pins, slot, 21);
	fill_up(counters, &pins);
	assert_true(get_registry(&pins, &old, &value));
	set_registry(&pins, &old, slot, grace ? LONG_AGO : UINT64_MAX / 2);
	counters = reopen(&pins, counters);
	next = assign(counters, "new", "wan");
	assert_int_equal(next == slot, grace);
	assert_int_equal(pins_exist(&pins, "counters/page-1"), !grace);
	assert_int_equal(get_registry(&pins, &old, &value), !grace);
	expect_count(counters, next, 0); /* whatever the old owner counted */
	count(&pins, next, 4);
	expect_count(counters, next, 4);
	counters = reopen(&pins, counters);
	expect_count(counters, next, 4);
	assert_int_equal(assign(counters, "new", "wan"), next);
	/* The old one comes back: as a new one, if its slot is gone. */
	assert_int_equal(assign(counters, "old", "wan") == slot, !grace);
	counters_close(counters);
	pins_close(&pins);
	scratch_clear(NULL);
}

static void test_reuse(void **state)
{
	check_reuse(true);
	check_reuse(false);
}

/* A block can only take the place of a block. */
static void test_reuse_block(void **state)
{
	struct counter_identity old;
	struct counters *counters;
	struct pins pins;
	uint32_t slot = 0;
	char name[16];

	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	for (int i = 0; i < COUNTERS_PER_PAGE / INTERFACE_BLOCK; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		slot = assign(counters, "", name);
	}
	old = identity("", "", name);
	count(&pins, slot, 2);
	count(&pins, slot + INTERFACE_BLOCK - 1, 3);
	set_registry(&pins, &old, slot, LONG_AGO);
	counters = reopen(&pins, counters);
	assert_int_equal(assign(counters, "", "other"), slot);
	expect_count(counters, slot, 0);
	expect_count(counters, slot + INTERFACE_BLOCK - 1, 0);
	/* The next rule goes to a new page: no rule has retired. */
	assert_int_equal(assign(counters, "rule", "other") / COUNTERS_PER_PAGE, 1);
	counters_close(counters);
	pins_close(&pins);
}

/* --- what others have pinned -------------------------------------------------------------- */

/* Entries that claim what they cannot have, beside good ones that must stay what they are. */
static void test_garbage_in_registry(void **state)
{
	struct counter_identity liar;
	struct counters *counters;
	struct pins pins;
	uint32_t wan, a;

	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	wan = assign(counters, "", "wan");
	a = assign(counters, "a", "wan");
	count(&pins, a, 9);
	counters_close(counters);

	memset(&liar, 'x', sizeof(liar)); /* no NUL anywhere */
	set_registry(&pins, &liar, 200, 0);
	liar = identity("edge", "beyond", "wan");
	set_registry(&pins, &liar, COUNTERS_PER_PAGE, 0);
	liar = identity("edge", "far-beyond", "wan");
	set_registry(&pins, &liar, UINT32_MAX, 0);
	liar = identity("", "", "askew");
	set_registry(&pins, &liar, INTERFACE_BLOCK * 3 + 1, 0);
	liar = identity("", "", "at-the-end");
	set_registry(&pins, &liar, COUNTERS_PER_PAGE - 1, 0);

	counters = reopen(&pins, NULL);
	assert_int_equal(assign(counters, "", "wan"), wan);
	assert_int_equal(assign(counters, "a", "wan"), a);
	expect_count(counters, a, 9);
	/* Those who lied get what they are due, and nobody's slot. */
	assert_in_range(assign(counters, "beyond", "wan"), 0, COUNTERS_PER_PAGE - 1);
	assert_in_range(assign(counters, "far-beyond", "wan"), 0, COUNTERS_PER_PAGE - 1);
	assert_int_equal(assign(counters, "", "askew") % INTERFACE_BLOCK, 0);
	counters = reopen(&pins, counters);
	assert_int_equal(assign(counters, "a", "wan"), a);
	counters_close(counters);
	pins_close(&pins);
}

/* Two claim one slot: it stays with one of them, never with both. */
static void test_overlap_in_registry(void **state)
{
	struct counter_identity thief = identity("edge", "thief", "wan");
	struct counter_identity inside = identity("edge", "inside", "wan");
	struct counters *counters;
	struct pins pins;
	uint32_t wan, a;

	scratch_open(&pins);
	counters = reopen(&pins, NULL);
	wan = assign(counters, "", "wan");
	a = assign(counters, "a", "wan");
	set_registry(&pins, &thief, a, 0);
	set_registry(&pins, &inside, wan + 3, 0);
	counters = reopen(&pins, counters);
	assert_int_not_equal(assign(counters, "a", "wan"), assign(counters, "thief", "wan"));
	a = assign(counters, "inside", "wan");
	wan = assign(counters, "", "wan");
	assert_false(a >= wan && a < wan + INTERFACE_BLOCK);
	counters_close(counters);
	pins_close(&pins);
}

static void refuse_map(const char *name, enum bpf_map_type type, uint32_t key, uint32_t value,
		       uint32_t n)
{
	struct counters *counters = NULL;
	_cleanup_close_ int fd = -1;
	struct diags diags = {};
	struct pins pins;
	char part[64];

	scratch_open(&pins);
	counters_close(reopen(&pins, NULL));
	counters = reopen(&pins, NULL);
	assign(counters, "a", "wan"); /* now there is a page */
	counters_close(counters);
	counters = NULL;
	fd = bpf_map_create(type, "alien", key, value, n, NULL);
	assert_true(fd >= 0);
	assert_int_equal(pins_remove(&pins, "counters/%s", name), 0);
	assert_int_equal(pins_put(&pins, fd, "counters/%s", name), 0);
	assert_int_equal(counters_open(&pins, &counters, &diags), -EINVAL);
	assert_null(counters);
	snprintf(part, sizeof(part), "counters/%s is not what this version of xdpgate makes", name);
	expect_error(&diags, part);
	pins_close(&pins);
	scratch_clear(NULL);
}

static void test_alien_maps(void **state)
{
	refuse_map("registry", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	refuse_map("registry", BPF_MAP_TYPE_HASH, sizeof(struct counter_identity), 8, 65536);
	refuse_map("page-0", BPF_MAP_TYPE_ARRAY, 4, 16, COUNTERS_PER_PAGE);
	refuse_map("page-0", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct counter_page) / 2, 1);
	refuse_map("base-0", BPF_MAP_TYPE_ARRAY, 4, 8, COUNTERS_PER_PAGE);
	refuse_map("pages", BPF_MAP_TYPE_ARRAY, 4, 4, MAX_COUNTER_PAGES);
}

/* Deaths between two pins: what is there is used, what is not is made. */
static void test_half_made(void **state)
{
	static const char *const lost[] = { "registry", "pages", "base-0" };
	struct counters *counters;
	struct pins pins;

	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		uint32_t slot;

		scratch_open(&pins);
		counters = reopen(&pins, NULL);
		assign(counters, "a", "wan");
		counters_close(counters);
		assert_int_equal(pins_remove(&pins, "counters/%s", lost[i]), 0);
		counters = reopen(&pins, NULL);
		slot = assign(counters, "a", "wan");
		count(&pins, slot, 6);
		expect_count(counters, slot, 6);
		counters_close(counters);
		pins_close(&pins);
		scratch_clear(NULL);
	}
}

static void test_read_beyond(void **state)
{
	struct counters *counters;
	struct counter counter;
	struct diags diags = {};

	assert_int_equal(counters_open(NULL, &counters, &diags), 0);
	assert_int_equal(counters_read(counters, 0, &counter), -EINVAL);
	assign(counters, "a", "wan");
	assert_int_equal(counters_read(counters, COUNTERS_PER_PAGE - 1, &counter), 0);
	assert_int_equal(counters_read(counters, COUNTERS_PER_PAGE, &counter), -EINVAL);
	assert_int_equal(counters_read(counters, UINT32_MAX, &counter), -EINVAL);
	assert_null(counters_close(counters));
	assert_null(counters_close(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_assign, scratch_clear),
		cmocka_unit_test_teardown(test_growth, scratch_clear),
		cmocka_unit_test_teardown(test_too_many, scratch_clear),
		cmocka_unit_test_teardown(test_retire_and_awaken, scratch_clear),
		cmocka_unit_test_teardown(test_reuse, scratch_clear),
		cmocka_unit_test_teardown(test_reuse_block, scratch_clear),
		cmocka_unit_test_teardown(test_garbage_in_registry, scratch_clear),
		cmocka_unit_test_teardown(test_overlap_in_registry, scratch_clear),
		cmocka_unit_test_teardown(test_alien_maps, scratch_clear),
		cmocka_unit_test_teardown(test_half_made, scratch_clear),
		cmocka_unit_test_teardown(test_read_beyond, scratch_clear),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
