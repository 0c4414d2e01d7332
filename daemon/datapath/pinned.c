/* SPDX-License-Identifier: GPL-2.0-only */
#include "pinned.h"

#include <bpf/bpf.h>

#include "kernel.h"
#include "util.h"

/* What the fd, or the negative errno, of the pin is good for. Takes the fd over. */
static int check(const struct pins *pins, const char *folder, const char *name, int fd_taken,
		 const struct bpf_map_info *kind, struct diags *diags)
{
	_cleanup_close_ int fd = fd_taken;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int r;

	if (fd == -ENOENT)
		return fd;
	r = fd < 0 ? fd : bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return kernel_error(diags, r, "cannot open pinned %s/%s/%s", pins->path, folder,
				    name);
	if (info.type != kind->type || info.key_size != kind->key_size ||
	    info.value_size != kind->value_size || info.max_entries != kind->max_entries) {
		diag_error(diags, NULL,
			   "pinned %s/%s/%s is not what this version of xdpgate makes; run "
			   "`xdpgate detach` (which loses counters and live sets) and start again",
			   pins->path, folder, name);
		return -EINVAL;
	}
	return TAKE_FD(fd);
}

int pinned_get(const struct pins *pins, const char *folder, const char *name,
	       const struct bpf_map_info *kind, struct diags *diags)
{
	if (!pins)
		return -ENOENT;
	return check(pins, folder, name, pins_get(pins, "%s/%s", folder, name), kind, diags);
}

int pinned_view(const struct pins *pins, const char *folder, const char *name,
		const struct bpf_map_info *kind, struct diags *diags)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = BPF_F_RDONLY);
	char path[PATH_MAX];
	int r = pins_path(pins, path, "%s/%s", folder, name);

	return check(pins, folder, name, r < 0 ? r : bpf_obj_get_opts(path, &options), kind, diags);
}

int pinned_open(const struct pins *pins, const char *folder, const char *name,
		const struct bpf_map_info *kind, int inner_fd, struct diags *diags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kind->map_flags,
		    .inner_map_fd = inner_fd);
	_cleanup_close_ int fd = pinned_get(pins, folder, name, kind, diags);
	int r;

	if (fd != -ENOENT)
		return TAKE_FD(fd);
	fd = bpf_map_create(kind->type, kind->name, kind->key_size, kind->value_size,
			    kind->max_entries, &options);
	if (fd < 0)
		return kernel_error(diags, fd, "cannot create the map %s (%s/%s)", kind->name,
				    folder, name);
	r = pins ? pins_put(pins, fd, "%s/%s", folder, name) : 0;
	if (r < 0)
		return kernel_error(diags, r, "cannot pin %s/%s/%s", pins->path, folder, name);
	return TAKE_FD(fd);
}
