/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The listening socket. It is made under a temporary name, gets its owner and mode there,
 * and is moved in place when it is ready: nobody can connect too early or meet a socket with
 * the wrong mode. What is there already goes only if it is a socket that nobody serves.
 */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "listener.h"
#include "util.h"

static int socket_address(const char *path, struct sockaddr_un *ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret = address;
	return 0;
}

static int make_parent(const char *path, struct diags *diags)
{
	_cleanup_free_ char *copy = strdup(path);
	const char *parent;
	int r;

	if (!copy)
		return -ENOMEM;
	parent = dirname(copy);
	if (mkdir(parent, 0755) == 0) {
		/* whatever the umask; if this fails the folder is only stricter than it should */
		(void)!chmod(parent, 0755);
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	r = -errno;
	diag_error(diags, NULL, "cannot make the folder %s for the control socket: %s", parent,
		   strerror(-r));
	return r;
}

/* Is somebody listening? 0: nobody; -EADDRINUSE; else why that could not be found out. */
static int probe_socket(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* EAGAIN: there is a listener, but its queue is full */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int remove_stale(const char *path, const struct sockaddr_un *address, struct diags *diags)
{
	struct stat before, now;
	int r;

	if (lstat(path, &before) < 0) {
		if (errno == ENOENT)
			return 0;
		r = -errno;
		diag_error(diags, NULL, "cannot look at the control socket %s: %s", path,
			   strerror(-r));
		return r;
	}
	if (!S_ISSOCK(before.st_mode)) {
		diag_error(diags, NULL,
			   "%s exists and is not a socket; remove it, or choose another --socket",
			   path);
		return -EEXIST;
	}
	r = probe_socket(address);
	if (r == -EADDRINUSE) {
		diag_error(
			diags, NULL,
			"another process serves the control socket %s; stop it, or choose another --socket",
			path);
		return r;
	}
	if (r < 0) {
		diag_error(diags, NULL, "cannot tell whether the control socket %s is in use: %s",
			   path, strerror(-r));
		return r;
	}
	if (lstat(path, &now) == 0 && now.st_dev == before.st_dev && now.st_ino == before.st_ino &&
	    unlink(path) < 0 && errno != ENOENT) {
		r = -errno;
		diag_error(diags, NULL, "cannot remove the stale control socket %s: %s", path,
			   strerror(-r));
		return r;
	}
	return 0;
}

/* Bind, set mode and group, listen: all under the temporary name. */
static int prepare_socket(int fd, const struct sockaddr_un *address, const gid_t *group,
			  struct diags *diags)
{
	const char *name = address->sun_path;

	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (chmod(name, 0600) < 0)
		return -errno;
	if (group) {
		if (chown(name, (uid_t)-1, *group) < 0)
			diag_warning(
				diags, NULL,
				"cannot give the control socket to its group: %s; only root can use it",
				strerror(errno));
		else if (chmod(name, 0660) < 0)
			return -errno;
	}
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

/* Bind under the temporary name, then move into place; never onto something else. */
static int place_socket(int fd, const char *path, const gid_t *group, struct stat *status,
			struct diags *diags)
{
	_cleanup_free_ char *temporary = NULL;
	struct sockaddr_un address;
	int r;

	if (asprintf(&temporary, "%s.%ld", path, (long)getpid()) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	r = socket_address(temporary, &address);
	if (r < 0)
		return r;
	/* left by a process of our number that was killed just here */
	r = remove_stale(temporary, &address, diags);
	if (r < 0)
		return r;
	r = prepare_socket(fd, &address, group, diags);
	if (r == 0 && lstat(temporary, status) < 0)
		r = -errno;
	if (r == 0 && renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0 && r != -EADDRINUSE)
		unlink(temporary);
	return r;
}

int listener_open(const char *path, const gid_t *group, struct listener *ret, struct diags *diags)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *copy = strdup(path);
	struct sockaddr_un address;
	struct stat status;
	int r;

	if (!copy)
		return -ENOMEM;
	r = socket_address(path, &address);
	if (r < 0) {
		diag_error(diags, NULL,
			   "the path of the control socket is too long: at most %zu bytes: %s",
			   sizeof(address.sun_path) - 1, path);
		return r;
	}
	r = make_parent(path, diags);
	if (r < 0)
		return r;
	r = remove_stale(path, &address, diags);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		r = -errno;
	else
		r = place_socket(fd, path, group, &status, diags);
	if (r < 0) {
		diag_error(diags, NULL, "cannot make the control socket %s: %s", path,
			   strerror(-r));
		return r;
	}
	*ret = (struct listener){
		.fd = TAKE_FD(fd),
		.path = TAKE_PTR(copy),
		.dev = status.st_dev,
		.ino = status.st_ino,
	};
	return 0;
}

int listener_adopt(int fd_taken, struct listener *ret, struct diags *diags)
{
	_cleanup_close_ int fd = fd_taken;
	int flags, domain = 0, type = 0, listening = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || domain != AF_UNIX ||
	    type != SOCK_STREAM || !listening) {
		diag_error(
			diags, NULL,
			"the socket that was passed is not a listening UNIX stream socket; use ListenStream=/run/xdpgate/xdpgate.sock");
		return -EINVAL;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	*ret = (struct listener){ .fd = TAKE_FD(fd) };
	return 0;
}

void listener_close(struct listener *listener)
{
	struct stat now;

	/* Away with the name before the fd: an inode that is still open is not reused, so
	 * equal numbers mean that it is ours. */
	if (listener->path && lstat(listener->path, &now) == 0 && S_ISSOCK(now.st_mode) &&
	    now.st_dev == listener->dev && now.st_ino == listener->ino)
		unlink(listener->path);
	free(listener->path);
	listener->path = NULL;
	close_fd(&listener->fd);
}
