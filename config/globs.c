/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * globs.c: list files by pattern: '*' and '?' in the last part of a path. Not glob(3), whose
 * patterns may make it search the whole file system, or one name for ever.
 */
#include "loader.h"

#include <dirent.h>
#include <string.h>

#include "copies.h"
#include "list_cache.h"
#include "util.h"

void paths_done(struct paths *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		free(paths->items[i]);
	free(paths->items);
	*paths = (struct paths){ 0 };
}

/* One look back to the last '*' is enough: what an earlier one took may stay with it. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	if (*name == '.' && *pattern != '.')
		return false; /* what is being written, most likely */
	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (*pattern == *name || *pattern == '?') {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* The daemon is to watch what matches. */
static int pattern_add(struct loader *loader, const char *path, const struct list_guard *guard)
{
	struct policy *policy = loader->policy;
	struct policy_pattern *pattern;

	if (array_reserve((void **)&policy->patterns, &loader->patterns_capacity,
			  policy->n_patterns + 1, sizeof(*pattern)) < 0)
		return -ENOMEM;
	pattern = &policy->patterns[policy->n_patterns];
	*pattern = (struct policy_pattern){ .path = strdup(path), .guard = *guard };
	if (!pattern->path)
		return -ENOMEM;
	policy->n_patterns++;
	return 0;
}

static int add_path(struct paths *paths, char *path)
{
	if (!path || array_reserve((void **)&paths->items, &paths->capacity, paths->n + 1,
				   sizeof(*paths->items)) < 0) {
		free(path);
		return -ENOMEM;
	}
	paths->items[paths->n++] = path;
	return 0;
}

static int too_many(struct loader *loader, const struct node *pattern)
{
	return node_error(loader, pattern, "more than %d files match '%.60s'", CONFIG_MAX_GLOB,
			  pattern->text);
}

/* The names in the folder that match. -E2BIG: there are too many. */
static int search_folder(const char *folder, const char *last, struct paths *paths)
{
	DIR *dir = opendir(*folder ? folder : ".");
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	while (!r && (errno = 0, entry = readdir(dir))) {
		char *path = NULL;

		if (!matches(last, entry->d_name))
			continue;
		if (paths->n == CONFIG_MAX_GLOB)
			r = -E2BIG;
		else
			r = asprintf(&path, "%s%s", folder, entry->d_name) < 0
				    ? -ENOMEM
				    : add_path(paths, path);
	}
	if (!r && errno)
		r = -errno;
	closedir(dir);
	return r;
}

/* Of the copies that are kept, those of files that would match. */
static int search_copies(struct loader *loader, const struct node *pattern, const char *folder,
			 const char *last, struct paths *paths)
{
	const char *copies = loader->cache ? list_cache_copies(loader->cache) : NULL;
	struct paths kept = { 0 };
	int r = copies ? copies_list(copies, &kept) : 0;

	for (size_t i = 0; i < kept.n && !r; i++) {
		const char *slash = strrchr(kept.items[i], '/'), *path = kept.items[i];
		const char *name = slash ? slash + 1 : path;

		if ((size_t)(name - path) != strlen(folder) ||
		    strncmp(path, folder, strlen(folder)) || !matches(last, name))
			continue;
		r = paths->n == CONFIG_MAX_GLOB ? too_many(loader, pattern)
						: add_path(paths, TAKE_PTR(kept.items[i]));
	}
	paths_done(&kept);
	return r;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int check_pattern(struct loader *loader, const struct node *pattern)
{
	const char *last = strrchr(pattern->text, '/');
	size_t folder_len = last ? (size_t)(last - pattern->text) : 0;

	if (!pattern->len || (last && !last[1]))
		return node_error(loader, pattern,
				  "expected a pattern such as feeds/*.txt, found "
				  "'%.60s'",
				  pattern->text);
	if (strcspn(pattern->text, "*?") < folder_len)
		return node_error(loader, pattern,
				  "'*' and '?' may stand in the last part of a path only");
	if (strpbrk(pattern->text, "[]{}"))
		return node_error(loader, pattern,
				  "'*' and '?' are all that a pattern may have; give several "
				  "patterns as a list");
	return 0;
}

/* No path of a file has that form. */
char *list_pattern_name(const char *pattern)
{
	char *name;

	return asprintf(&name, "//glob %s", pattern) < 0 ? NULL : name;
}

/* The paths that the pattern matched for the policy that is made again: each ends in NUL. -ENOENT:
 * nobody knows. */
static int recall_paths(struct loader *loader, const char *path, struct paths *ret)
{
	_cleanup_free_ char *name = list_pattern_name(path);
	const char *text;
	size_t len;
	int r = 0;

	if (!name)
		return -ENOMEM;
	text = list_cache_find_text(loader->cache, name, &len);
	if (!text)
		return -ENOENT;
	for (const char *p = text; p < text + len && !r; p += strlen(p) + 1)
		r = add_path(ret, strdup(p));
	return r;
}

static int remember_paths(struct loader *loader, const char *path, const struct paths *paths)
{
	_cleanup_free_ char *name = list_pattern_name(path), *text = NULL;
	size_t len = 0;
	FILE *stream;
	int r = 0;

	if (!loader->cache || loader->again)
		return 0;
	stream = name ? open_memstream(&text, &len) : NULL;
	if (!stream)
		return -ENOMEM;
	for (size_t i = 0; i < paths->n; i++)
		fwrite(paths->items[i], strlen(paths->items[i]) + 1, 1, stream);
	if (fclose(stream) != 0)
		r = -ENOMEM;
	return r < 0 ? r : list_cache_add_text(loader->cache, name, text, len);
}

/* The folder of a path with its slash, and the rest of it. Caller frees; NULL: out of memory. */
static char *split_path(const char *path, const char **ret_last)
{
	const char *slash = strrchr(path, '/');

	*ret_last = slash ? slash + 1 : path;
	return strndup(path, (size_t)(*ret_last - path));
}

/* Of the files that the pattern matched for the policy in force, those that are gone. */
static int add_gone(struct loader *loader, const char *path, struct paths *paths)
{
	struct paths before = { 0 };
	size_t n = paths->n;
	int r = recall_paths(loader, path, &before);

	for (size_t i = 0; i < before.n && !r; i++) {
		bool found = false;

		for (size_t j = 0; j < n && !found; j++)
			found = !strcmp(paths->items[j], before.items[i]);
		if (!found)
			r = add_path(paths, TAKE_PTR(before.items[i]));
	}
	paths_done(&before);
	return r == -ENOENT ? 0 : r;
}

static int expand(struct loader *loader, const struct node *pattern, const char *path,
		  const struct list_guard *guard, bool keep, struct paths *ret)
{
	_cleanup_free_ char *folder = NULL;
	const char *last;
	int r, why;

	folder = split_path(path, &last);
	if (!folder)
		return -ENOMEM;
	r = why = search_folder(folder, last, ret);
	if (r == -E2BIG)
		return too_many(loader, pattern);
	if (r == -ENOMEM)
		return r;
	if (!ret->n && keep)
		r = search_copies(loader, pattern, folder, last, ret);
	else
		r = 0;
	if (!r && loader->cache && guard->max_shrink < 100 && !loader->accept_shrink)
		r = add_gone(loader, path, ret);
	if (r < 0)
		return r;
	if (!ret->n && why)
		return node_error(loader, pattern, "cannot read the folder %s: %s", folder,
				  strerrordesc_np(-why));
	if (!ret->n)
		return node_error(
			loader, pattern,
			"no file matches %s; a list that shall hold nothing may be a file "
			"with just a comment",
			path);
	qsort(ret->items, ret->n, sizeof(*ret->items), compare_paths);
	return remember_paths(loader, path, ret);
}

int glob_expand(struct loader *loader, const struct node *pattern, const struct list_guard *guard,
		bool keep, struct paths *ret)
{
	_cleanup_free_ char *path = NULL;
	int r = node_expect(loader, pattern, NODE_SCALAR, "a pattern such as feeds/*.txt");

	if (!r)
		r = check_pattern(loader, pattern);
	if (r < 0)
		return r;
	path = path_resolve(pattern);
	if (!path)
		return -ENOMEM;
	if (guard->watch)
		r = pattern_add(loader, path, guard);
	if (!r && loader->again) {
		r = recall_paths(loader, path, ret);
		if (r != -ENOENT)
			return r;
		r = 0;
	}
	return r < 0 ? r : expand(loader, pattern, path, guard, keep, ret);
}

int list_pattern_expand(const char *pattern, struct paths *ret, struct diags *diags)
{
	_cleanup_free_ char *folder = NULL;
	const char *last;
	int r;

	folder = split_path(pattern, &last);
	if (!folder)
		return -ENOMEM;
	r = search_folder(folder, last, ret);
	if (r == -ENOMEM || !r) {
		qsort(ret->items, ret->n, sizeof(*ret->items), compare_paths);
		return r;
	}
	paths_done(ret);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == -E2BIG)
		return diag_error(diags, &(struct diag_place){ .file = pattern },
				  "more than %d files match", CONFIG_MAX_GLOB);
	return diag_error(diags, &(struct diag_place){ .file = pattern },
			  "cannot read the folder: %s", strerrordesc_np(-r));
}
