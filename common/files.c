/* SPDX-License-Identifier: GPL-2.0-only */
/* files.c: see files.h. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util.h"

int write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t written = write(fd, p, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		p += written;
		n -= (size_t)written;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;
	char *slash = copy ? strrchr(copy, '/') : NULL;

	if (!copy)
		return -ENOMEM;
	if (slash)
		slash[slash == copy] = '\0';
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int folder_make(const char *path)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return sync_parent(path);
}

const char *file_distrust(const struct stat *stat)
{
	if (stat->st_uid != geteuid())
		return "belongs to another user";
	return stat->st_mode & (S_IWGRP | S_IWOTH) ? "may be written by other users" : NULL;
}

const char *file_remedy(int r)
{
	switch (-r) {
	case ENOSPC:
	case EDQUOT:
		return "make room on that file system; what was kept before is still there";
	case EROFS:
		return "mount the file system writable, or name another folder by --state-dir";
	case EACCES:
	case EPERM:
		return "let the daemon write there, or name another folder by --state-dir";
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return "the system is short of it";
	default:
		return "see the system's log for errors of the disk, and the rights of the folder";
	}
}

void hex_format(const uint8_t *bytes, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		ret[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	ret[2 * n] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(const char *text, size_t n, uint8_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
