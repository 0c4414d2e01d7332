/* SPDX-License-Identifier: GPL-2.0-only */
/* sample_ring.c: see sample_ring.h. */
#include "sample_ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>

#include "jiffies.h"
#include "kernel.h"
#include "util.h"

#define MOST_AT_ONCE 4096 /* samples: who reads has other things to do, too */

struct sample_ring {
	struct ring_buffer *reader;
	char path[PATH_MAX];
	int map_fd, lock_fd;
	uint32_t map_id;
	uint64_t begin; /* jiffies: samples before it are of no interest */
	bool seen;      /* a sample since then */
	uint32_t last;  /* sample.lost of that which was read last */
	uint64_t lost;
	int left;            /* samples that may still be visited in this reading */
	sample_visit *visit; /* while it is read */
	void *context;
};

struct sample_ring *sample_ring_close(struct sample_ring *ring)
{
	if (!ring)
		return NULL;
	ring_buffer__free(ring->reader);
	close_fd(&ring->map_fd);
	close_fd(&ring->lock_fd);
	free(ring);
	return NULL;
}

static void sample_ring_closep(struct sample_ring **ring)
{
	sample_ring_close(*ring);
}

static void note_lost(struct sample_ring *ring, uint32_t lost)
{
	if (!ring->seen)
		ring->last = lost;
	ring->seen = true;
	/* CPUs reserve their places in another order than they look at the counter in. */
	if ((int32_t)(lost - ring->last) <= 0)
		return;
	ring->lost += lost - ring->last;
	ring->last = lost;
}

/* Called by libbpf. What is in a ring that someone else has pinned there is not believed. */
static int on_sample(void *context, void *data, size_t size)
{
	struct sample_ring *ring = context;
	const struct sample *sample = data;
	size_t head = offsetof(struct sample, data);
	int r;

	if (size < head || sample->captured > size - head || sample->captured > SAMPLE_BYTES ||
	    sample->captured > sample->len)
		return -EBADMSG;
	if (sample->jiffies < ring->begin || !ring->visit)
		return 0;
	note_lost(ring, sample->lost);
	r = ring->visit(ring->context, sample);
	return r < 0 || --ring->left > 0 ? r : -EAGAIN;
}

/* The lock is on a folder beside the ring, which the daemon does not lock; it goes with the process. */
static int lock(struct sample_ring *ring, struct diags *diags)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", ring->path);
	slash = strrchr(folder, '/');
	if (!slash || (size_t)(slash - folder) + sizeof("/generations") > sizeof(folder))
		return diag_error(diags, NULL, "%s is no path of a pinned ring", ring->path);
	strcpy(slash, "/generations");
	ring->lock_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ring->lock_fd < 0)
		return kernel_error(diags, -errno, "cannot open %s", folder);
	if (flock(ring->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return kernel_error(diags, -errno, "cannot lock %s", folder);
	diag_error(diags, NULL,
		   "another 'xdpgate trial' is under way; wait until it ends, or end it");
	return -EBUSY;
}

static int open_map(struct sample_ring *ring, struct diags *diags)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int r = ring->map_fd = bpf_obj_get(ring->path);

	if (r >= 0)
		r = bpf_obj_get_info_by_fd(ring->map_fd, &info, &len);
	if (r < 0)
		return kernel_error(diags, r, "cannot open the ring of sampled packets %s",
				    ring->path);
	if (info.type != BPF_MAP_TYPE_RINGBUF) {
		diag_error(diags, NULL, "%s is no ring of sampled packets", ring->path);
		return -EINVAL;
	}
	ring->map_id = info.id;
	ring->reader = ring_buffer__new(ring->map_fd, on_sample, ring, NULL);
	return ring->reader
		       ? 0
		       : kernel_error(diags, -errno, "cannot read the ring of sampled packets %s",
				      ring->path);
}

int sample_ring_open(const char *path, struct sample_ring **ret, struct diags *diags)
{
	_cleanup_(sample_ring_closep) struct sample_ring *ring = calloc(1, sizeof(*ring));
	int r;

	if (!ring)
		return -ENOMEM;
	ring->map_fd = ring->lock_fd = -1;
	if (snprintf(ring->path, sizeof(ring->path), "%s", path) >= (int)sizeof(ring->path))
		return diag_error(diags, NULL, "the path of the ring is too long");
	kernel_forget();
	r = lock(ring, diags);
	if (r >= 0)
		r = open_map(ring, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ring);
	return 0;
}

int sample_ring_begin(struct sample_ring *ring, struct diags *diags)
{
	struct jiffies_clock clock;
	int r = jiffies_clock_read(&clock, diags);

	if (r < 0)
		return r;
	ring->begin = clock.jiffies;
	ring->seen = false;
	ring->lost = 0;
	return 0;
}

int sample_ring_read(struct sample_ring *ring, int msec, sample_visit *visit, void *context)
{
	int r;

	ring->visit = visit;
	ring->context = context;
	ring->left = MOST_AT_ONCE;
	/* What came while nobody waited wakes nobody. */
	r = ring_buffer__consume(ring->reader);
	if (r == 0 && msec)
		r = ring_buffer__poll(ring->reader, msec);
	ring->visit = NULL;
	return r == -EAGAIN ? MOST_AT_ONCE : r;
}

uint64_t sample_ring_lost(const struct sample_ring *ring)
{
	return ring->lost;
}

bool sample_ring_is_pinned(const struct sample_ring *ring)
{
	_cleanup_close_ int fd = bpf_obj_get(ring->path);

	return fd >= 0 && kernel_map_id(fd) == ring->map_id;
}
