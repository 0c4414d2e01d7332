/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch_paths.h: the places at which the meaning of a path may change: of each of its parts, the
 * folder that it is in, and its name there. Symbolic links are followed as the kernel does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The entry `name` (NULL: any, of a pattern that ends here) of the folder. */
typedef int watch_visit(const char *folder, const char *name, void *userdata);

/* Call visit() for each; the walk ends at the first part that is not there. pattern: the last part
 * has '*' or '?'. 0, -ELOOP, -ENAMETOOLONG, -ENOMEM, or what visit() returned if that is not 0. */
int watch_walk(const char *path, bool pattern, watch_visit *visit, void *userdata);
