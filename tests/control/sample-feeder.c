/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample-feeder PIN_DIR: the ring of samples as the daemon would pin it, and the program that fills it.
 * Each line of standard input is a frame in hexadecimal digits; it goes through the program as if it
 * had arrived at the loopback device, and is sampled. "lose N": so many samples more were lost; "cut
 * HEX": there is more of the frame than is kept. "done" is printed for each line.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "abi.h"
#include "front.skel.h"
#include "util.h"

#define RING_BYTES (1U << 20)
#define LARGEST 4000

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static struct front_bpf *load(const char *folder)
{
	struct front_bpf *front = front_bpf__open();
	char path[4096];

	if (!front)
		fail("open");
	((struct front_config *)(void *)&front->rodata->config)->sample = 1;
	bpf_program__set_expected_attach_type(front->progs.xdpgate_front, 0);
	bpf_program__set_flags(front->progs.xdpgate_front, BPF_F_XDP_HAS_FRAGS);
	bpf_map__set_max_entries(front->maps.samples, RING_BYTES);
	if (front_bpf__load(front) < 0)
		fail("load");
	snprintf(path, sizeof(path), "%s/generations", folder);
	if (mkdir(folder, 0700) < 0 || mkdir(path, 0700) < 0)
		fail(path);
	snprintf(path, sizeof(path), "%s/samples", folder);
	if (bpf_obj_pin(bpf_map__fd(front->maps.samples), path) < 0)
		fail(path);
	return front;
}

static volatile struct sampling_state *map_state(const struct front_bpf *front)
{
	void *memory = mmap(NULL, sizeof(struct sampling_state), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(front->maps.sampling), 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

static void feed(const struct front_bpf *front, const char *hex, size_t padding)
{
	static uint8_t frame[LARGEST];
	size_t n = 0;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .repeat = 1);
	unsigned int byte;

	memset(frame, 0, sizeof(frame));
	for (; n < LARGEST && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		frame[n] = (uint8_t)byte;
	options.data_size_in = (uint32_t)(n + padding);
	if (bpf_prog_test_run_opts(bpf_program__fd(front->progs.xdpgate_front), &options) < 0)
		fail("run");
}

int main(int argc, char **argv)
{
	struct front_bpf *front = load(argc > 1 ? argv[1] : "");
	volatile struct sampling_state *state = map_state(front);
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	state->chance = UINT64_C(1) << 32;
	state->until = UINT64_MAX;
	printf("ready\n");
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		if (strncmp(line, "lose ", 5) == 0)
			state->lost += strtoul(line + 5, NULL, 10);
		else if (strncmp(line, "cut ", 4) == 0)
			feed(front, line + 4, SAMPLE_BYTES);
		else
			feed(front, line, 0);
		printf("done\n");
		fflush(stdout);
	}
	front_bpf__destroy(front);
	return EXIT_SUCCESS;
}
