// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_port.c: attaching to devices, finding oneself there again, and letting go; in a network
 * namespace of the test's own.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernel.h"
#include "port.h"
#include "ruleset.h"
#include "scratch.h"
#include "util.h"

static struct pins pins;

/* Descriptors of this process: libraries must not leave any. */
static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int open_all(void **state)
{
	scratch_run("ip link add pa type veth peer name pb");
	scratch_run("ip link set pa up && ip link set pb up");
	scratch_open(&pins);
	return 0;
}

static int close_all(void **state)
{
	pins_close(&pins);
	scratch_run("ip link delete pa 2>/dev/null || true");
	return scratch_clear(state);
}

static struct port *attach(const char *name, enum attach_mode mode)
{
	struct diags diags = {};
	struct port *port = NULL;

	assert_int_equal(port_attach(&pins, if_nametoindex(name), mode, false, &port, &diags), 0);
	expect_silence(&diags);
	assert_int_equal(port->ifindex, if_nametoindex(name));
	assert_int_equal(port->mode, mode);
	assert_int_equal(port_slot_get(port), 0);
	assert_int_equal(port_is_attached(port), 1);
	return port;
}

static struct port *adopt(const char *key)
{
	struct diags diags = {};
	struct port *port = NULL;
	int r = port_adopt(&pins, key, &port, &diags);

	assert_true(r == 0 || r == -ENOENT);
	assert_int_equal(r == 0, port != NULL);
	expect_silence(&diags);
	return port;
}

static void detach(struct port *port)
{
	struct diags diags = {};
	char name[IFNAMSIZ];
	uint32_t id = 0;

	assert_int_equal(port_detach(&pins, port, &diags), 0);
	expect_silence(&diags);
	assert_false(pins_exist(&pins, "ports/%s", port->key));
	if (if_indextoname(port->ifindex, name))
		assert_int_equal(bpf_xdp_query_id(port->ifindex, 0, &id), 0);
	assert_int_equal(id, 0);
	port_free(port);
}

static void test_attach_and_adopt(void **state)
{
	for (int mode = 0; mode < 2; mode++) {
		struct port *port = attach("pa", mode ? ATTACH_GENERIC : ATTACH_NATIVE), *again;
		_cleanup_close_ int program = pass_load(port->frags, NULL);
		uint32_t id = kernel_prog_id(program);

		assert_true(program >= 0);
		assert_int_equal(port_slot_set(port, program), 0);
		assert_int_equal(port_slot_get(port), id);
		again = adopt(port->key);
		assert_non_null(again);
		assert_int_equal(again->ifindex, port->ifindex);
		assert_int_equal(again->mode, port->mode);
		assert_int_equal(again->frags, port->frags);
		assert_int_equal(again->dispatcher, port->dispatcher);
		assert_int_equal(port_slot_get(again), id);
		/* Its fds are gone, its pins are not: the slot keeps its content. */
		port_free(port);
		port = adopt(again->key);
		port_free(again);
		assert_int_equal(port_slot_get(port), id);
		assert_int_equal(port_slot_set(port, -1), 0);
		assert_int_equal(port_slot_get(port), 0);
		assert_int_equal(port_slot_program(port), -ENOENT);
		detach(port);
	}
}

static void test_no_fd_is_left(void **state)
{
	for (int i = 0, before = 0; i < 3; i++) {
		struct port *port = attach("pa", i % 2 ? ATTACH_GENERIC : ATTACH_NATIVE);

		port_free(adopt(port->key));
		assert_int_equal(port_is_attached(port), 1);
		detach(port);
		if (i)
			assert_int_equal(count_fds(), before);
		before = count_fds();
	}
}

static void test_slot_program(void **state)
{
	struct port *port = attach("pa", ATTACH_NATIVE);
	_cleanup_close_ int program = pass_load(port->frags, NULL), alien = -1, found = -1;

	assert_int_equal(port_slot_set(port, program), 0);
	found = port_slot_program(port);
	assert_int_equal(kernel_prog_id(found), kernel_prog_id(program));
	/* A program of the other kind is refused, not put there to fall through. */
	alien = pass_load(!port->frags, NULL);
	assert_true(alien >= 0);
	assert_true(port_slot_set(port, alien) < 0);
	assert_int_equal(port_slot_get(port), kernel_prog_id(program));
	detach(port);
}

/* Pins of something that is not attached (any more) are stale, never adopted. */
static void test_stale(void **state)
{
	struct port *port = attach("pa", ATTACH_NATIVE);
	char key[PORT_KEY_LEN];
	int other;

	snprintf(key, sizeof(key), "%s", port->key);
	assert_null(adopt("n1-i1"));
	assert_null(adopt("nonsense"));
	pins_port_key(&pins, port->ifindex + 100, key);
	assert_null(adopt(key)); /* no such device */

	/* Another PROG_ARRAY under the slot's name: the entry does not use it. */
	other = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "scratch", 4, 4, 1, NULL);
	assert_int_equal(pins_remove(&pins, "ports/%s/slot", port->key), 0);
	assert_int_equal(pins_put(&pins, other, "ports/%s/slot", port->key), 0);
	assert_null(adopt(port->key));
	close(other);
	assert_int_equal(pins_remove(&pins, "ports/%s/slot", port->key), 0);
	assert_null(adopt(port->key)); /* died between the pins */
	assert_int_equal(pins_put(&pins, port->slot_fd, "ports/%s/slot", port->key), 0);
	port_free(adopt(port->key));

	scratch_run("ip link set pa xdp off");
	assert_int_equal(port_is_attached(port), 0);
	assert_null(adopt(port->key));
	detach(port); /* what is not there is no error */
}

/* The kernel frees the program of a device that is gone a little later. */
static void wait_for_orphan(const struct port *port)
{
	for (int i = 0; i < 500 && !port_is_orphan(&pins, port->key); i++)
		usleep(10000);
	assert_true(port_is_orphan(&pins, port->key));
}

static void test_device_gone(void **state)
{
	struct port *port = attach("pa", ATTACH_NATIVE);

	scratch_run("ip link delete pa");
	assert_int_equal(port_is_attached(port), 0);
	assert_null(adopt(port->key));
	wait_for_orphan(port);
	detach(port);
}

static void test_device_anew(void **state)
{
	struct port *port = attach("pa", ATTACH_NATIVE), *next;
	int ifindex = port->ifindex;

	scratch_run("ip link delete pa && ip link add pa index %d type veth peer name pb", ifindex);
	scratch_run("ip link set pa up && ip link set pb up");
	assert_int_equal(if_nametoindex("pa"), ifindex);
	assert_int_equal(port_is_attached(port), 0);
	assert_null(adopt(port->key));
	next = attach("pa", ATTACH_NATIVE); /* over the pins of the one before */
	assert_string_equal(next->key, port->key);
	assert_int_equal(port_is_attached(port), 0);
	port_free(port);
	detach(next);
}

static void refused(const char *name, enum attach_mode mode, int error, const char *part)
{
	int ifindex = if_nametoindex(name);
	struct port *port = NULL;
	struct diags diags = {};
	char key[PORT_KEY_LEN];

	assert_int_equal(port_attach(&pins, ifindex, mode, false, &port, &diags), error);
	assert_null(port);
	expect_error(&diags, part);
	pins_port_key(&pins, ifindex, key);
	assert_false(pins_exist(&pins, "ports/%s", key));
}

static void test_refused(void **state)
{
	struct diags diags = {};
	struct port *port;
	_cleanup_close_ int program = -1;
	int before;

	/* The kernel's own words, and a remedy. */
	refused("lo", ATTACH_NATIVE, -EOPNOTSUPP, "mode: generic");
	assert_int_equal(port_attach(&pins, 12345, ATTACH_NATIVE, false, &port, &diags), -ENODEV);
	diags_free(&diags);
	/* Somebody else's program stays where it is. */
	program = pass_load(false, NULL);
	assert_int_equal(bpf_xdp_attach(if_nametoindex("pb"), program, XDP_FLAGS_DRV_MODE, NULL),
			 0);
	before = count_fds();
	for (int i = 0; i < 3; i++)
		refused("pb", ATTACH_NATIVE, -EBUSY, "xdp-loader unload");
	assert_int_equal(count_fds(), before);
	assert_int_equal(bpf_xdp_detach(if_nametoindex("pb"), XDP_FLAGS_DRV_MODE, NULL), 0);
	port = attach("pb", ATTACH_NATIVE); /* and then it works */
	detach(port);
}

static void test_other_namespace(void **state)
{
	struct port *port = attach("pa", ATTACH_NATIVE);
	struct diags diags = {};
	struct pins there;

	pins_close(&pins);
	assert_int_equal(unshare(CLONE_NEWNET), 0); /* the old one lives on in the port's program */
	assert_int_equal(pins_open(&there, scratch_path, false, &diags), 0);
	assert_int_equal(pins_port_ifindex(&there, port->key), 0);
	pins = there;
	assert_null(adopt(port->key));
	/* Its namespace had no other user. */
	wait_for_orphan(port);
	port_free(port);
}

static void test_off_mark(void **state)
{
	struct port *port = attach("pa", ATTACH_NATIVE), *again;

	assert_false(port_is_off(&pins, port));
	for (int i = 0; i < 2; i++) { /* twice is no error */
		assert_int_equal(port_set_off(&pins, port, true), 0);
		assert_true(port_is_off(&pins, port));
	}
	again = adopt(port->key);
	assert_true(port_is_off(&pins, again));
	port_free(again);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(port_set_off(&pins, port, false), 0);
		assert_false(port_is_off(&pins, port));
	}
	assert_int_equal(port_set_off(&pins, port, true), 0);
	detach(port); /* takes the mark along */
}

static void test_fall_through(void **state)
{
	uint32_t zero = 0, action;
	struct diags diags = {};
	struct port *port;

	assert_int_equal(
		port_attach(&pins, if_nametoindex("pa"), ATTACH_NATIVE, true, &port, &diags), 0);
	assert_int_equal(bpf_map_lookup_elem(port->fall_through_fd, &zero, &action), 0);
	assert_int_equal(action, XDP_DROP);
	assert_int_equal(port_set_fall_through(port, false), 0);
	assert_int_equal(bpf_map_lookup_elem(port->fall_through_fd, &zero, &action), 0);
	assert_int_equal(action, XDP_PASS);
	detach(port);
	assert_null(port_free(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(test_attach_and_adopt),
		TEST(test_no_fd_is_left),
		TEST(test_slot_program),
		TEST(test_stale),
		TEST(test_device_gone),
		TEST(test_device_anew),
		TEST(test_refused),
		TEST(test_off_mark),
		TEST(test_fall_through),
		TEST(test_other_namespace), /* the last: it leaves the others' namespace */
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
