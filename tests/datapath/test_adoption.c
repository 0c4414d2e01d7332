// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_adoption.c: what is pinned by another version of xdpgate, or by nobody who knows how: it is not
 * believed, and judges on until something of ours takes its place.
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

/* The manifest of the generation in force as a daemon of the version before would have pinned it. */
static void age_manifest(uint64_t generation)
{
	const size_t at_abi = 8; /* behind the magic */
	const uint32_t abi = XDPGATE_ABI_VERSION - 1;
	_cleanup_close_ int old_fd = pins_get(&datapath->pins, "generations/%llu/manifest",
					      (unsigned long long)generation);
	_cleanup_close_ int fd = -1;
	_cleanup_free_ void *bytes = NULL;
	size_t size;

	assert_int_equal(kernel_table_read(old_fd, &bytes, &size), 0);
	memcpy((uint8_t *)bytes + at_abi, &abi, sizeof(abi));
	fd = kernel_table_create("xdpgate_policy", bytes, size);
	assert_true(fd >= 0);
	assert_int_equal(pins_replace(&datapath->pins, fd, "generations/%llu/manifest",
				      (unsigned long long)generation),
			 0);
}

static void open_with_warning(const char *part)
{
	struct diags diags = {};

	assert_int_equal(datapath_open(scratch_path, true, &datapath, &diags), 0);
	assert_int_equal(diags.n_errors, 0);
	assert_int_equal(diags.n_warnings, 1);
	assert_non_null(strstr(diags.items[0].message, part));
	diags_free(&diags);
}

/* An upgrade: what the old version pinned is not believed, but judges until the new version has loaded
 * its own beside it and swapped; the entry stays attached. */
static void test_other_version(void **state)
{
	struct port *port;

	put_in_force(VERDICT_DROP, 0);
	age_manifest(1);
	die();
	open_with_warning("is of another version of xdpgate");
	assert_null(datapath->live);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	port = datapath->ports[0];
	assert_int_equal(port_is_attached(port), 1);
	put_in_force(VERDICT_PASS, 0);
	assert_ptr_equal(datapath->ports[0], port); /* not attached anew */
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	expect_settled(2);
}

/* If the new version cannot load the policy, the old one's goes on. */
static void test_other_version_stays(void **state)
{
	struct diags diags = {};

	put_in_force(VERDICT_DROP, 0);
	age_manifest(1);
	for (int i = 0; i < 2; i++) {
		die();
		open_with_warning("is of another version of xdpgate");
		assert_int_equal(verdict_on("pa"), XDP_DROP);
	}
	assert_int_equal(datapath_links_changed(datapath, &diags), 0);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	expect_silence(&diags);
}

/* An upgrade while a policy of the old version waits to be confirmed: it is undone on time. */
static void test_other_version_waits(void **state)
{
	uint64_t deadline = in(SECOND);

	put_in_force(VERDICT_DROP, 0);
	put_in_force(VERDICT_PASS, deadline);
	age_manifest(1);
	age_manifest(2);
	die();
	assert_int_equal(datapath_open(scratch_path, true, &datapath, &(struct diags){}), 0);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	wait_until(deadline);
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	put_in_force(VERDICT_PASS, 0);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	expect_settled(3);
}

/* A manifest that somebody has written, or a disk has damaged, is not believed either. */
static void test_garbage(void **state)
{
	uint8_t garbage[100] = { 1, 2, 3 };
	_cleanup_close_ int fd = kernel_table_create("garbage", garbage, sizeof(garbage));

	put_in_force(VERDICT_DROP, 0);
	assert_int_equal(pins_replace(&datapath->pins, fd, "generations/1/manifest"), 0);
	die();
	open_with_warning("not a generation of xdpgate, or damaged");
	assert_int_equal(verdict_on("pa"), XDP_DROP);
	put_in_force(VERDICT_PASS, 0);
	assert_int_equal(verdict_on("pa"), XDP_PASS);
	expect_settled(2);
}

int main(void)
{
	kernel_listen(NULL);
#define TEST(f) cmocka_unit_test_setup_teardown(f, pathlab_set_up, pathlab_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_other_version),
		TEST(test_other_version_stays),
		TEST(test_other_version_waits),
		TEST(test_garbage),
	};
#undef TEST

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
