// SPDX-License-Identifier: GPL-2.0-only
#include "pathlab.h"

#include <bpf/bpf.h>
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
#include "kernel.h"
#include "scratch.h"
#include "util.h"

#define SECOND UINT64_C(1000000000)

struct datapath *datapath;
bool without_pa;

uint64_t in(uint64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + ns;
}

void open_it(void)
{
	struct diags diags = {};

	assert_int_equal(datapath_open(scratch_path, true, &datapath, &diags), 0);
	expect_silence(&diags);
}

/* As a death does it: nothing is tidied up. */
void die(void)
{
	datapath->sampling = sampling_free(datapath->sampling);
	datapath->created = false;
	datapath = datapath_close(datapath);
}

void reopen(void)
{
	die();
	open_it();
}

int pathlab_set_up(void **state)
{
	scratch_run("ip link add pa type veth peer name pb");
	scratch_run("ip link set pa up && ip link set pb up");
	without_pa = false;
	open_it();
	return 0;
}

int pathlab_tear_down(void **state)
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

	for (size_t i = without_pa; i < ARRAY_SIZE(devices); i++) {
		uint32_t index = build_interface(policy, devices[i], ruleset);

		snprintf(policy->interfaces[index].port, PORT_LEN, "%s", devices[i]);
	}
	return policy;
}

int install(enum verdict verdict, uint64_t deadline_ns, struct diags *diags)
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

void put_in_force(enum verdict verdict, uint64_t deadline_ns)
{
	struct diags diags = {};

	assert_int_equal(install(verdict, deadline_ns, &diags), 0);
	expect_silence(&diags);
}

/* What becomes of an IPv4 packet that arrives there now. */
int verdict_on(const char *device)
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

void wait_until(uint64_t ns)
{
	/* A tick of the kernel's clock later, at most. */
	while (in(0) < ns + SECOND / 50)
		usleep(1000);
}

bool something_in_front(void)
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
void expect_settled(uint64_t generation)
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
