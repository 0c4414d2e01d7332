/* SPDX-License-Identifier: GPL-2.0-only */
#include "port.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "attachment.h"
#include "kernel.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "entry.skel.h"
#pragma GCC diagnostic pop

/* Ahead of the others in libxdp's dispatcher: their default is 50, and xdp-filter says 10. */
#define RUN_PRIORITY 5

struct port *port_free(struct port *port)
{
	if (!port)
		return NULL;
	close_fd(&port->slot_fd);
	close_fd(&port->fall_through_fd);
	free(port);
	return NULL;
}

static void port_freep(struct port **port)
{
	port_free(*port);
}

static struct port *port_new(int ifindex, const char *key)
{
	struct port *port = calloc(1, sizeof(*port));

	if (!port)
		return NULL;
	port->ifindex = ifindex;
	port->slot_fd = port->fall_through_fd = -1;
	snprintf(port->key, sizeof(port->key), "%s", key);
	return port;
}

/* --- frags ------------------------------------------------------------------------------- */

/* A PROG_ARRAY takes only programs with the frags flag of those that use it, and which one the
 * attached entry has depends on libxdp's way to attach. So ask: a program that only names the
 * array is refused like one that would be put in it, and no packet sees it. 1, 0, or a
 * negative errno. */
static int slot_takes_frags(int slot_fd)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = BPF_F_XDP_HAS_FRAGS);
	const struct bpf_insn program[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = slot_fd },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "xdpgate_ask", "GPL", program,
					       ARRAY_SIZE(program), &options);

	return fd >= 0 ? 1 : fd == -EINVAL ? 0 : fd;
}

/* --- adopting ---------------------------------------------------------------------------- */

static int note_attachment(struct port *port)
{
	struct attachment attachment;
	int r;

	r = attachment_find(port->ifindex, port->slot_fd, &attachment);
	if (r < 0)
		return r;
	r = slot_takes_frags(port->slot_fd);
	if (r < 0)
		return r;
	port->frags = r;
	port->mode = attachment.mode;
	port->dispatcher = attachment.dispatcher;
	return 0;
}

int port_is_attached(const struct port *port)
{
	struct attachment attachment;
	int r = attachment_find(port->ifindex, port->slot_fd, &attachment);

	return r == -ENOENT || r == -ENODEV ? 0 : r < 0 ? r : 1;
}

bool port_takes_frags(const struct port *port)
{
	struct attachment attachment;

	if (!port->dispatcher || attachment_find(port->ifindex, port->slot_fd, &attachment) < 0)
		return port->frags;
	return attachment.dispatcher ? attachment.frags : port->frags;
}

int port_adopt(const struct pins *pins, const char *key, struct port **ret, struct diags *diags)
{
	_cleanup_(port_freep) struct port *port = NULL;
	char name[IFNAMSIZ];
	int ifindex = pins_port_ifindex(pins, key);
	int r;

	if (!ifindex || !if_indextoname(ifindex, name))
		return -ENOENT;
	port = port_new(ifindex, key);
	if (!port)
		return -ENOMEM;
	kernel_forget();
	r = port->slot_fd = pins_get(pins, "ports/%s/slot", key);
	if (r >= 0)
		r = port->fall_through_fd = pins_get(pins, "ports/%s/fall_through", key);
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return kernel_error(diags, r, "cannot open what is pinned in %s/ports/%s",
				    pins->path, key);
	r = note_attachment(port);
	if (r == -ENOENT || r == -ENODEV)
		return -ENOENT;
	if (r < 0)
		return kernel_error(diags, r, "cannot tell whether xdpgate is attached to %s",
				    name);
	*ret = TAKE_PTR(port);
	return 0;
}

bool port_is_orphan(const struct pins *pins, const char *key)
{
	_cleanup_close_ int slot_fd = pins_get(pins, "ports/%s/slot", key);
	uint32_t slot_id = slot_fd >= 0 ? kernel_map_id(slot_fd) : 0;
	__u32 program_id = 0;
	int r;

	if (slot_fd < 0)
		return slot_fd == -ENOENT;
	if (!slot_id)
		return false;
	while ((r = bpf_prog_get_next_id(program_id, &program_id)) == 0)
		if (program_uses_map(program_id, slot_id)) /* or might */
			return false;
	return r == -ENOENT; /* that was the last */
}

/* --- attaching --------------------------------------------------------------------------- */

/* virtio_net's way to say so, when it is to attach and also when it is to detach. */
static bool mtu_is_too_large(int r)
{
	return r == -EINVAL && strstr(kernel_words(), "MTU");
}

const char *port_attach_remedy(int r)
{
	if (mtu_is_too_large(r))
		return "lower the MTU";
	switch (r) {
	case -EOPNOTSUPP:
		return "the driver (or its present offload settings) has no native XDP; try "
		       "`mode: generic` for this interface";
	case -ERANGE:
		return "lower the MTU (of the peer too, if it is a veth)";
	case -ENOSPC:
		return "give the device as many receive queues as its peer sends on: ethtool -L";
	case -EBUSY:
		return "another XDP program is attached without libxdp's dispatcher; see `ip link "
		       "show`, and remove it with `xdp-loader unload --all DEVICE`";
	case -EEXIST:
		return "an upper device (a bond?) has an XDP program already: attach there";
	case -EPERM:
		return "attaching needs CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN";
	default:
		return NULL;
	}
}

static int attach_error(struct diags *diags, int r, const char *name, enum attach_mode mode)
{
	const char *wanted = mode == ATTACH_NATIVE ? "native" : "generic";
	const char *other = mode == ATTACH_NATIVE ? "generic" : "native";
	const char *remedy = port_attach_remedy(r);

	if (r != -EPROTOTYPE)
		return kernel_error(diags, r, "cannot attach to %s in %s mode%s%s", name, wanted,
				    remedy ? ": " : "", remedy ? remedy : "");
	diag_error(
		diags, NULL,
		"cannot attach to %s in %s mode: another program is attached in %s mode, and only "
		"one mode can be active; say `mode: %s` too, or remove that program with "
		"`xdp-loader unload --all %s`",
		name, wanted, other, other, name);
	return -EBUSY;
}

/* The two maps of a port, pinned. Stale ones of an earlier device are replaced. */
static int make_maps(const struct pins *pins, struct port *port, bool fail_closed)
{
	int r;

	r = pins_remove(pins, "ports/%s", port->key);
	if (r < 0)
		return r;
	r = port->slot_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "xdpgate_slot",
					   sizeof(uint32_t), sizeof(uint32_t), 1, NULL);
	if (r >= 0)
		r = port->fall_through_fd =
			bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdpgate_fall", sizeof(uint32_t),
				       sizeof(uint32_t), 1, NULL);
	if (r >= 0)
		r = port_set_fall_through(port, fail_closed);
	if (r >= 0)
		r = pins_put(pins, port->slot_fd, "ports/%s/slot", port->key);
	if (r >= 0)
		r = pins_put(pins, port->fall_through_fd, "ports/%s/fall_through", port->key);
	return r;
}

static int attach_entry(struct port *port, enum attach_mode mode)
{
	struct xdp_program *program = NULL;
	struct entry_bpf *skeleton;
	int r;

	skeleton = entry_bpf__open();
	if (!skeleton)
		return -errno;
	bpf_program__set_expected_attach_type(skeleton->progs.xdpgate_entry, 0);
	r = bpf_map__reuse_fd(skeleton->maps.slot, port->slot_fd);
	if (r >= 0)
		r = bpf_map__reuse_fd(skeleton->maps.fall_through, port->fall_through_fd);
	if (r >= 0) {
		program = xdp_program__from_bpf_obj(skeleton->obj, "xdp");
		r = libxdp_get_error(program);
	}
	if (r >= 0)
		r = xdp_program__set_xdp_frags_support(program, true);
	if (r >= 0)
		r = xdp_program__set_run_prio(program, RUN_PRIORITY);
	if (r >= 0)
		r = xdp_program__attach(program, port->ifindex,
					mode == ATTACH_NATIVE ? XDP_MODE_NATIVE : XDP_MODE_SKB, 0);
	if (program && !libxdp_get_error(program))
		xdp_program__close(program);
	entry_bpf__destroy(skeleton);
	return r;
}

int port_attach(const struct pins *pins, int ifindex, enum attach_mode mode, bool fail_closed,
		struct port **ret, struct diags *diags)
{
	_cleanup_(port_freep) struct port *port = NULL;
	char key[PORT_KEY_LEN], name[IFNAMSIZ];
	bool attached = false;
	int r;

	if (!if_indextoname(ifindex, name))
		return -ENODEV;
	pins_port_key(pins, ifindex, key);
	port = port_new(ifindex, key);
	if (!port)
		return -ENOMEM;
	kernel_forget();
	r = make_maps(pins, port, fail_closed);
	if (r < 0) {
		kernel_error(diags, r, "cannot make the maps of %s", name);
	} else {
		r = attachment_is_possible(ifindex, mode);
		if (r >= 0)
			r = attach_entry(port, mode);
		if (r < 0)
			attach_error(diags, r, name, mode);
	}
	if (r >= 0) {
		attached = true;
		r = note_attachment(port);
		if (r < 0)
			kernel_error(diags, r, "attached to %s, but cannot find it there", name);
	}
	if (r < 0) {
		/* What stays attached stays pinned, so that it can be adopted or detached. */
		if (attached)
			port_detach(pins, port, diags);
		else
			pins_remove(pins, "ports/%s", key);
		return r;
	}
	*ret = TAKE_PTR(port);
	return 0;
}

int port_detach(const struct pins *pins, struct port *port, struct diags *diags)
{
	char name[IFNAMSIZ];
	int r;

	/* A device that is gone took its program along. */
	if (if_indextoname(port->ifindex, name)) {
		kernel_forget();
		r = attachment_remove(port->ifindex, port->slot_fd);
		if (r < 0 && r != -ENOENT && r != -ENODEV)
			return kernel_error(diags, r, "cannot detach from %s%s", name,
					    mtu_is_too_large(r) ? ": lower the MTU first" : "");
	}
	r = pins_remove(pins, "ports/%s", port->key);
	if (r < 0)
		return kernel_error(diags, r, "cannot remove %s/ports/%s", pins->path, port->key);
	return 0;
}

/* --- the slot ---------------------------------------------------------------------------- */

uint32_t port_slot_get(const struct port *port)
{
	uint32_t zero = 0, id = 0;

	return bpf_map_lookup_elem(port->slot_fd, &zero, &id) < 0 ? 0 : id;
}

int port_slot_program(const struct port *port)
{
	uint32_t zero = 0, id = 0;
	int r = bpf_map_lookup_elem(port->slot_fd, &zero, &id);

	return r < 0 ? r : bpf_prog_get_fd_by_id(id);
}

int port_slot_set(const struct port *port, int program_fd)
{
	uint32_t zero = 0;

	if (program_fd < 0)
		return bpf_map_delete_elem(port->slot_fd, &zero);
	return bpf_map_update_elem(port->slot_fd, &zero, &program_fd, BPF_ANY);
}

int port_set_fall_through(const struct port *port, bool fail_closed)
{
	uint32_t zero = 0, action = fail_closed ? XDP_DROP : XDP_PASS;

	return bpf_map_update_elem(port->fall_through_fd, &zero, &action, BPF_ANY);
}

bool port_is_off(const struct pins *pins, const struct port *port)
{
	return pins_exist(pins, "ports/%s/off", port->key);
}

int port_set_off(const struct pins *pins, const struct port *port, bool off)
{
	if (!off)
		return pins_remove(pins, "ports/%s/off", port->key);
	if (port_is_off(pins, port))
		return 0;
	/* What is pinned does not matter, only that it is there. */
	return pins_put(pins, port->fall_through_fd, "ports/%s/off", port->key);
}
