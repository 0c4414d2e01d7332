/* SPDX-License-Identifier: GPL-2.0-only */
#include "device_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <string.h>

#include "attachment.h"
#include "kernel.h"
#include "util.h"

#define ENTRY_NAME "xdpgate_entry"
#define DISPATCHER_NAME "xdp_dispatcher"

/* The name, if we may ask. */
static void name_program(struct device_programs *programs, struct device_program *program)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program->id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return;
	programs->named = true;
	snprintf(program->name, sizeof(program->name), "%s", info.name);
	program->dispatcher = strcmp(program->name, DISPATCHER_NAME) == 0;
	program->ours = strcmp(program->name, ENTRY_NAME) == 0;
}

static struct device_program *add(struct device_programs *programs, uint32_t id,
				  enum attach_mode mode)
{
	struct device_program *program;

	if (!id || programs->n == DEVICE_PROGRAMS_MAX)
		return NULL;
	program = &programs->items[programs->n++];
	*program = (struct device_program){ .id = id, .mode = mode };
	name_program(programs, program);
	return program;
}

static bool link_of_device(int fd, int ifindex, uint32_t program_id)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_LINK_TYPE_XDP &&
	       info.prog_id == program_id && info.xdp.ifindex == (__u32)ifindex;
}

/* Which link holds the program on the device? 0: none, or we may not ask. */
static uint32_t find_link(int ifindex, uint32_t program_id)
{
	__u32 id = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);

		if (fd >= 0 && link_of_device(fd, ifindex, program_id))
			return id;
	}
	return 0;
}

static void add_components(struct device_programs *programs, const struct device_program dispatcher)
{
	__u32 link_id = 0;

	while (bpf_link_get_next_id(link_id, &link_id) == 0) {
		struct device_program *program;
		uint32_t id = 0;

		if (attachment_component(link_id, dispatcher.id, &id) <= 0)
			continue;
		program = add(programs, id, dispatcher.mode);
		if (program)
			program->component = true;
	}
}

int device_programs_read(int ifindex, struct device_programs *ret)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, options);
	int r = bpf_xdp_query(ifindex, 0, &options);

	*ret = (struct device_programs){};
	if (r < 0)
		return r;
	add(ret, options.drv_prog_id, ATTACH_NATIVE);
	add(ret, options.skb_prog_id, ATTACH_GENERIC);
	add(ret, options.hw_prog_id, ATTACH_NATIVE);
	for (size_t i = 0, n = ret->n; i < n; i++) {
		ret->items[i].link_id = find_link(ifindex, ret->items[i].id);
		if (ret->items[i].dispatcher)
			add_components(ret, ret->items[i]);
	}
	return 0;
}

int device_attach_try(int ifindex, enum attach_mode mode, bool frags)
{
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = frags ? BPF_F_XDP_HAS_FRAGS : 0);
	LIBBPF_OPTS(bpf_xdp_attach_opts, options);
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	__u32 flags = mode == ATTACH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	_cleanup_close_ int fd = -1;
	int r;

	kernel_forget();
	r = fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "xdpgate_try", "GPL", pass, ARRAY_SIZE(pass),
			       &load);
	if (r >= 0)
		r = bpf_xdp_attach(ifindex, fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, &options);
	if (r < 0)
		return r;
	options.old_prog_fd = fd;
	return bpf_xdp_detach(ifindex, flags, &options);
}
