/* SPDX-License-Identifier: GPL-2.0-only */
/* journal_calls.c: see journal_calls.h. */
#include "journal_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_case.h"

struct shared *shared;

static char saved_path[96];

ssize_t __real_pwrite64(int fd, const void *bytes, size_t n, off_t at);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_ftruncate64(int fd, off_t size);
int __real_renameat(int from, const char *old, int to, const char *new);
int __real_openat64(int at, const char *name, int flags, mode_t mode);
int __real_unlinkat(int at, const char *name, int flags);
int __real_mkdir(const char *name, mode_t mode);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t at);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_renameat(int from, const char *old, int to, const char *new);
int __wrap_openat64(int at, const char *name, int flags, mode_t mode);
int __wrap_unlinkat(int at, const char *name, int flags);
int __wrap_mkdir(const char *name, mode_t mode);

static bool fails(bool may_halve)
{
	return mishap_strikes(shared ? &shared->mishaps : NULL, may_halve);
}

static bool is_at(int fd, const char *name)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(name, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
	if (fails(true)) {
		ssize_t written = __real_pwrite64(fd, bytes, n / 2, at);

		if (shared->mishaps.mishap == MISHAP_DIES_HALFWAY)
			_exit(MISHAP_STATUS);
		errno = shared->mishaps.error; /* some of it is there nevertheless */
		return written < 0 ? written : -1;
	}
	return __real_pwrite64(fd, bytes, n, at);
}

static void note_sync(int fd)
{
	struct stat stat;

	if (!shared->mishaps.on || fstat(fd, &stat) < 0)
		return;
	if (S_ISDIR(stat.st_mode)) {
		if (is_at(fd, folder))
			shared->renamed = false;
	} else if (is_at(fd, path)) {
		shared->synced = stat.st_size;
	} else if (is_at(fd, new_path)) {
		shared->new_synced = stat.st_size;
	}
}

int __wrap_fsync(int fd)
{
	int r = fails(false) ? -1 : __real_fsync(fd);

	if (!r)
		note_sync(fd);
	return r;
}

int __wrap_fdatasync(int fd)
{
	int r = fails(false) ? -1 : __real_fdatasync(fd);

	if (!r)
		note_sync(fd);
	return r;
}

int __wrap_ftruncate64(int fd, off_t size)
{
	return fails(false) ? -1 : __real_ftruncate64(fd, size);
}

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
	int r;

	if (fails(false))
		return -1;
	if (shared->mishaps.on) {
		unlink(saved_path);
		shared->was_there = !link(path, saved_path);
		shared->synced_before = shared->synced;
	}
	r = __real_renameat(from, old, to, new);
	if (!r && shared->mishaps.on) {
		shared->renamed = true;
		shared->synced = shared->new_synced;
	}
	return r;
}

int __wrap_openat64(int at, const char *name, int flags, mode_t mode)
{
	if (shared->mishaps.on && flags & O_CREAT && fails(false))
		return -1;
	if (shared->mishaps.on && flags & O_CREAT)
		shared->new_synced = 0;
	return __real_openat64(at, name, flags, mode);
}

int __wrap_unlinkat(int at, const char *name, int flags)
{
	return fails(false) ? -1 : __real_unlinkat(at, name, flags);
}

int __wrap_mkdir(const char *name, mode_t mode)
{
	return fails(false) ? -1 : __real_mkdir(name, mode);
}

void lose_power(void)
{
	struct stat stat_now;

	/* stat() first: a file grows no longer than it was, and what was torn may be less. */
	if (!stat(path, &stat_now) && stat_now.st_size > shared->synced)
		assert_int_equal(truncate(path, shared->synced), 0);
	if (!stat(new_path, &stat_now) && stat_now.st_size > shared->new_synced)
		assert_int_equal(truncate(new_path, shared->new_synced), 0);
	if (!shared->renamed)
		return;
	if (shared->was_there) {
		assert_int_equal(rename(saved_path, path), 0);
		if (!stat(path, &stat_now) && stat_now.st_size > shared->synced_before)
			assert_int_equal(truncate(path, shared->synced_before), 0);
	} else {
		assert_int_equal(unlink(path), 0);
	}
}

int calls_setup(void **state)
{
	int r = setup(state);

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 0, sizeof(*shared));
	shared->mishaps.calls_left = -1;
	snprintf(saved_path, sizeof(saved_path), "%s/saved", state_dir);
	return r;
}

int calls_teardown(void **state)
{
	shared->mishaps.on = false;
	unlink(saved_path);
	return teardown(state);
}
