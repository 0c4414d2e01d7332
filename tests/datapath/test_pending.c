// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_pending.c: a policy that waits to be confirmed: who judges until when, with and without us, and
 * what each death leaves. The programs are run as packets would run them: through the slot.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernel.h"
#include "pathlab.h"
#include "scratch.h"
#include "util.h"

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

/* What waits does not name the device: every packet passes there, until what was before is back. */
static void test_device_left_out(void **state)
{
	struct diags diags = {};
	uint64_t deadline;

	put_in_force(VERDICT_DROP, 0);
	without_pa = true;
	deadline = in(SECOND);
	put_in_force(VERDICT_DROP, deadline);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	wait_until(deadline);
	assert_int_equal(verdict_on("pa"), XDP_DROP); /* nobody lives who could do it */
	reopen();
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_settled(1);
	put_in_force(VERDICT_DROP, in(60 * SECOND));
	reopen();
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	put_in_force(VERDICT_DROP,
		     deadline = in(SECOND)); /* another candidate, of another daemon */
	wait_until(deadline);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	put_in_force(VERDICT_DROP, in(60 * SECOND));
	assert_int_equal(datapath_confirm(datapath, &diags), 0);
	expect_silence(&diags);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_false(something_in_front());
	without_pa = false;
	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
}

/* A clean stop, and then the deadline: whoever looks at the pins next does not make it filter. */
static void test_stopped(void **state)
{
	struct diags diags = {};
	uint64_t deadline = in(SECOND / 2);

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_DROP, deadline);
	assert_int_equal(datapath_disarm(datapath, &diags), 0);
	die();
	wait_until(deadline);
	open_it();
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_int_equal(datapath->live->manifest->generation, 1);
	assert_false(pins_exist(&datapath->pins, "pending"));
	assert_false(datapath_is_armed(datapath));
	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
}

/* --- deaths ------------------------------------------------------------------------------ */

/* The candidate is pinned, with what stands in front; that it waits is not yet. */
static void test_death_before_pending(void **state)
{
	_cleanup_close_ int fd = -1;

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, in(60 * SECOND));
	fd = generation_own_program(&datapath->pins, 1, datapath->ports[0]);
	assert_int_equal(port_slot_set(datapath->ports[0], fd), 0);
	assert_int_equal(pending_unpin(&datapath->pins), 0);
	reopen();
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	assert_int_equal(datapath->live->manifest->generation, 1);
	put_in_force(VERDICT_DROP, 0);
	expect_settled(3);
}

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

int main(void)
{
	kernel_listen(NULL);
#define TEST(f) cmocka_unit_test_setup_teardown(f, pathlab_set_up, pathlab_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_confirmed),
		TEST(test_undone),
		TEST(test_overdue),
		TEST(test_another_candidate),
		TEST(test_first),
		TEST(test_off),
		TEST(test_device),
		TEST(test_device_left_out),
		TEST(test_stopped),
		TEST(test_death),
		TEST(test_death_before_pending),
		TEST(test_death_until_too_late),
		TEST(test_death_confirming),
		TEST(test_death_before_the_swap),
		TEST(test_death_in_the_swap),
		TEST(test_death_without_ports),
		TEST(test_alien),
	};
#undef TEST

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
