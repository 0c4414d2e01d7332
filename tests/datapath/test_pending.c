// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_pending.c: a policy that waits to be confirmed: who judges until when, with and without us, and
 * what each death leaves. The programs are run as packets would run them: through the slot.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "build-policy.h"
#include "compile.h"
#include "datapath_internal.h"
#include "kernel.h"
#include "scratch.h"
#include "util.h"

#define SECOND UINT64_C(1000000000)

static struct datapath *datapath;

static uint64_t in(uint64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + ns;
}

static void open_it(void)
{
	struct diags diags = {};

	assert_int_equal(datapath_open(scratch_path, true, &datapath, &diags), 0);
	expect_silence(&diags);
}

/* As a death does it: nothing is tidied up. */
static void die(void)
{
	datapath->sampling = sampling_free(datapath->sampling);
	datapath->created = false;
	datapath = datapath_close(datapath);
}

static void reopen(void)
{
	die();
	open_it();
}

static int set_up(void **state)
{
	scratch_run("ip link add pa type veth peer name pb");
	scratch_run("ip link set pa up && ip link set pb up");
	open_it();
	return 0;
}

static int tear_down(void **state)
{
	struct diags diags = {};

	assert_int_equal(datapath_detach(datapath, &diags), 0);
	diags_free(&diags);
	datapath = datapath_close(datapath);
	scratch_run("for i in pa pc; do ip link delete $i 2>/dev/null; done; true");
	return scratch_clear(state);
}

/* A policy without rules: all IP packets meet the verdict. */
static struct policy *some_policy(enum verdict verdict)
{
	static const char *const devices[] = { "pa", "pc" };
	struct policy *policy = build_policy();
	uint32_t ruleset = build_ruleset(policy, "edge", verdict);

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		uint32_t index = build_interface(policy, devices[i], ruleset);

		snprintf(policy->interfaces[index].port, PORT_LEN, "%s", devices[i]);
	}
	return policy;
}

static int install(enum verdict verdict, uint64_t deadline_ns, struct diags *diags)
{
	const struct install_options options = { .deadline_ns = deadline_ns, .history = 7 };
	struct policy *policy = some_policy(verdict);
	struct tables *tables = NULL;
	int r = tables_compile(policy, &tables, diags);

	if (r >= 0)
		r = datapath_install(datapath, policy, tables, &options, diags);
	tables_free(tables);
	policy_free(policy);
	return r;
}

static void put_in_force(enum verdict verdict, uint64_t deadline_ns)
{
	struct diags diags = {};

	assert_int_equal(install(verdict, deadline_ns, &diags), 0);
	expect_silence(&diags);
}

/* What becomes of an IPv4 packet that arrives there now. */
static int verdict_on(const char *device)
{
	const struct port *port = datapath_find_port(datapath, (int)if_nametoindex(device));
	uint8_t frame[60] = {
		[12] = 8, [14] = 0x45, [17] = 28, [22] = 64, 89, [26] = 192, 0, 2, 1
	};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	_cleanup_close_ int fd = -1;

	assert_non_null(port);
	fd = port_slot_program(port);
	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_test_run_opts(fd, &options), 0);
	return (int)options.retval;
}

static void wait_until(uint64_t ns)
{
	/* A tick of the kernel's clock later, at most. */
	while (in(0) < ns + SECOND / 50)
		usleep(1000);
}

static bool something_in_front(void)
{
	bool found = false;

	for (uint64_t number = 1; number < 9; number++)
		for (size_t i = 0; i < datapath->n_ports; i++)
			found |= pins_exist(&datapath->pins, "generations/%llu/%s-front",
					    (unsigned long long)number, datapath->ports[i]->key) ||
				 pins_exist(&datapath->pins, "generations/%llu/%s-behind",
					    (unsigned long long)number, datapath->ports[i]->key);
	return found;
}

/* One generation and nothing else is pinned, and it is in the slots by itself. */
static void expect_settled(uint64_t generation)
{
	assert_non_null(datapath->live);
	assert_int_equal(datapath->live->manifest->generation, generation);
	assert_int_equal(datapath_deadline(datapath), 0);
	assert_null(datapath_before(datapath));
	assert_false(something_in_front());
	assert_false(pins_exist(&datapath->pins, "pending"));
	assert_false(pins_exist(&datapath->pins, "intent"));
	for (uint64_t number = 1; number < 9; number++)
		assert_int_equal(
			pins_exist(&datapath->pins, "generations/%llu", (unsigned long long)number),
			number == generation);
	assert_true(datapath_is_armed(datapath));
}

/* --- alive ------------------------------------------------------------------------------- */

static void test_confirmed(void **state)
{
	struct diags diags = {};
	uint64_t deadline;

	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	deadline = in(SECOND);
	put_in_force(VERDICT_PASS, deadline);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_deadline(datapath), deadline);
	assert_int_equal(datapath_before(datapath)->generation, 1);
	assert_int_equal(datapath->live->manifest->history, 7);
	assert_int_equal(datapath_confirm(datapath, &diags), 0);
	expect_silence(&diags);
	expect_settled(2);
	wait_until(deadline);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_confirm(datapath, &diags), -ENOENT);
	expect_error(&diags, "no policy waits");
	assert_int_equal(datapath_undo(datapath, &diags), -ENOENT);
	reopen();
	expect_settled(2);
}

static void test_undone(void **state)
{
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	assert_int_equal(datapath_undo(datapath, &diags), 0);
	expect_silence(&diags);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_settled(1);
	put_in_force(VERDICT_PASS, 0); /* and goes on from there */
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	expect_settled(3);
}

/* Nobody does anything: packets see the deadline pass. */
static void test_overdue(void **state)
{
	struct diags diags = {};
	uint64_t deadline = in(SECOND / 2);

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, deadline);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	wait_until(deadline);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	assert_int_equal(datapath_confirm(datapath, &diags), -ETIMEDOUT);
	expect_error(&diags, "too late");
	assert_int_equal(verdict_on("pa"), XDP_DROP);
}

/* What is gone back to is not the candidate before. */
static void test_another_candidate(void **state)
{
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	assert_int_equal(datapath->live->manifest->generation, 3);
	assert_int_equal(datapath_before(datapath)->generation, 1);
	assert_false(pins_exist(&datapath->pins, "generations/2"));
	reopen();
	assert_int_equal(datapath_before(datapath)->generation, 1);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_undo(datapath, &diags), 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_settled(1);
}

/* The first policy of all: what was before is nothing. */
static void test_first(void **state)
{
	struct diags diags = {};
	uint64_t deadline = in(SECOND / 2);

	put_in_force(VERDICT_DROP, deadline);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	wait_until(deadline);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_undo(datapath, &diags), 0);
	expect_silence(&diags);
	assert_null(datapath->live);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_false(pins_exist(&datapath->pins, "generations/1"));
	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
}

static void test_off(void **state)
{
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_DROP, in(60 * SECOND));
	assert_int_equal(datapath_set_off(datapath, "pa", true, &diags), 0);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_set_off(datapath, "pa", false, &diags), 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	assert_true(something_in_front());
	assert_int_equal(datapath_set_off(datapath, "pa", true, &diags), 0);
	assert_int_equal(datapath_undo(datapath, &diags), 0); /* stays off */
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_set_off(datapath, "pa", false, &diags), 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_silence(&diags);
	expect_settled(1);
}

/* A device that comes meanwhile is served by both. */
static void test_device(void **state)
{
	struct diags diags = {};
	uint64_t deadline;

	put_in_force(VERDICT_DROP, 0);
	deadline = in(3 * SECOND);
	put_in_force(VERDICT_PASS, deadline);
	scratch_run("ip link add pc type veth peer name pd && ip link set pc up");
	assert_int_equal(datapath_links_changed(datapath, &diags), 0);
	expect_silence(&diags);
	assert_int_equal(verdict_on("pc"), XDP_PASS);
	wait_until(deadline);
	assert_int_equal(verdict_on("pc"), XDP_DROP);
	assert_int_equal(datapath_undo(datapath, &diags), 0);
	expect_silence(&diags);
	assert_int_equal(verdict_on("pc"), XDP_DROP);
	expect_settled(1);
}

/* --- deaths ------------------------------------------------------------------------------ */

static void test_death(void **state)
{
	struct diags diags = {};
	uint64_t deadline = in(60 * SECOND);

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, deadline);
	reopen();
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath->live->manifest->generation, 2);
	assert_int_equal(datapath_deadline(datapath), deadline);
	assert_int_equal(datapath_before(datapath)->generation, 1);
	assert_true(datapath_is_armed(datapath));
	assert_int_equal(datapath_confirm(datapath, &diags), 0);
	expect_silence(&diags);
	expect_settled(2);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
}

static void test_death_until_too_late(void **state)
{
	uint64_t deadline = in(SECOND / 2);

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, deadline);
	die();
	wait_until(deadline);
	open_it();
	assert_int_equal(datapath_undone(datapath), 2);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_settled(1);
}

/* Between the store that confirms and all that follows. */
static void test_death_confirming(void **state)
{
	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	datapath->pending->state->deadline = PENDING_CONFIRMED;
	reopen();
	assert_int_equal(datapath_undone(datapath), 0);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	expect_settled(2);
}

/* Pinned, but never swapped in: it is as if nobody had asked. */
static void test_death_before_the_swap(void **state)
{
	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	datapath->pending->state->swapped = 0;
	reopen();
	assert_int_equal(datapath_undone(datapath), 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_settled(1);
}

/* With the intent pinned: it is finished, and goes on waiting. */
static void test_death_in_the_swap(void **state)
{
	struct diags diags = {};
	uint64_t deadline = in(60 * SECOND);
	_cleanup_close_ int fd = -1;

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, deadline);
	datapath->pending->state->swapped = 0;
	assert_int_equal(intent_write(&datapath->pins, 1, 2, &diags), 0);
	fd = generation_own_program(&datapath->pins, 1, datapath->ports[0]);
	assert_int_equal(port_slot_set(datapath->ports[0], fd), 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	reopen();
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath_deadline(datapath), deadline);
	assert_true(pins_exist(&datapath->pins, "generations/1"));
	assert_false(pins_exist(&datapath->pins, "intent"));
}

/* The device is not there, so no slot tells what was in force. */
static void test_death_without_ports(void **state)
{
	uint64_t deadline = in(60 * SECOND);

	scratch_run("ip link delete pa");
	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, deadline);
	reopen();
	assert_int_equal(datapath->live->manifest->generation, 2);
	assert_int_equal(datapath_deadline(datapath), deadline);
	assert_int_equal(datapath_before(datapath)->generation, 1);
}

static void test_alien(void **state)
{
	struct diags diags = {};
	uint64_t nothing = 0;
	_cleanup_close_ int fd = kernel_table_create("alien", &nothing, sizeof(nothing));

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	assert_int_equal(pins_replace(&datapath->pins, fd, "pending"), 0);
	die();
	assert_int_equal(datapath_open(scratch_path, true, &datapath, &diags), 0);
	assert_int_equal(diags.n_warnings, 1);
	assert_non_null(strstr(diags.items[0].message, "pending"));
	diags_free(&diags);
	assert_false(something_in_front());
	assert_false(pins_exist(&datapath->pins, "pending"));
	assert_int_equal(datapath->live->manifest->generation, 2);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
}

/* --- sampling ---------------------------------------------------------------------------- */

struct kept {
	struct sample last;
	size_t n;
};

/* Ours: devices that come up send packets of their own. */
static int keep(void *context, void *data, size_t size)
{
	const struct sample *sample = data;
	struct kept *kept = context;

	assert_int_equal(size, sizeof(*sample));
	if (sample->data[12] == 8 && sample->data[23] == 89) {
		kept->last = *sample;
		kept->n++;
	}
	return 0;
}

/* Ours in the ring; the last one is in `ret`. */
static size_t consume(struct sample *ret)
{
	_cleanup_close_ int fd = pins_get(&datapath->pins, "samples");
	struct kept kept = {};
	struct ring_buffer *ring;

	assert_true(fd >= 0);
	ring = ring_buffer__new(fd, keep, &kept, NULL);
	assert_non_null(ring);
	assert_true(ring_buffer__consume(ring) >= 0);
	ring_buffer__free(ring);
	*ret = kept.last;
	return kept.n;
}

static void test_samples(void **state)
{
	struct sample sample = {};
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(datapath_sample(datapath, 60, 1, &diags), 0);
	expect_silence(&diags);
	for (int i = 0; i < 10; i++)
		assert_int_equal(verdict_on("pa"), XDP_DROP);
	assert_int_equal(consume(&sample), 10);
	assert_int_equal(sample.len, 60);
	assert_int_equal(sample.captured, 60);
	assert_int_equal(sample.data[14], 0x45);
	assert_true(datapath_is_armed(datapath));
	assert_int_equal(datapath_sample(datapath, 60, 1000000, &diags), 0);
	for (int i = 0; i < 100; i++)
		verdict_on("pa");
	assert_true(consume(&sample) < 10);
	assert_int_equal(datapath_sample_end(datapath, &diags), 0);
	expect_silence(&diags);
	assert_false(pins_exist(&datapath->pins, "samples"));
	expect_settled(1);
}

/* It ends with its time, with a swap, and with its daemon's death. */
static void test_samples_end(void **state)
{
	struct sample sample = {};
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(datapath_sample(datapath, 1, 1, &diags), 0);
	wait_until(in(SECOND));
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	assert_int_equal(consume(&sample), 0);
	assert_int_equal(datapath_sample(datapath, 60, 1, &diags), 0);
	put_in_force(VERDICT_PASS, 0);
	expect_settled(2);
	assert_false(pins_exist(&datapath->pins, "samples"));
	assert_int_equal(datapath_sample(datapath, 60, 1, &diags), 0);
	reopen();
	expect_settled(2);
	assert_false(pins_exist(&datapath->pins, "samples"));
	put_in_force(VERDICT_DROP, in(60 * SECOND));
	assert_int_equal(datapath_sample(datapath, 60, 1, &diags), -EBUSY);
	expect_error(&diags, "waits to be confirmed");
}

int main(void)
{
	kernel_listen(NULL);
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_confirmed),
		TEST(test_undone),
		TEST(test_overdue),
		TEST(test_another_candidate),
		TEST(test_first),
		TEST(test_off),
		TEST(test_device),
		TEST(test_death),
		TEST(test_death_until_too_late),
		TEST(test_death_confirming),
		TEST(test_death_before_the_swap),
		TEST(test_death_in_the_swap),
		TEST(test_death_without_ports),
		TEST(test_alien),
		TEST(test_samples),
		TEST(test_samples_end),
	};
#undef TEST

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
