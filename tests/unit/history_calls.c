/* SPDX-License-Identifier: GPL-2.0-only */
/* history_calls.c: see history_calls.h. */
#include "history_calls.h"

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

#include "history_case.h"
#include "util.h"

#define MOST 400
#define PATH 200

struct shared *shared;

/* What happened to a name since its folder was synced. */
enum change { CREATED, MADE, RENAMED, REMOVED, REMOVED_FOLDER };

/* Of what is gone or may be truncated there is another link: STATE_DIR/saved/N, where N is the number of
 * the change. */
static struct log {
	struct {
		enum change change;
		char name[PATH], to[PATH]; /* to: RENAMED */
		bool on_disk;
		bool replaced; /* RENAMED: something had that name before */
		ino_t inode;   /* CREATED: of the file */
		bool synced;   /* likewise: what it holds */
	} items[MOST];
	unsigned int n;
} * log_of;

int __real_fsync(int fd);
int __real_mkdirat(int at, const char *name, mode_t mode);
int __real_openat64(int at, const char *name, int flags, mode_t mode);
int __real_renameat(int from, const char *old, int to, const char *new);
int __real_unlinkat(int at, const char *name, int flags);
ssize_t __real_write(int fd, const void *bytes, size_t n);
int __wrap_fsync(int fd);
int __wrap_mkdirat(int at, const char *name, mode_t mode);
int __wrap_openat64(int at, const char *name, int flags, mode_t mode);
int __wrap_renameat(int from, const char *old, int to, const char *new);
int __wrap_unlinkat(int at, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);

static bool fails(bool may_halve)
{
	return mishap_strikes(shared ? &shared->mishaps : NULL, may_halve);
}

/* --- the log ----------------------------------------------------------------------------- */

static const char *saved(unsigned int i)
{
	static char path[PATH];

	snprintf(path, sizeof(path), "%s/saved/%u", state_dir, i);
	return path;
}

static void path_of(int fd, char path[PATH])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH - 1);
	assert_true(n > 0);
	path[n] = '\0';
}

static void path_at(int at, const char *name, char path[PATH])
{
	size_t n;

	path_of(at, path);
	n = strlen(path);
	snprintf(path + n, PATH - n, "/%s", name);
}

/* Its number, or MOST: nothing is noted now. */
static unsigned int note(enum change change, int at, const char *name)
{
	if (!shared || !shared->mishaps.on)
		return MOST;
	assert_true(log_of->n < MOST);
	memset(&log_of->items[log_of->n], 0, sizeof(log_of->items[0]));
	log_of->items[log_of->n].change = change;
	path_at(at, name, log_of->items[log_of->n].name);
	return log_of->n++;
}

static bool is_in(const char *path, const char *name)
{
	size_t n = strlen(path);

	return !strncmp(name, path, n) && name[n] == '/' && !strchr(name + n + 1, '/');
}

static void note_synced(int fd)
{
	struct stat stat_now;
	char path[PATH];

	if (!shared->mishaps.on || fstat(fd, &stat_now) < 0)
		return;
	path_of(fd, path);
	for (unsigned int i = 0; i < log_of->n; i++) {
		if (S_ISDIR(stat_now.st_mode))
			log_of->items[i].on_disk |= is_in(path, log_of->items[i].name);
		else if (log_of->items[i].change == CREATED &&
			 log_of->items[i].inode == stat_now.st_ino)
			log_of->items[i].synced = true;
	}
}

/* A folder was renamed: what is known of names in it, by the changes before. */
static void follow(unsigned int before, const char *from, const char *to)
{
	size_t n = strlen(from);
	char rest[PATH];

	for (unsigned int i = 0; i < before; i++) {
		char *name = log_of->items[i].name;

		if (strncmp(name, from, n) != 0 || name[n] != '/')
			continue;
		strcpy(rest, name + n);
		snprintf(name, PATH, "%.*s%s", PATH / 2, to, rest);
	}
}

/* --- the calls --------------------------------------------------------------------------- */

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	if (!fails(true))
		return __real_write(fd, bytes, n);
	n = (size_t)__real_write(fd, bytes, n / 2);
	if (shared->mishaps.mishap == MISHAP_DIES_HALFWAY)
		_exit(MISHAP_STATUS);
	errno = shared->mishaps.error; /* some of it is there nevertheless */
	return -1;
}

int __wrap_fsync(int fd)
{
	int r = fails(false) ? -1 : __real_fsync(fd);

	if (!r)
		note_synced(fd);
	return r;
}

int __wrap_mkdirat(int at, const char *name, mode_t mode)
{
	int r = fails(false) ? -1 : __real_mkdirat(at, name, mode);

	if (!r)
		note(MADE, at, name);
	return r;
}

int __wrap_openat64(int at, const char *name, int flags, mode_t mode)
{
	bool creates = flags & O_CREAT && shared->mishaps.on;
	int fd = creates && fails(false) ? -1 : __real_openat64(at, name, flags, mode);
	unsigned int i = fd >= 0 && creates ? note(CREATED, at, name) : MOST;
	struct stat stat_now;

	if (i < MOST && !fstat(fd, &stat_now)) {
		log_of->items[i].inode = stat_now.st_ino;
		assert_int_equal(link(log_of->items[i].name, saved(i)), 0);
	}
	return fd;
}

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
	unsigned int i;
	int r = fails(false) ? -1 : 0;

	if (r)
		return r;
	i = note(RENAMED, from, old);
	if (i < MOST) {
		path_at(to, new, log_of->items[i].to);
		log_of->items[i].replaced = link(log_of->items[i].to, saved(i)) == 0;
	}
	r = __real_renameat(from, old, to, new);
	if (r && i < MOST)
		log_of->n--;
	else if (i < MOST)
		follow(i, log_of->items[i].name, log_of->items[i].to);
	return r;
}

int __wrap_unlinkat(int at, const char *name, int flags)
{
	unsigned int i;
	int r = fails(false) ? -1 : 0;

	if (r)
		return r;
	i = note(flags & AT_REMOVEDIR ? REMOVED_FOLDER : REMOVED, at, name);
	if (i < MOST && !(flags & AT_REMOVEDIR))
		link(log_of->items[i].name, saved(i));
	r = __real_unlinkat(at, name, flags);
	if (r && i < MOST)
		log_of->n--;
	return r;
}

/* --- the power --------------------------------------------------------------------------- */

static void take_back(unsigned int i)
{
	const char *name = log_of->items[i].name, *to = log_of->items[i].to;

	switch (log_of->items[i].change) {
	case CREATED:
		unlink(name);
		break;
	case MADE:
		run("rm -rf %s", name);
		break;
	case RENAMED:
		rename(to, name);
		follow(i, to, name);
		if (log_of->items[i].replaced)
			link(saved(i), to);
		break;
	case REMOVED:
		link(saved(i), name);
		break;
	case REMOVED_FOLDER:
		mkdir(name, 0700);
		break;
	}
}

/* Is what was not synced of the folder of this name lost? */
static bool is_lost(const char *name, unsigned int seed)
{
	uint32_t hash = seed * 2654435761U;

	for (const char *p = name; p < strrchr(name, '/'); p++)
		hash = (hash ^ (unsigned char)*p) * 16777619U;
	return !seed || hash >> 16 & 1;
}

void lose_power(unsigned int seed)
{
	shared->mishaps.on = false;
	for (unsigned int i = 0; i < log_of->n; i++)
		if (log_of->items[i].change == CREATED && !log_of->items[i].synced)
			assert_int_equal(truncate(saved(i), 0), 0);
	for (unsigned int i = log_of->n; i > 0; i--)
		if (!log_of->items[i - 1].on_disk && is_lost(log_of->items[i - 1].name, seed))
			take_back(i - 1);
}

void calls_init(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	log_of = mmap(NULL, sizeof(*log_of), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
}

void calls_begin(void)
{
	shared->mishaps.on = false;
	log_of->n = 0;
	run("rm -rf %s/saved; mkdir %s/saved", state_dir, state_dir);
}
