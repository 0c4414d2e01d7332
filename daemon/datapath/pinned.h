/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pinned.h: maps that are pinned, opened again by the next daemon, and checked before they are
 * believed.
 */
#pragma once

#include <linux/bpf.h>

#include "diag.h"
#include "pins.h"

/*
 * The map pinned as FOLDER/NAME; its fd is the caller's. -ENOENT: it is not there. -EINVAL,
 * reported: its type or sizes are not those of kind. pins NULL: nothing is pinned, so -ENOENT.
 */
int pinned_get(const struct pins *pins, const char *folder, const char *name,
	       const struct bpf_map_info *kind, struct diags *diags);
/* The same, by an fd through which nothing can be changed; what is not there is no error to report. */
int pinned_view(const struct pins *pins, const char *folder, const char *name,
		const struct bpf_map_info *kind, struct diags *diags);
/* As pinned_get(), made and pinned if it is not there (pins NULL: made). inner_fd: an example of what a
 * map of maps will hold, else 0. */
int pinned_open(const struct pins *pins, const char *folder, const char *name,
		const struct bpf_map_info *kind, int inner_fd, struct diags *diags);
