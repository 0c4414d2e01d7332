/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stored_files.c: files of the history. The daemon is root and the folder its own; all the same it
 * neither follows a link there nor waits for a FIFO, and believes nothing that another user may have
 * written. What is written is on the disk before it has its name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "history_internal.h"
#include "util.h"

#define PIECE_BYTES (256U << 10)

void hash_bytes(const void *bytes, size_t n, uint8_t ret[static SHA256_DIGEST_SIZE])
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, n, bytes);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, ret);
}

/* --- reading ----------------------------------------------------------------------------- */

static int refuse(int r, const char *why, const char **ret_why)
{
	*ret_why = why ? why : strerrordesc_np(-r);
	return r;
}

int stored_open(int folder, const char *name, uint64_t most, struct stat *ret, const char **ret_why)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	const char *why;

	if (fd < 0 && errno == ELOOP)
		return refuse(-ELOOP, "is a symbolic link", ret_why);
	if (fd < 0 && errno == ENOENT)
		return refuse(-ENOENT, "is missing", ret_why);
	if (fd < 0 || fstat(fd, ret) < 0)
		return refuse(-errno, NULL, ret_why);
	if (!S_ISREG(ret->st_mode))
		return refuse(-EINVAL, "is not a file", ret_why);
	why = file_distrust(ret);
	if (why)
		return refuse(-EPERM, why, ret_why);
	if ((uint64_t)ret->st_size > most)
		return refuse(-EFBIG, "is larger than it ever was", ret_why);
	return TAKE_FD(fd);
}

int stored_open_folder(int folder, const char *name, const char **ret_why)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat stat;
	const char *why;

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return refuse(-ENOTDIR, "is not a folder", ret_why);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return refuse(-errno, NULL, ret_why);
	why = file_distrust(&stat);
	if (why)
		return refuse(-EPERM, why, ret_why);
	return TAKE_FD(fd);
}

int stored_read(int folder, const char *name, uint64_t most, char **ret, size_t *ret_len,
		const char **ret_why)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	struct stat stat;
	size_t len = 0;

	fd = stored_open(folder, name, most, &stat, ret_why);
	if (fd < 0)
		return fd;
	text = malloc((size_t)stat.st_size + 1);
	if (!text)
		return refuse(-ENOMEM, NULL, ret_why);
	while (len < (size_t)stat.st_size) {
		ssize_t n = read(fd, text + len, (size_t)stat.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse(-errno, NULL, ret_why);
		if (!n)
			break; /* it shrank, and will not be what it should */
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

static int hash_file(int fd, uint8_t *ret, const char **ret_why)
{
	_cleanup_free_ char *buffer = malloc(PIECE_BYTES);
	struct sha256_ctx hash;

	if (!buffer)
		return refuse(-ENOMEM, NULL, ret_why);
	sha256_init(&hash);
	for (;;) {
		ssize_t n = read(fd, buffer, PIECE_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse(-errno, NULL, ret_why);
		if (!n)
			break;
		sha256_update(&hash, (size_t)n, (const uint8_t *)buffer);
	}
	sha256_digest(&hash, SHA256_DIGEST_SIZE, ret);
	return 0;
}

int stored_verify(int folder, const char *name, const struct stored_file *file, bool whole,
		  const char **ret_why)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	_cleanup_close_ int fd = -1;
	struct stat stat;
	int r;

	fd = stored_open(folder, name, file->bytes, &stat, ret_why);
	if (fd < 0)
		return fd;
	if ((uint64_t)stat.st_size != file->bytes)
		return refuse(-EBADMSG, "is shorter than it was", ret_why);
	r = whole ? hash_file(fd, digest, ret_why) : 0;
	if (!r && whole && memcmp(digest, file->digest, sizeof(digest)) != 0)
		r = refuse(-EBADMSG, "does not hold what it did", ret_why);
	return r;
}

/* --- writing ----------------------------------------------------------------------------- */

int stored_write(int folder, const char *name, const void *bytes, size_t n)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, n);
	if (!r && fsync(fd) < 0)
		r = -errno;
	return r;
}

int stored_replace(int folder, const char *name, const void *bytes, size_t n)
{
	char new_name[64];
	int r;

	snprintf(new_name, sizeof(new_name), "%s.new", name);
	stored_remove(folder, new_name); /* of a former life */
	r = stored_write(folder, new_name, bytes, n);
	if (!r && renameat(folder, new_name, folder, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(folder, new_name, 0);
		return r;
	}
	return fsync(folder) < 0 ? -errno : 0;
}

void stored_remove(int folder, const char *name)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return;
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	unlinkat(folder, name, AT_REMOVEDIR);
}
