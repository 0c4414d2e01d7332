// SPDX-License-Identifier: GPL-2.0-only
/*
 * live.c: prepared frames sent from inside the kernel; see live.h.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "live.h"
#include "live.skel.h"
#include "util.h"

struct live {
	struct live_bpf *bpf;
	struct live_frame *frames; /* the map's memory, LIVE_MAX_FRAMES of them */
	uint32_t n, ifindex;
};

/* A mapped array rounds its elements up to 8 bytes. */
_Static_assert(sizeof(struct live_frame) % 8 == 0, "elements lie side by side");

static int fail(int error, const char *what)
{
	fprintf(stderr, "xg-traffic: %s: %s\n", what, strerror(error));
	return -1;
}

int live_open(const char *ifname, struct live **ret)
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return fail(ENOMEM, "live frames");
	live->ifindex = if_nametoindex(ifname);
	live->frames = calloc(LIVE_MAX_FRAMES, sizeof(*live->frames));
	if (!live->ifindex || !live->frames) {
		fail(errno, ifname);
		live_close(live);
		return -1;
	}
	*ret = live;
	return 0;
}

int live_add(struct live *live, const uint8_t *frame, size_t len)
{
	if (live->n == LIVE_MAX_FRAMES || len > LIVE_FRAME_BYTES) {
		fprintf(stderr, "xg-traffic: --live takes at most %d frames a round, of %d bytes\n",
			LIVE_MAX_FRAMES, LIVE_FRAME_BYTES);
		return -1;
	}
	live->frames[live->n].len = (uint32_t)len;
	memcpy(live->frames[live->n++].data, frame, len);
	return 0;
}

int live_load(struct live *live)
{
	const size_t size = LIVE_MAX_FRAMES * sizeof(*live->frames);
	void *memory;
	int r;

	live->bpf = live_bpf__open();
	if (!live->bpf)
		return fail(errno, "live frames");
	live->bpf->rodata->ifindex = live->ifindex;
	live->bpf->rodata->n_frames = live->n;
	r = live_bpf__load(live->bpf);
	if (r < 0)
		return fail(-r, "loading the program for live frames (are you root?)");
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(live->bpf->maps.frames), 0);
	if (memory == MAP_FAILED)
		return fail(errno, "mmap of the frames");
	memcpy(memory, live->frames, live->n * sizeof(*live->frames));
	munmap(memory, size);
	return 0;
}

int live_send(struct live *live, uint32_t n, uint64_t *nsec)
{
	/* Only its length matters: each run makes the frame its own. */
	static uint8_t blank[LIVE_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = blank, .data_size_in = sizeof(blank),
		    .repeat = (int)n, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = LIVE_BATCH);
	sigset_t all, old;
	int r;

	/* A signal would end it early, and nobody could tell how many frames were sent. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	r = bpf_prog_test_run_opts(bpf_program__fd(live->bpf->progs.live_send), &options);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return fail(-r, "BPF_PROG_TEST_RUN on live frames");
	*nsec += (uint64_t)options.duration * n;
	return 0;
}

struct live *live_close(struct live *live)
{
	if (!live)
		return NULL;
	live_bpf__destroy(live->bpf);
	free(live->frames);
	free(live);
	return NULL;
}
