/* SPDX-License-Identifier: GPL-2.0-only */
/* users.c: see users.h. */
#include "users.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "util.h"

#define FIRST_BUFFER 4096U
#define BUFFER_MAX (1U << 20)

/* 0, ERANGE: the buffer is too small, or another errno. Which of them says "there is none" differs
 * between name services, so *ret_found does. */
typedef int lookup(const char *name, char *buffer, size_t size, bool *ret_found, id_t *ret);

static int look_up_user(const char *name, char *buffer, size_t size, bool *ret_found, id_t *ret)
{
	struct passwd user, *found = NULL;
	int r = getpwnam_r(name, &user, buffer, size, &found);

	*ret_found = found;
	if (found)
		*ret = found->pw_uid;
	return r;
}

static int look_up_group(const char *name, char *buffer, size_t size, bool *ret_found, id_t *ret)
{
	struct group group, *found = NULL;
	int r = getgrnam_r(name, &group, buffer, size, &found);

	*ret_found = found;
	if (found)
		*ret = found->gr_gid;
	return r;
}

static int find(lookup *look_up, const char *name, id_t *ret)
{
	for (size_t size = FIRST_BUFFER;; size *= 2) {
		_cleanup_free_ char *buffer = malloc(size);
		bool found;
		int r;

		if (!buffer)
			return -ENOMEM;
		r = look_up(name, buffer, size, &found, ret);
		if (r != ERANGE || size >= BUFFER_MAX)
			return found ? 0 : -ENOENT;
	}
}

int user_find(const char *name, uid_t *ret)
{
	return find(look_up_user, name, ret);
}

int group_find(const char *name, gid_t *ret)
{
	return find(look_up_group, name, ret);
}

int user_name(uid_t uid, char **ret)
{
	for (size_t size = FIRST_BUFFER;; size *= 2) {
		_cleanup_free_ char *buffer = malloc(size);
		struct passwd user, *found = NULL;
		int r;

		if (!buffer)
			return -ENOMEM;
		r = getpwuid_r(uid, &user, buffer, size, &found);
		if (found) {
			*ret = strdup(found->pw_name);
			return *ret ? 0 : -ENOMEM;
		}
		if (r != ERANGE || size >= BUFFER_MAX)
			return -ENOENT;
	}
}
