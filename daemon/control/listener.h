/* SPDX-License-Identifier: GPL-2.0-only */
/* listener.h: the listening socket and its name in the file system. */
#pragma once

#include <sys/types.h>

#include "diag.h"

struct listener {
	int fd;     /* -1: none */
	char *path; /* NULL: not ours to remove (socket activation) */
	dev_t dev;  /* of what we put at path */
	ino_t ino;
};

#define LISTENER_NONE                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Make the socket at path, as control_new() says. group: NULL if there is none. */
int listener_open(const char *path, const gid_t *group, struct listener *ret, struct diags *diags);

/* Use a socket that somebody else made. Takes fd over, on failure too. */
int listener_adopt(int fd, struct listener *ret, struct diags *diags);

/* Close, and remove the name if it is still that of our socket. */
void listener_close(struct listener *listener);
