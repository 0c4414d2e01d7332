/* SPDX-License-Identifier: GPL-2.0-only */
/* netns.h: the network namespace in which the other end of a device lies: to look at it there, and
 * to tell people how to get there. */
#pragma once

#include <limits.h>

/*
 * netns_find() - a path to the namespace that the kernel calls nsid here: one in /run/netns, or
 * else that of a process. It takes root to find those of others. 0, -ENOENT: none that we may see,
 * or another errno.
 */
int netns_find(int nsid, char ret[static PATH_MAX]);

/* Enter it; an fd for netns_leave(), or a negative errno. The process must have one thread. */
int netns_enter(const char *path);
/* Back again, and close the fd. A failure ends the process: it would go on elsewhere. */
void netns_leave(int home_fd);
