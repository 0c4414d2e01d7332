// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_sampling.c: copies of packets, for whoever reads the ring; and that they end.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernel.h"
#include "pathlab.h"
#include "scratch.h"
#include "util.h"

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

/* A clean stop while packets are sampled: every packet passes. */
static void test_samples_stop(void **state)
{
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(datapath_sample(datapath, 60, 1, &diags), 0);
	assert_int_equal(datapath_disarm(datapath, &diags), 0);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	datapath = datapath_close(datapath);
	open_it();
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	assert_false(something_in_front());
	expect_silence(&diags);
}

int main(void)
{
	kernel_listen(NULL);
#define TEST(f) cmocka_unit_test_setup_teardown(f, pathlab_set_up, pathlab_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_samples),
		TEST(test_samples_end),
		TEST(test_samples_stop),
	};
#undef TEST

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
