/* SPDX-License-Identifier: GPL-2.0-only */
/* harness.c: running programs over prepared frames, see harness.h. */
#include "harness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "median.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "harness.skel.h"
#pragma GCC diagnostic pop

/* Frames of a batch that the kernel sends before the receiving end gets to work; more than a
 * veth ring holds (256) would be lost. */
#define SEND_BATCH 64

struct harness {
	struct harness_bpf *bpf;
	uint8_t *frames; /* the map's memory */
	size_t size;
	uint32_t n_frames;
};

static int fail(int r, const char *what)
{
	fprintf(stderr, "xg-bench: %s: %s\n", what, strerror(-r));
	return r;
}

struct harness *harness_close(struct harness *harness)
{
	if (!harness)
		return NULL;
	if (harness->frames)
		munmap(harness->frames, harness->size);
	harness_bpf__destroy(harness->bpf);
	free(harness);
	return NULL;
}

static void harness_closep(struct harness **harness)
{
	harness_close(*harness);
}

static void prepare(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, 0);
	bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
}

int harness_open(uint32_t n_frames, struct harness **ret)
{
	_cleanup_(harness_closep) struct harness *harness = calloc(1, sizeof(*harness));
	int r;

	if (!harness)
		return fail(-ENOMEM, "the harness");
	harness->n_frames = n_frames;
	harness->size = (size_t)n_frames * HARNESS_FRAME_BYTES;
	harness->bpf = harness_bpf__open();
	if (!harness->bpf)
		return fail(-errno, "opening the harness");
	harness->bpf->rodata->frame_mask = n_frames - 1;
	prepare(harness->bpf->progs.bench_next);
	prepare(harness->bpf->progs.bench_send);
	r = bpf_map__set_value_size(harness->bpf->maps.frames, (uint32_t)harness->size);
	if (r >= 0)
		r = harness_bpf__load(harness->bpf);
	if (r < 0)
		return fail(r, "loading the harness (are you root?)");
	harness->frames = mmap(NULL, harness->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       bpf_map__fd(harness->bpf->maps.frames), 0);
	if (harness->frames == MAP_FAILED) {
		harness->frames = NULL;
		return fail(-errno, "mmap of the frames");
	}
	*ret = TAKE_PTR(harness);
	return 0;
}

uint32_t harness_n_frames(const struct harness *harness)
{
	return harness->n_frames;
}

uint8_t *harness_frame(struct harness *harness, uint32_t i)
{
	return harness->frames + (size_t)i * HARNESS_FRAME_BYTES;
}

int harness_set(struct harness *harness, int program_fd)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(harness->bpf->maps.under_test), &zero, &program_fd,
				   BPF_ANY);
}

/* The median over the chunks between the first n stamps, per packet. */
static double median_chunk(const struct harness_bpf__bss *bss, uint32_t n)
{
	double chunks[HARNESS_MAX_CHUNKS];

	for (uint32_t i = 0; i + 1 < n; i++)
		chunks[i] = (double)(bss->stamps[i + 1] - bss->stamps[i]) / HARNESS_CHUNK;
	return median(chunks, n - 1);
}

static int run(struct harness *harness, struct bpf_program *program, uint32_t n, bool live,
	       double *ret_ns)
{
	uint8_t blank[HARNESS_FRAME_BYTES] = {};
	/* One packet more than the chunks need, to stamp the end of the last. */
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = blank, .data_size_in = sizeof(blank),
		    .repeat = (int)(n / HARNESS_CHUNK * HARNESS_CHUNK + 1),
		    .flags = live ? BPF_F_TEST_XDP_LIVE_FRAMES : 0,
		    .batch_size = live ? SEND_BATCH : 0);
	uint32_t n_stamps = n / HARNESS_CHUNK + 1;
	int r;

	if (n < HARNESS_CHUNK || n_stamps > HARNESS_MAX_CHUNKS)
		return -EINVAL;
	harness->bpf->bss->seen = 0;
	r = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
	if (r < 0)
		return r;
	if (harness->bpf->bss->seen < (uint32_t)options.repeat)
		return -EINTR;
	if (!live && options.retval == XDP_ABORTED)
		return -EBADMSG; /* the tail call did not happen */
	*ret_ns = median_chunk(harness->bpf->bss, n_stamps);
	return 0;
}

int harness_run(struct harness *harness, uint32_t n, double *ret_ns)
{
	return run(harness, harness->bpf->progs.bench_next, n, false, ret_ns);
}

int harness_send(struct harness *harness, uint32_t ifindex, uint32_t n, double *ret_ns)
{
	harness->bpf->bss->send_ifindex = ifindex;
	return run(harness, harness->bpf->progs.bench_send, n, true, ret_ns);
}

int harness_ask(struct harness *harness, int program_fd, uint32_t i)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = harness_frame(harness, i),
		    .data_size_in = HARNESS_FRAME_BYTES, .repeat = 1);
	int r = bpf_prog_test_run_opts(program_fd, &options);

	return r < 0 ? r : (int)options.retval;
}

int harness_pin_cpu(void)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : cpu;
	}
	return -ENODEV;
}
