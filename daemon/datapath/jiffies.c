/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jiffies.c: jiffies64 goes on by one each tick of CLOCK_MONOTONIC, from a start that the kernel
 * tells programs only. The length of a tick is the resolution of the coarse clocks.
 */
#include "jiffies.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <time.h>

#include "abi.h"
#include "kernel.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "clock.skel.h"
#pragma GCC diagnostic pop

static void clock_destroyp(struct clock_bpf **skeleton)
{
	clock_bpf__destroy(*skeleton);
}

int jiffies_clock_read(struct jiffies_clock *ret, struct diags *diags)
{
	_cleanup_(clock_destroyp) struct clock_bpf *skeleton = NULL;
	uint8_t frame[ETH_ZLEN] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	struct clock_reading reading = {};
	struct timespec tick = {};
	uint32_t zero = 0;
	int r;

	kernel_forget();
	skeleton = clock_bpf__open_and_load();
	if (!skeleton)
		return kernel_error(diags, -errno, "cannot load the program that reads the clock");
	r = bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.xdpgate_clock), &options);
	if (r >= 0)
		r = bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.reading), &zero, &reading);
	if (r >= 0 && clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0)
		r = -errno;
	if (r < 0)
		return kernel_error(diags, r, "cannot read the clock of programs");
	*ret = (struct jiffies_clock){
		.jiffies = reading.jiffies,
		.monotonic_ns = reading.monotonic_ns,
		.tick_ns = (uint64_t)tick.tv_nsec ?: 1,
	};
	return 0;
}

uint64_t jiffies_at(const struct jiffies_clock *clock, uint64_t monotonic_ns)
{
	if (monotonic_ns < clock->monotonic_ns)
		return clock->jiffies - (clock->monotonic_ns - monotonic_ns) / clock->tick_ns;
	return clock->jiffies +
	       (monotonic_ns - clock->monotonic_ns + clock->tick_ns - 1) / clock->tick_ns;
}
