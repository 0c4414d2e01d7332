/* SPDX-License-Identifier: GPL-2.0-only */
#include "sampling.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <time.h>

#include "jiffies.h"
#include "kernel.h"
#include "util.h"

#define RING_BYTES (4U << 20) /* 2,000 samples: what a reader may be late by */

struct sampling *sampling_free(struct sampling *sampling)
{
	if (!sampling)
		return NULL;
	if (sampling->state)
		munmap((void *)sampling->state, sizeof(*sampling->state));
	close_fd(&sampling->fd);
	close_fd(&sampling->samples_fd);
	free(sampling);
	return NULL;
}

static void sampling_freep(struct sampling **sampling)
{
	sampling_free(*sampling);
}

static int make_maps(const struct pins *pins, struct sampling *sampling)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	void *memory;
	int r;

	r = sampling->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdpgate_sampling", sizeof(uint32_t),
					  sizeof(struct sampling_state), 1, &options);
	if (r < 0)
		return r;
	memory = mmap(NULL, sizeof(*sampling->state), PROT_READ | PROT_WRITE, MAP_SHARED,
		      sampling->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	sampling->state = memory;
	r = sampling->samples_fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "xdpgate_samples", 0, 0, RING_BYTES, NULL);
	return r < 0 ? r : pins_replace(pins, sampling->samples_fd, "samples");
}

int sampling_new(const struct pins *pins, struct sampling **ret, struct diags *diags)
{
	_cleanup_(sampling_freep) struct sampling *sampling = calloc(1, sizeof(*sampling));
	int r;

	if (!sampling)
		return -ENOMEM;
	sampling->fd = sampling->samples_fd = -1;
	kernel_forget();
	r = make_maps(pins, sampling);
	if (r < 0)
		return kernel_error(diags, r, "cannot make the ring for samples of packets");
	*ret = TAKE_PTR(sampling);
	return 0;
}

int sampling_set(struct sampling *sampling, uint32_t seconds, uint32_t one_in, struct diags *diags)
{
	struct jiffies_clock clock;
	struct timespec now;
	int r = jiffies_clock_read(&clock, diags);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sampling->state->chance = (UINT64_C(1) << 32) / (one_in ? one_in : 1);
	sampling->state->until =
		jiffies_at(&clock, ((uint64_t)now.tv_sec + seconds) * UINT64_C(1000000000) +
					   (uint64_t)now.tv_nsec);
	return 0;
}

int sampling_unpin(const struct pins *pins)
{
	return pins_remove(pins, "samples");
}
