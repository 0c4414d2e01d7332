/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * See admission.h. The list is written as the kernel takes it (linux/posix_acl_xattr.h): a version
 * and entries in order of tag and id. With entries for users, the group bits of the mode are the
 * mask of the list, so what the group may is kept in an entry of its own.
 */
#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "session.h"
#include "users.h"
#include "util.h"

#define ACL_XATTR "system.posix_acl_access"
#define MAY_CONNECT 6U /* reading and writing, as the group */
#define MAX_USERS 1024U
#define PATH_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) + 1)

struct acl {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[MAX_USERS + 4];
};

static void add_entry(struct acl *acl, size_t *n, unsigned int tag, unsigned int permissions,
		      uint32_t id)
{
	acl->entries[(*n)++] = (struct posix_acl_xattr_entry){
		.e_tag = htole16(tag),
		.e_perm = htole16(permissions),
		.e_id = htole32(id),
	};
}

/* What the group may: by the list, if there is one, else by the mode. */
static unsigned int group_permissions(const char *path, const struct stat *status)
{
	_cleanup_free_ struct acl *acl = calloc(1, sizeof(*acl));
	ssize_t size = acl ? lgetxattr(path, ACL_XATTR, acl, sizeof(*acl)) : -1;
	size_t n = size > 0 ? ((size_t)size - sizeof(acl->header)) / sizeof(acl->entries[0]) : 0;

	for (size_t i = 0; i < n; i++)
		if (le16toh(acl->entries[i].e_tag) == ACL_GROUP_OBJ)
			return le16toh(acl->entries[i].e_perm);
	return status->st_mode >> 3 & 7;
}

static int write_acl(const char *path, const struct admission *admission)
{
	_cleanup_free_ struct acl *acl = calloc(1, sizeof(*acl));
	struct stat status;
	unsigned int group;
	size_t n = 0;

	if (!acl)
		return -ENOMEM;
	if (lstat(path, &status) < 0)
		return -errno;
	if (!S_ISSOCK(status.st_mode))
		return -ENOTSOCK;
	/* one that a former daemon left is emptied, none is not made */
	if (admission->n == 0 && lgetxattr(path, ACL_XATTR, NULL, 0) < 0)
		return 0;
	group = group_permissions(path, &status);
	acl->header.a_version = htole32(POSIX_ACL_XATTR_VERSION);
	add_entry(acl, &n, ACL_USER_OBJ, status.st_mode >> 6 & 7, (uint32_t)ACL_UNDEFINED_ID);
	for (size_t i = 0; i < admission->n; i++)
		add_entry(acl, &n, ACL_USER, MAY_CONNECT, admission->uids[i]);
	add_entry(acl, &n, ACL_GROUP_OBJ, group, (uint32_t)ACL_UNDEFINED_ID);
	if (admission->n)
		add_entry(acl, &n, ACL_MASK, group | MAY_CONNECT, (uint32_t)ACL_UNDEFINED_ID);
	add_entry(acl, &n, ACL_OTHER, status.st_mode & 7, (uint32_t)ACL_UNDEFINED_ID);
	if (lsetxattr(path, ACL_XATTR, acl, sizeof(acl->header) + n * sizeof(acl->entries[0]), 0) <
	    0)
		return -errno;
	return 0;
}

/* The name of the listening socket in the file system; "": it has none, so there is nothing that
 * keeps anybody out. */
static int socket_path(int fd, char path[PATH_BYTES])
{
	struct sockaddr_un address = {};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	memcpy(path, address.sun_path, sizeof(address.sun_path));
	path[sizeof(address.sun_path)] = '\0';
	return 0;
}

static int compare_uids(const void *a, const void *b)
{
	uid_t left = *(const uid_t *)a, right = *(const uid_t *)b;

	return (left > right) - (left < right);
}

static int add_user(struct admission *admission, size_t *size, const char *set, const char *name,
		    struct diags *diags)
{
	uid_t uid;
	int r = user_find(name, &uid);

	if (r == -ENOENT) {
		diag_warning(diags, NULL,
			     "set '%s': its writer '%s' is no user of this machine, and cannot use "
			     "the control socket; make the user, then reload",
			     set, name);
		return 0;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < admission->n; i++)
		if (admission->uids[i] == uid)
			return 0;
	if (uid == 0)
		return 0;
	if (admission->n == MAX_USERS) {
		diag_warning(diags, NULL,
			     "set '%s': its writer '%s' is one too many for the control socket, "
			     "which admits %u",
			     set, name, MAX_USERS);
		return 0;
	}
	if (array_reserve((void **)&admission->uids, size, admission->n + 1, sizeof(uid)) < 0)
		return -ENOMEM;
	admission->uids[admission->n++] = uid;
	return 0;
}

static int collect(struct gate *gate, struct admission *ret, struct diags *diags)
{
	struct live_set_states states = {};
	struct admission admission = {};
	size_t size = 0;
	int r = gate_set_status(gate, NULL, &states, diags);

	for (size_t i = 0; r >= 0 && i < states.n; i++)
		for (size_t j = 0; r >= 0 && j < states.items[i].n_writers; j++)
			r = add_user(&admission, &size, states.items[i].name,
				     states.items[i].writers[j], diags);
	live_set_states_done(&states);
	if (r < 0) {
		admission_done(&admission);
		return r;
	}
	if (admission.n)
		qsort(admission.uids, admission.n, sizeof(*admission.uids), compare_uids);
	*ret = admission;
	return 0;
}

static bool is_same(const struct admission *a, const struct admission *b)
{
	return a->n == b->n &&
	       (a->n == 0 || memcmp(a->uids, b->uids, a->n * sizeof(*a->uids)) == 0);
}

void admission_update(struct control *control, struct diags *diags)
{
	char path[PATH_BYTES] = "";
	struct admission wanted = {};
	int r = collect(control->gate, &wanted, diags);

	if (r == 0 && !(control->admission.known && is_same(&control->admission, &wanted))) {
		if (control->listener.path)
			snprintf(path, sizeof(path), "%s", control->listener.path);
		else
			r = socket_path(control->listener.fd, path);
		if (r == 0 && path[0])
			r = write_acl(path, &wanted);
		if (r == 0) {
			admission_done(&control->admission);
			control->admission = wanted;
			control->admission.known = true;
			wanted = (struct admission){};
		}
	}
	admission_done(&wanted);
	if (r < 0)
		diag_warning(diags, NULL,
			     "cannot say on the control socket %s who writers of live sets are: "
			     "%s; such users can connect if they are members of the group "
			     "" CONTROL_GROUP,
			     path, strerror(-r));
}

void admission_done(struct admission *admission)
{
	free(admission->uids);
	*admission = (struct admission){};
}
