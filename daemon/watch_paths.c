// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch_paths.c: a path, part by part; see watch_paths.h.
 */
#include "watch_paths.h"

#include <limits.h>
#include <string.h>

#include "util.h"

#define MAX_LINKS 40 /* as in the kernel */

struct walk {
	char folder[PATH_MAX]; /* where we are, without a slash at the end; "": the root */
	char rest[PATH_MAX];   /* what is still to be walked */
	int n_links;
};

static void go_up(struct walk *walk)
{
	char *slash = strrchr(walk->folder, '/');

	if (slash)
		*slash = '\0';
}

static int go_down(struct walk *walk, const char *part)
{
	size_t len = strlen(walk->folder);

	if (len + 1 + strlen(part) >= sizeof(walk->folder))
		return -ENAMETOOLONG;
	walk->folder[len] = '/';
	strcpy(walk->folder + len + 1, part);
	return 0;
}

/* The link's target is what is to be walked, ahead of the rest. */
static int follow(struct walk *walk, const char *target)
{
	char rest[PATH_MAX];
	int n = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);

	if (++walk->n_links > MAX_LINKS)
		return -ELOOP;
	if (n < 0 || (size_t)n >= sizeof(rest))
		return -ENAMETOOLONG;
	if (target[0] == '/')
		walk->folder[0] = '\0';
	memcpy(walk->rest, rest, (size_t)n + 1);
	return 0;
}

/* Take the next part off the rest. False: there is none. */
static bool take_part(struct walk *walk, char part[NAME_MAX + 1], int *ret)
{
	char *start = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(start, "/");

	*ret = len > NAME_MAX ? -ENAMETOOLONG : 0;
	if (!len || *ret < 0)
		return false;
	memcpy(part, start, len);
	part[len] = '\0';
	memmove(walk->rest, start + len, strlen(start + len) + 1);
	return true;
}

static bool is_last(const struct walk *walk)
{
	return !walk->rest[strspn(walk->rest, "/")];
}

/* One part. 1: go on; 0: the walk is over; negative errno. */
static int step(struct walk *walk, const char *part, bool pattern, watch_visit *visit,
		void *userdata)
{
	const char *folder = walk->folder[0] ? walk->folder : "/";
	char path[PATH_MAX + NAME_MAX + 2], target[PATH_MAX];
	ssize_t n;
	int r;

	if (!strcmp(part, "."))
		return 1;
	if (!strcmp(part, "..")) {
		go_up(walk);
		return 1;
	}
	pattern = pattern && is_last(walk);
	r = visit(folder, pattern ? NULL : part, userdata);
	if (r < 0 || pattern)
		return r;
	snprintf(path, sizeof(path), "%s/%s", walk->folder, part);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) { /* EINVAL: it is no link; else it is not there, or out of reach */
		r = errno == EINVAL ? go_down(walk, part) : 0;
		return r < 0 ? r : errno == EINVAL;
	}
	target[n] = '\0';
	r = follow(walk, target);
	return r < 0 ? r : 1;
}

int watch_walk(const char *path, bool pattern, watch_visit *visit, void *userdata)
{
	_cleanup_free_ struct walk *walk = calloc(1, sizeof(*walk));
	char part[NAME_MAX + 1];
	int r;

	if (!walk)
		return -ENOMEM;
	if (strlen(path) >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	strcpy(walk->rest, path);
	while (take_part(walk, part, &r)) {
		r = step(walk, part, pattern, visit, userdata);
		if (r <= 0)
			return r;
	}
	return r;
}
