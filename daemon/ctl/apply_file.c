/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * apply_file.c: see apply_file.h. Beside a policy file NAME there are, for a moment: .NAME.lock, which is
 * locked; .NAME.new, the new text until it is on the disk and renamed; .NAME.old, a second name of the
 * file that was there. So whatever moment ends us, NAME is the whole old file or the whole new one, and
 * what is left is taken up by the next one.
 */
#include "apply_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "config.h"
#include "source.h"
#include "text.h"
#include "util.h"

/* "xdpgate: cannot WHAT PATH: why". Returns -error. */
static int complain(const char *what, const char *path, int error)
{
	fprintf(stderr, "xdpgate: cannot %s ", what);
	text_printf(stderr, "%s: ", path);
	fprintf(stderr, "%s\n", strerror(error));
	return -error;
}

/* FOLDER/.NAME.SUFFIX */
static char *beside(const char *folder, const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/.%s.%s", folder, name, suffix) < 0 ? NULL : path;
}

static int find(struct policy_file_swap *swap, const char *path)
{
	struct stat state;
	const char *slash;

	swap->target = realpath(path, NULL);
	swap->existed = swap->target;
	if (!swap->target && (errno != ENOENT || lstat(path, &state) == 0))
		return complain("find", path, errno ? errno : ENOENT);
	if (!swap->target)
		swap->target = strdup(path);
	slash = swap->target ? strrchr(swap->target, '/') : NULL;
	if (!slash)
		return complain("find", path, swap->target ? EINVAL : ENOMEM);
	swap->folder = strndup(swap->target, slash > swap->target ? slash - swap->target : 1);
	if (swap->folder) {
		swap->new_path = beside(swap->folder, slash + 1, "new");
		swap->old_path = beside(swap->folder, slash + 1, "old");
		swap->lock_path = beside(swap->folder, slash + 1, "lock");
	}
	if (!swap->new_path || !swap->old_path || !swap->lock_path)
		return complain("find", path, ENOMEM);
	return 0;
}

/* Is this still the file of that name? Who had the lock before took its name away. */
static bool is_current(int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_dev == named.st_dev &&
	       ours.st_ino == named.st_ino;
}

static int take_lock(const char *path)
{
	bool told = false;

	for (;;) {
		_cleanup_close_ int fd =
			open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK)
				return -errno;
			if (!told)
				fprintf(stderr, "xdpgate: waiting for another 'xdpgate apply'\n");
			told = true;
			if (flock(fd, LOCK_EX) < 0)
				return -errno;
		}
		if (is_current(fd, path))
			return TAKE_FD(fd);
	}
}

int policy_file_lock(struct policy_file_swap *swap, const char *path, bool optional)
{
	int r = find(swap, path);

	if (r < 0)
		return r;
	r = take_lock(swap->lock_path);
	if (r >= 0)
		swap->lock = r;
	else if (!optional || (r != -EROFS && r != -EACCES && r != -EPERM && r != -ENOENT))
		return complain("lock", swap->lock_path, -r);
	return 0;
}

static int sync_folder(const struct policy_file_swap *swap)
{
	_cleanup_close_ int fd = open(swap->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? complain("write to", swap->folder, errno) : 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* With the mode and owner of the file that is there. */
static int write_new(const struct policy_file_swap *swap, const char *text, size_t len)
{
	struct stat state = { .st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid() };
	_cleanup_close_ int fd = -1;
	int r;

	if (swap->existed && stat(swap->target, &state) < 0)
		return complain("read", swap->target, errno);
	if (unlink(swap->new_path) < 0 && errno != ENOENT)
		return complain("remove", swap->new_path, errno);
	fd = open(swap->new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain("write", swap->new_path, errno);
	r = fchown(fd, state.st_uid, state.st_gid) < 0 || fchmod(fd, state.st_mode & 07777) < 0
		    ? -errno
		    : write_all(fd, text, len);
	if (r == 0)
		return 0;
	unlink(swap->new_path);
	return complain("write", swap->new_path, -r);
}

/* 1: the file holds this; 0: it does not, or is not there. */
static int holds(const struct policy_file_swap *swap, const char *text, size_t len)
{
	_cleanup_free_ char *now = NULL;
	const char *why;
	size_t now_len;
	int r;

	if (!swap->existed)
		return 0;
	r = file_read(swap->target, CONFIG_MAX_FILE_BYTES, &now, &now_len, &why);
	if (r == -EFBIG)
		return 0;
	if (r < 0) {
		text_printf(stderr, "xdpgate: cannot read %s: ", swap->target);
		fprintf(stderr, "%s\n", why);
		return r;
	}
	return now_len == len && (!len || memcmp(now, text, len) == 0);
}

int policy_file_exchange(struct policy_file_swap *swap, const char *text, size_t len)
{
	int r = holds(swap, text, len);

	if (r != 0)
		return r < 0 ? r : 0;
	r = write_new(swap, text, len);
	if (r < 0)
		return r;
	if (unlink(swap->old_path) < 0 && errno != ENOENT)
		r = complain("remove", swap->old_path, errno);
	else if (swap->existed && link(swap->target, swap->old_path) < 0)
		r = complain("keep the old file as", swap->old_path, errno);
	else if (rename(swap->new_path, swap->target) < 0)
		r = complain("replace", swap->target, errno);
	if (r < 0) {
		unlink(swap->new_path);
		unlink(swap->old_path);
		return r;
	}
	swap->exchanged = true;
	return sync_folder(swap);
}

int policy_file_put_back(struct policy_file_swap *swap)
{
	int r;

	if (!swap->exchanged)
		return 0;
	r = swap->existed ? rename(swap->old_path, swap->target) : unlink(swap->target);
	if (r < 0) {
		r = complain("put back", swap->target, errno);
		if (swap->existed)
			text_printf(stderr, "xdpgate: what was there before is %s\n",
				    swap->old_path);
		swap->exchanged = false; /* it is all that is left of it */
		return r;
	}
	swap->exchanged = false;
	return sync_folder(swap);
}

void policy_file_close(struct policy_file_swap *swap)
{
	if (swap->exchanged && swap->existed)
		unlink(swap->old_path);
	if (swap->lock >= 0)
		unlink(swap->lock_path);
	close_fd(&swap->lock);
	free(swap->target);
	free(swap->folder);
	free(swap->new_path);
	free(swap->old_path);
	free(swap->lock_path);
	*swap = (struct policy_file_swap)POLICY_FILE_SWAP_CLOSED;
}
