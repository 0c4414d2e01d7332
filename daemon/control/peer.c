/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is at the other end of a UNIX socket. SO_PEERCRED tells user and primary group only;
 * supplementary groups, the usual way to be a member, need SO_PEERGROUPS.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "util.h"

static int has_supplementary_group(int fd, gid_t group)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 64 * sizeof(*groups);

	for (;;) {
		gid_t *grown = realloc(groups, size);

		if (!grown)
			return -ENOMEM;
		groups = grown;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
			break;
		/* ERANGE: size is now what it takes, at most NGROUPS_MAX */
		if (errno != ERANGE || size > (1U << 20))
			return -errno;
	}
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == group)
			return 1;
	return 0;
}

int peer_identify(int fd, const gid_t *group, struct peer *ret)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	struct peer peer = { .right = RIGHT_NONE };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	peer.uid = credentials.uid;
	peer.pid = credentials.pid;
	if (peer.uid == 0 || peer.uid == geteuid()) {
		peer.right = RIGHT_CHANGE;
	} else if (group) {
		int r = credentials.gid == *group ? 1 : has_supplementary_group(fd, *group);

		if (r < 0)
			return r;
		if (r > 0)
			peer.right = RIGHT_LOOK;
	}
	*ret = peer;
	return 0;
}
