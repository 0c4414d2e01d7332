/* SPDX-License-Identifier: GPL-2.0-only */
#include "pending.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <time.h>

#include "jiffies.h"
#include "kernel.h"
#include "pinned.h"
#include "util.h"

struct pending *pending_free(struct pending *pending)
{
	if (!pending)
		return NULL;
	if (pending->state)
		munmap((void *)pending->state, sizeof(*pending->state));
	close_fd(&pending->fd);
	generation_free(pending->before);
	free(pending);
	return NULL;
}

static void pending_freep(struct pending **pending)
{
	pending_free(*pending);
}

/* fd is taken over, on failure too. */
static int map(int fd, struct pending **ret)
{
	_cleanup_(pending_freep) struct pending *pending = calloc(1, sizeof(*pending));
	void *memory;

	if (!pending) {
		close_fd(&fd);
		return -ENOMEM;
	}
	pending->fd = fd;
	memory = mmap(NULL, sizeof(*pending->state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	pending->state = memory;
	*ret = TAKE_PTR(pending);
	return 0;
}

int pending_new(uint64_t from, uint64_t to, uint64_t deadline_ns, struct pending **ret,
		struct diags *diags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	struct jiffies_clock clock;
	int fd, r;

	r = jiffies_clock_read(&clock, diags);
	if (r < 0)
		return r;
	kernel_forget();
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdpgate_pending", sizeof(uint32_t),
			    sizeof(struct pending_state), 1, &options);
	r = fd < 0 ? fd : map(fd, ret);
	if (r < 0)
		return kernel_error(diags, r, "cannot make the map of what waits to be confirmed");
	(*ret)->state->from = from;
	(*ret)->state->to = to;
	(*ret)->state->deadline_ns = deadline_ns;
	(*ret)->state->deadline = jiffies_at(&clock, deadline_ns);
	return 0;
}

int pending_open(const struct pins *pins, struct pending **ret)
{
	const struct bpf_map_info kind = {
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(struct pending_state),
		.max_entries = 1,
	};
	struct diags ignored = {};
	int fd = pinned_get(pins, ".", "pending", &kind, &ignored), r;

	diags_free(&ignored);
	if (fd < 0)
		return fd;
	r = map(fd, ret);
	return r == -EPERM || r == -ENODEV ? -EINVAL : r; /* it cannot be written, or mapped */
}

int pending_pin(const struct pins *pins, const struct pending *pending, struct diags *diags)
{
	int r;

	kernel_forget();
	r = pins_replace(pins, pending->fd, "pending");
	return r < 0 ? kernel_error(diags, r, "cannot pin %s/pending", pins->path) : 0;
}

int pending_unpin(const struct pins *pins)
{
	return pins_remove(pins, "pending");
}

bool pending_is_confirmed(const struct pending *pending)
{
	return pending->state->deadline == PENDING_CONFIRMED;
}

bool pending_is_overdue(const struct pending *pending)
{
	struct timespec now;

	if (pending_is_confirmed(pending))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return !pending->state->deadline ||
	       (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec >=
		       pending->state->deadline_ns;
}
