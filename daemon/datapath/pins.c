/* SPDX-License-Identifier: GPL-2.0-only */
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "util.h"

#define BPFFS "/sys/fs/bpf"

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

static int format_path(const struct pins *pins, char ret[static PATH_MAX], const char *format,
		       va_list args)
{
	int prefix = snprintf(ret, PATH_MAX, "%s/", pins->path);
	int rest = vsnprintf(ret + prefix, PATH_MAX - prefix, format, args);

	if (rest < 0 || prefix + rest >= PATH_MAX) {
		ret[0] = '\0';
		return -ENAMETOOLONG;
	}
	return 0;
}

#define FORMAT_PATH(pins, path, format)                                                            \
	({                                                                                         \
		va_list _args;                                                                     \
		int _r;                                                                            \
		va_start(_args, format);                                                           \
		_r = format_path(pins, path, format, _args);                                       \
		va_end(_args);                                                                     \
		_r;                                                                                \
	})

/* Make all folders on the way to path (not path itself), below the part that exists. */
static int make_parents(const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* The longest leading part of path that exists decides the file system. */
static bool will_be_bpffs(const char *path)
{
	char copy[PATH_MAX];
	char *slash;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return false;
	while (access(copy, F_OK) < 0 && (slash = strrchr(copy, '/')) && slash != copy)
		*slash = '\0';
	return is_bpffs(copy);
}

static int ensure_bpffs(const char *path, struct diags *diags)
{
	if (will_be_bpffs(path))
		return 0;
	if (strncmp(path, BPFFS "/", strlen(BPFFS "/")) == 0 && !is_bpffs(BPFFS) &&
	    mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
		return 0;
	diag_error(diags, NULL,
		   "pin directory %s is not in a BPF file system; mount one: "
		   "mount -t bpf bpf " BPFFS,
		   path);
	return -EINVAL;
}

static int make_folder(const char *path, struct diags *diags)
{
	int r = ensure_bpffs(path, diags);

	if (r < 0)
		return r;
	r = make_parents(path);
	if (r >= 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == -EPERM && strchr(path, '.'))
		diag_error(diags, NULL,
			   "cannot make pin directory %s: a BPF file system refuses names with "
			   "dots; choose another --pin-dir",
			   path);
	else if (r < 0)
		diag_error(diags, NULL, "cannot make pin directory %s: %s", path, strerror(-r));
	return r;
}

static int check_folder(const struct pins *pins, struct diags *diags)
{
	struct stat st;

	if (fstat(pins->lock_fd, &st) < 0)
		return -errno;
	if (!is_bpffs(pins->path)) {
		diag_error(diags, NULL, "pin directory %s is not in a BPF file system", pins->path);
		return -EINVAL;
	}
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH)) {
		diag_error(diags, NULL,
			   "pin directory %s can be written by others (owner %u, mode %04o): what "
			   "is pinned there cannot be trusted; remove it, or chown root and "
			   "chmod 0700 it",
			   pins->path, st.st_uid, st.st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

/* Whoever had the lock before us may have removed the folder: then ours is of nothing. */
static int check_still_there(const struct pins *pins, struct diags *diags)
{
	struct stat locked, there;

	if (fstat(pins->lock_fd, &locked) == 0 && stat(pins->path, &there) == 0 &&
	    locked.st_dev == there.st_dev && locked.st_ino == there.st_ino)
		return 0;
	diag_error(diags, NULL,
		   "pin directory %s was just removed by another xdpgated (or "
		   "xdpgate command); try again",
		   pins->path);
	return -EBUSY;
}

static int netns_cookie(uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) < 0)
		return -errno;
	return 0;
}

int pins_open(struct pins *pins, const char *path, bool create, struct diags *diags)
{
	size_t len = strlen(path);
	int r;

	*pins = (struct pins){ .lock_fd = -1 };
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (path[0] != '/' || len >= sizeof(pins->path) - NAME_MAX) {
		diag_error(diags, NULL, "pin directory '%s' is not an absolute path", path);
		return -EINVAL;
	}
	memcpy(pins->path, path, len);

	if (create) {
		r = make_folder(pins->path, diags);
		if (r < 0)
			return r;
	}
	pins->lock_fd = open(pins->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (pins->lock_fd < 0) {
		r = -errno;
		diag_error(diags, NULL, "cannot open pin directory %s: %s", pins->path,
			   strerror(-r));
		return r;
	}
	r = check_folder(pins, diags);
	if (r >= 0 && flock(pins->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		diag_error(diags, NULL,
			   "pin directory %s is in use by another xdpgated (or xdpgate command); "
			   "stop that one, or choose another --pin-dir",
			   pins->path);
	}
	if (r >= 0)
		r = check_still_there(pins, diags);
	if (r >= 0) {
		r = netns_cookie(&pins->netns_cookie);
		if (r < 0)
			diag_error(diags, NULL, "cannot tell the network namespace: %s",
				   strerror(-r));
	}
	if (r < 0)
		pins_close(pins);
	return r;
}

void pins_close(struct pins *pins)
{
	close_fd(&pins->lock_fd);
}

int pins_path(const struct pins *pins, char ret[static PATH_MAX], const char *format, ...)
{
	return FORMAT_PATH(pins, ret, format);
}

int pins_get(const struct pins *pins, const char *format, ...)
{
	char path[PATH_MAX];
	int r = FORMAT_PATH(pins, path, format);

	return r < 0 ? r : bpf_obj_get(path);
}

int pins_put(const struct pins *pins, int fd, const char *format, ...)
{
	char path[PATH_MAX];
	int r = FORMAT_PATH(pins, path, format);

	if (r >= 0)
		r = make_parents(path);
	return r < 0 ? r : bpf_obj_pin(fd, path);
}

int pins_replace(const struct pins *pins, int fd, const char *format, ...)
{
	char path[PATH_MAX], fresh[PATH_MAX + 8];
	int r = FORMAT_PATH(pins, path, format);

	if (r >= 0)
		r = make_parents(path);
	if (r < 0)
		return r;
	r = bpf_obj_pin(fd, path);
	if (r != -EEXIST)
		return r;
	snprintf(fresh, sizeof(fresh), "%s-new", path);
	if (unlink(fresh) < 0 && errno != ENOENT)
		return -errno;
	r = bpf_obj_pin(fd, fresh);
	if (r < 0)
		return r;
	return rename(fresh, path) < 0 ? -errno : 0;
}

/* Depth is bounded by the layout: what we make is at most three levels deep. */
static int remove_tree(int at, const char *name, int depth)
{
	struct dirent *entry;
	DIR *dir;
	int fd, r = 0;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (depth > 0 && (entry = readdir(dir))) {
		int removed;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		removed = remove_tree(fd, entry->d_name, depth - 1);
		if (removed < 0)
			r = removed;
	}
	closedir(dir);
	if (r == 0 && unlinkat(at, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int pins_remove(const struct pins *pins, const char *format, ...)
{
	char path[PATH_MAX];
	int r = FORMAT_PATH(pins, path, format);

	return r < 0 ? r : remove_tree(AT_FDCWD, path, 4);
}

int pins_remove_all(const struct pins *pins)
{
	return remove_tree(AT_FDCWD, pins->path, 4);
}

bool pins_exist(const struct pins *pins, const char *format, ...)
{
	char path[PATH_MAX];

	return FORMAT_PATH(pins, path, format) == 0 && access(path, F_OK) == 0;
}

int pins_each(const struct pins *pins, const char *folder,
	      int (*visit)(const char *name, void *context), void *context)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int r;

	r = pins_path(pins, path, "%s", folder);
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = visit(entry->d_name, context);
	closedir(dir);
	return r;
}

void pins_port_key(const struct pins *pins, int ifindex, char ret[static PORT_KEY_LEN])
{
	snprintf(ret, PORT_KEY_LEN, "n%llu-i%d", (unsigned long long)pins->netns_cookie, ifindex);
}

int pins_port_ifindex(const struct pins *pins, const char *key)
{
	char canonical[PORT_KEY_LEN];
	unsigned long long cookie;
	int ifindex;

	if (sscanf(key, "n%llu-i%d", &cookie, &ifindex) != 2 || ifindex <= 0)
		return 0;
	pins_port_key(pins, ifindex, canonical);
	return strcmp(key, canonical) == 0 ? ifindex : 0;
}
