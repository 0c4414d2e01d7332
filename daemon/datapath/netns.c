/* SPDX-License-Identifier: GPL-2.0-only */
#include "netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rtnetlink.h"
#include "util.h"

#define NAMED "/run/netns"
#define MAX_SEEN 1024 /* namespaces of processes; more are not looked at */

static int note_nsid(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;
	int *nsid = context;

	mnl_attr_for_each(
		attribute, message,
		sizeof(struct rtgenmsg)) if (mnl_attr_get_type(attribute) == NETNSA_NSID &&
					     mnl_attr_validate(attribute, MNL_TYPE_U32) >=
						     0) *nsid = (int)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

/* What the kernel calls the namespace here; negative: nothing, or it cannot be told. */
static int nsid_of(int fd)
{
	RTNETLINK_REQUEST(buffer);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int nsid = -1;

	request->nlmsg_type = RTM_GETNSID;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)fd);
	return rtnetlink_ask(request, note_nsid, &nsid) < 0 ? -1 : nsid;
}

/* Those looked at already: many processes share one. */
struct seen {
	ino_t items[MAX_SEEN];
	size_t n;
};

static bool is_new(struct seen *seen, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || seen->n == MAX_SEEN)
		return false;
	for (size_t i = 0; i < seen->n; i++)
		if (seen->items[i] == st.st_ino)
			return false;
	seen->items[seen->n++] = st.st_ino;
	return true;
}

static bool is_it(const char *path, int nsid, struct seen *seen)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && is_new(seen, fd) && nsid_of(fd) == nsid;
}

/* format has the entry's name as its one %s. */
static int look_in(const char *folder, bool numbers, const char *format, int nsid,
		   struct seen *seen, char ret[static PATH_MAX])
{
	_cleanup_(close_dir) DIR *entries = opendir(folder);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (entries && (entry = readdir(entries))) {
		if (entry->d_name[0] == '.' ||
		    (numbers && strspn(entry->d_name, "0123456789") != strlen(entry->d_name)))
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), format, entry->d_name);
#pragma GCC diagnostic pop
		if (!is_it(path, nsid, seen))
			continue;
		memcpy(ret, path, PATH_MAX);
		return 0;
	}
	return -ENOENT;
}

int netns_find(int nsid, char ret[static PATH_MAX])
{
	_cleanup_free_ struct seen *seen = calloc(1, sizeof(*seen));
	int r;

	if (!seen)
		return -ENOMEM;
	r = look_in(NAMED, false, NAMED "/%s", nsid, seen, ret);
	return r < 0 ? look_in("/proc", true, "/proc/%s/ns/net", nsid, seen, ret) : r;
}

int netns_enter(const char *path)
{
	_cleanup_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int there = open(path, O_RDONLY | O_CLOEXEC);

	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return -errno;
	return TAKE_FD(home);
}

void netns_leave(int home_fd)
{
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		perror("cannot go back to the own network namespace");
		abort();
	}
	close(home_fd);
}
