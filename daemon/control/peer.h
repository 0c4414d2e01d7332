/* SPDX-License-Identifier: GPL-2.0-only */
/* peer.h: who is at the other end of a UNIX socket, and what that allows. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum right {
	RIGHT_NONE,   /* a stranger: refused whatever it asks */
	RIGHT_WRITE,  /* named in `writers` of some live set: may use that */
	RIGHT_LOOK,   /* member of the group */
	RIGHT_CHANGE, /* root, or the daemon's own user */
};

struct peer {
	uid_t uid;
	pid_t pid;
	enum right right;
};

#define CONTROL_GROUP "xdpgate"

/* Credentials are those of the moment of connect(). group: NULL if there is none. */
int peer_identify(int fd, const gid_t *group, struct peer *ret);
