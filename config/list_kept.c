/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list_kept.c: list files of which copies are kept: one that is not what it should be is replaced by
 * its last good copy, and that is a warning.
 */
#include "lists.h"

#include <string.h>
#include <time.h>

#include "copies.h"
#include "util.h"

/* What the copy holds, which must pass what the file itself would have to. 0, -ENOMEM, -EINVAL. */
static int parse_copy(struct list *list, const struct copy *copy)
{
	_cleanup_(diags_free) struct diags unsaid = { .limit = 1 };
	struct loader *loader = list->loader;
	size_t first_v4 = list->set->n_v4, first_v6 = list->set->n_v6;
	struct diags *diags = loader->diags;
	ssize_t n;

	loader->diags = &unsaid;
	list->space = (struct prefix_space){ list->set->n_v4, list->set->n_v6 };
	n = list_parse_lines(list, copy->text, copy->len);
	loader->diags = diags;
	if (n < 0 || list->status < 0)
		return n < 0 ? (int)n : list->status;
	file_hash(loader, copy->digest);
	/* The state of no file: whatever is there is read when somebody looks for what is new. */
	return list_cache_add(loader->cache, list->path, &(struct file_state){ 0 }, copy->digest,
			      copy->usec, list->set, first_v4, first_v6);
}

static int say_copy(struct list *list, const struct copy *copy)
{
	time_t seconds = (time_t)(copy->usec / 1000000);
	char when[64] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	return node_warning(list->loader, list->name,
			    "the copy of %s that was kept on %s UTC stands for it, %zu prefixes",
			    list->path, when, list->n_prefixes);
}

/* A few of the errors are enough. */
int list_read_kept(struct list *list, struct policy_file *file)
{
	struct loader *loader = list->loader;
	struct diags *diags = loader->diags;
	_cleanup_(diags_free) struct diags found = { .limit = 3 };
	_cleanup_(copy_done) struct copy copy = { 0 };
	const struct list before = *list;
	const struct prefix_set set = *list->set;
	size_t n_prefixes = loader->n_prefixes;
	bool exceeded = loader->prefixes_exceeded || loader->bytes_exceeded;
	int r, from_copy = -ENOENT;

	loader->diags = &found;
	r = list_read_file(list);
	loader->diags = diags;
	if (r == -EINVAL && (exceeded || !(loader->prefixes_exceeded || loader->bytes_exceeded)))
		from_copy = copy_read(list_cache_copies(loader->cache), list->path, &copy);
	if (!from_copy) { /* the arrays of the set may have grown: they stay */
		*list = before;
		list->set->n_v4 = set.n_v4;
		list->set->n_v6 = set.n_v6;
		loader->n_prefixes = n_prefixes;
		from_copy = parse_copy(list, &copy);
	}
	if (from_copy == -ENOMEM)
		return from_copy;
	diags_repeat(diags, &found, !from_copy);
	if (!from_copy) {
		file->copy_usec = copy.usec;
		return say_copy(list, &copy);
	}
	diags->n_errors += found.n_errors - found.n;
	if (r == -EINVAL && from_copy != -ENOENT)
		node_warning(loader, list->name, "nor does the copy of %s stand for it: %s",
			     list->path,
			     from_copy == -EINVAL    ? "this policy would refuse it, too"
			     : from_copy == -EBADMSG ? "it is damaged"
						     : strerrordesc_np(-from_copy));
	return r;
}
