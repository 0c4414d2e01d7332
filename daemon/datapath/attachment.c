/* SPDX-License-Identifier: GPL-2.0-only */
/* attachment.c: who is on a device; see attachment.h. */
#include "attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <string.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include "kernel.h"
#include "util.h"

/* Another tool may swap the dispatcher while we look. */
#define MAX_LOOKS 5

int program_uses_map(uint32_t program_id, uint32_t map_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program_id);
	struct bpf_prog_info info = {};
	__u32 ids[16], len = sizeof(info);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	info.nr_map_ids = ARRAY_SIZE(ids);
	info.map_ids = (uintptr_t)ids;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	for (__u32 i = 0; i < info.nr_map_ids && i < ARRAY_SIZE(ids); i++)
		if (ids[i] == map_id)
			return 1;
	return 0;
}

/* What the device runs; id 0: nothing. */
static int query(int ifindex, struct attachment *ret)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, options);
	int r = bpf_xdp_query(ifindex, 0, &options);

	if (r < 0)
		return r;
	*ret = (struct attachment){
		.id = options.drv_prog_id ? options.drv_prog_id : options.skb_prog_id,
		.mode = options.drv_prog_id ? ATTACH_NATIVE : ATTACH_GENERIC,
	};
	return 0;
}

/* 1, 0, or a negative errno; -ENOENT: there is no such program any more. */
static int is_dispatcher(uint32_t program_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program_id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int r = fd < 0 ? fd : bpf_obj_get_info_by_fd(fd, &info, &len);

	return r < 0 ? r : strcmp(info.name, "xdp_dispatcher") == 0;
}

int attachment_component(uint32_t link_id, uint32_t dispatcher_id, uint32_t *ret_program_id)
{
	_cleanup_close_ int fd = bpf_link_get_fd_by_id(link_id);
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	*ret_program_id = info.prog_id;
	return info.type == BPF_LINK_TYPE_TRACING && info.tracing.target_obj_id == dispatcher_id;
}

/* Is a program that uses the slot among the dispatcher's components? 0, -ENOENT, or errno. */
static int look_behind(uint32_t dispatcher_id, uint32_t slot_id)
{
	uint32_t program_id = 0;
	__u32 link_id = 0;
	int r;

	while ((r = bpf_link_get_next_id(link_id, &link_id)) == 0) {
		r = attachment_component(link_id, dispatcher_id, &program_id);
		if (r > 0)
			r = program_uses_map(program_id, slot_id);
		if (r)
			return r > 0 ? 0 : r;
	}
	return r;
}

/* What libxdp has frozen into the dispatcher says whether it takes multi-buffer packets. For
 * people to know: nothing depends on it, so what cannot be told is no. */
static bool dispatcher_takes_frags(uint32_t dispatcher_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(dispatcher_id), map_fd = -1;
	const struct xdp_dispatcher_config *config;
	_cleanup_free_ void *value = NULL;
	struct bpf_prog_info info = {};
	__u32 map_id = 0, len = sizeof(info);
	size_t size;

	info.nr_map_ids = 1;
	info.map_ids = (uintptr_t)&map_id;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return false;
	map_fd = bpf_map_get_fd_by_id(map_id);
	if (map_fd < 0 || kernel_table_read(map_fd, &value, &size) < 0 || size < sizeof(*config))
		return false;
	config = value;
	return config->magic == XDP_DISPATCHER_MAGIC &&
	       config->dispatcher_version == XDP_DISPATCHER_VERSION && config->is_xdp_frags;
}

/* One look. -EAGAIN: things changed under our eyes. */
static int look(int ifindex, uint32_t slot_id, struct attachment *ret)
{
	struct attachment now;
	int r;

	r = query(ifindex, ret);
	if (r < 0)
		return r;
	if (!ret->id)
		return -ENOENT;
	r = program_uses_map(ret->id, slot_id);
	if (r)
		return r > 0 ? 0 : r;
	r = is_dispatcher(ret->id);
	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	if (r == 0)
		return -ENOENT;
	ret->dispatcher = true;
	r = look_behind(ret->id, slot_id);
	if (r == -ENOENT) {
		/* The components leave a dispatcher that another one has replaced. */
		r = query(ifindex, &now);
		return r < 0 ? r : now.id == ret->id ? -ENOENT : -EAGAIN;
	}
	ret->frags = r >= 0 && dispatcher_takes_frags(ret->id);
	return r;
}

int attachment_find(int ifindex, int slot_fd, struct attachment *ret)
{
	uint32_t slot_id = kernel_map_id(slot_fd);
	struct attachment found;
	int r = -EAGAIN;

	if (!slot_id)
		return -EIO;
	for (int i = 0; r == -EAGAIN && i < MAX_LOOKS; i++)
		r = look(ifindex, slot_id, &found);
	if (r >= 0)
		*ret = found;
	return r;
}

int attachment_is_possible(int ifindex, enum attach_mode mode)
{
	struct attachment attachment;
	int r = query(ifindex, &attachment);

	if (r < 0 || !attachment.id)
		return r;
	r = is_dispatcher(attachment.id);
	if (r <= 0)
		return r == 0 ? -EBUSY : r == -ENOENT ? -EAGAIN : r;
	return attachment.mode == mode ? 0 : -EPROTOTYPE;
}

static int remove_alone(int ifindex, const struct attachment *attachment)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(attachment->id);
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd);

	/* The kernel compares: nobody else's program goes. */
	return fd < 0 ? fd
		      : bpf_xdp_detach(ifindex,
				       attachment->mode == ATTACH_NATIVE ? XDP_FLAGS_DRV_MODE
									 : XDP_FLAGS_SKB_MODE,
				       &options);
}

static void multiprog_closep(struct xdp_multiprog **multiprog)
{
	if (*multiprog)
		xdp_multiprog__close(*multiprog);
}

static int get_multiprog(int ifindex, struct xdp_multiprog **ret)
{
	struct xdp_multiprog *multiprog = xdp_multiprog__get_from_ifindex(ifindex);
	long error = libxdp_get_error(multiprog);

	if (error)
		return error;
	*ret = multiprog;
	return 0;
}

/* The component of the dispatcher that uses the map, which multiprog owns; or -ENOENT. */
static int find_component(struct xdp_multiprog *multiprog, uint32_t map_id,
			  struct xdp_program **ret)
{
	struct xdp_program *program = NULL;

	while ((program = xdp_multiprog__next_prog(program, multiprog))) {
		int r = program_uses_map(xdp_program__id(program), map_id);

		if (r > 0)
			*ret = program;
		if (r)
			return r > 0 ? 0 : r;
	}
	return -ENOENT;
}

int attachment_remove(int ifindex, int slot_fd)
{
	_cleanup_(multiprog_closep) struct xdp_multiprog *multiprog = NULL;
	struct xdp_program *component;
	struct attachment attachment;
	int r;

	r = attachment_find(ifindex, slot_fd, &attachment);
	if (r < 0)
		return r;
	if (!attachment.dispatcher)
		return remove_alone(ifindex, &attachment);
	r = get_multiprog(ifindex, &multiprog);
	if (r >= 0)
		r = find_component(multiprog, kernel_map_id(slot_fd), &component);
	if (r >= 0)
		r = xdp_program__detach(component, ifindex, xdp_multiprog__attach_mode(multiprog),
					0);
	return r;
}
