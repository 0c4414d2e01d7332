/* SPDX-License-Identifier: GPL-2.0-only */
#include "front.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "abi.h"
#include "kernel.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "front.skel.h"
#pragma GCC diagnostic pop

static void front_destroyp(struct front_bpf **skeleton)
{
	front_bpf__destroy(*skeleton);
}

/* What is behind it, by the array that packets use, if there is one. */
static int fill(int array_fd, const struct front *front)
{
	uint32_t now = FRONT_NOW, before = FRONT_BEFORE;
	int r = bpf_map_update_elem(array_fd, &now, &front->now_fd, BPF_ANY);

	if (r >= 0 && front->before_fd >= 0)
		r = bpf_map_update_elem(array_fd, &before, &front->before_fd, BPF_ANY);
	return r;
}

/* One map of the skeleton: ours, or, where the program does not look at it, none. */
static int use_map(struct bpf_map *map, int fd)
{
	return fd >= 0 ? bpf_map__reuse_fd(map, fd) : bpf_map__set_autocreate(map, false);
}

static int load(const struct front *front, int array_fd, bool frags)
{
	_cleanup_(front_destroyp) struct front_bpf *skeleton = front_bpf__open();
	const struct front_config config = {
		.confirm = front->pending_fd >= 0,
		.sample = front->sampling_fd >= 0,
		.fail_closed = front->fail_closed,
	};
	int r;

	if (!skeleton)
		return -errno;
	memcpy((void *)&skeleton->rodata->config, &config, sizeof(config));
	kernel_prepare_program(skeleton->progs.xdpgate_front, frags);
	r = bpf_map__reuse_fd(skeleton->maps.behind, array_fd);
	if (r >= 0)
		r = use_map(skeleton->maps.pending, front->pending_fd);
	if (r >= 0)
		r = use_map(skeleton->maps.sampling, front->sampling_fd);
	if (r >= 0)
		r = use_map(skeleton->maps.samples, front->samples_fd);
	if (r >= 0)
		r = front_bpf__load(skeleton);
	return r < 0 ? r : kernel_dup_fd(bpf_program__fd(skeleton->progs.xdpgate_front));
}

/* The array before the program. */
static int make(const struct pins *pins, unsigned long long number, const struct port *port,
		const struct front *front)
{
	_cleanup_close_ int array_fd = -1, fd = -1;
	int r;

	r = array_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "xdpgate_behind", sizeof(uint32_t),
				      sizeof(uint32_t), FRONT_PROGRAMS, NULL);
	if (r >= 0)
		r = fill(array_fd, front);
	if (r >= 0)
		r = pins_replace(pins, array_fd, "generations/%llu/%s-behind", number, port->key);
	if (r >= 0)
		r = fd = load(front, array_fd, port->frags);
	if (r >= 0)
		r = pins_put(pins, fd, "generations/%llu/%s-front", number, port->key);
	return r < 0 ? r : TAKE_FD(fd);
}

int front_load(const struct pins *pins, uint64_t generation, const struct port *port,
	       const struct front *front, int *ret_fd, struct diags *diags)
{
	unsigned long long number = generation;
	_cleanup_close_ int fd = -1, array_fd = -1;
	int r;

	kernel_forget();
	r = fd = pins_get(pins, "generations/%llu/%s-front", number, port->key);
	if (r == -ENOENT)
		r = fd = make(pins, number, port, front);
	else if (r >= 0)
		r = array_fd = pins_get(pins, "generations/%llu/%s-behind", number, port->key);
	if (r >= 0 && array_fd >= 0)
		r = fill(array_fd, front);
	if (r < 0)
		return kernel_error(diags, r, "cannot put a program in front of that of %s",
				    port->key);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int front_remove(const struct pins *pins, uint64_t generation, struct port *const *ports, size_t n)
{
	unsigned long long number = generation;
	bool found = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		found |= pins_exist(pins, "generations/%llu/%s-behind", number, ports[i]->key);
		r = pins_remove(pins, "generations/%llu/%s-front", number, ports[i]->key);
	}
	if (r >= 0 && found)
		kernel_wait_for_packets();
	for (size_t i = 0; r >= 0 && found && i < n; i++)
		r = pins_remove(pins, "generations/%llu/%s-behind", number, ports[i]->key);
	return r;
}
