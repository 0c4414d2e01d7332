/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history.c: the history is opened, and looked at; see history.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "files.h"
#include "history_internal.h"
#include "util.h"

int history_error(const struct history *history, const char *name, int r, const char *what,
		  struct diags *diags)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s%s%s", history->path, name ? "/" : "", name ? name : "") < 0)
		path = NULL;
	diag_error(diags, &(struct diag_place){ .file = path }, "cannot %s: %s; %s", what,
		   strerrordesc_np(-r), file_remedy(r));
	return r;
}

/* --- open -------------------------------------------------------------------------------- */

struct history *history_close(struct history *history)
{
	if (!history)
		return NULL;
	for (size_t i = 0; i < history->n; i++)
		record_done(&history->items[i]);
	free(history->items);
	free(history->path);
	close_fd(&history->lists);
	close_fd(&history->folder);
	free(history);
	return NULL;
}

static void close_history(struct history **history)
{
	*history = history_close(*history);
}

static int refuse_folder(const struct history *history, const char *name, int r, const char *why,
			 struct diags *diags)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s%s", history->path, name) < 0)
		path = NULL;
	diag_error(diags, &(struct diag_place){ .file = path },
		   "this %s; nothing in it is believed: look who made it, move it away, and the "
		   "daemon makes it anew",
		   why);
	return r;
}

static int open_folder(const struct history *history, int at, const char *name, const char *shown,
		       struct diags *diags)
{
	const char *why;
	int fd = stored_open_folder(at, name, &why);

	if (fd == -EPERM || fd == -ENOTDIR)
		return refuse_folder(history, shown, fd, why, diags);
	if (fd < 0)
		return history_error(history, NULL, fd, "open the folder", diags);
	return fd;
}

static int open_folders(struct history *history, struct diags *diags)
{
	int r;

	history->folder = open_folder(history, AT_FDCWD, history->path, "", diags);
	if (history->folder < 0)
		return history->folder;
	if (flock(history->folder, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return history_error(history, NULL, -errno, "lock it", diags);
		diag_error(diags, &(struct diag_place){ .file = history->path },
			   "another daemon keeps its history here; name another folder by "
			   "--state-dir");
		return -EBUSY;
	}
	/* From a backup, say. */
	if (fchmod(history->folder, 0700) < 0)
		return history_error(history, NULL, -errno, "make it private", diags);
	r = mkdirat(history->folder, LISTS, 0700) < 0 && errno != EEXIST ? -errno : 0;
	if (!r && fsync(history->folder) < 0)
		r = -errno;
	if (r < 0)
		return history_error(history, LISTS, r, "make the folder", diags);
	history->lists = open_folder(history, history->folder, LISTS, "/" LISTS, diags);
	return history->lists < 0 ? history->lists : 0;
}

int history_open(const char *state_dir, struct history **ret, struct diags *diags)
{
	_cleanup_(close_history) struct history *history = calloc(1, sizeof(*history));
	int r;

	if (!history)
		return -ENOMEM;
	history->folder = history->lists = -1;
	if (asprintf(&history->path, "%s/history", state_dir) < 0) {
		history->path = NULL;
		return -ENOMEM;
	}
	r = folder_make(state_dir);
	if (!r)
		r = folder_make(history->path);
	if (r < 0)
		return history_error(history, NULL, r, "make the folder", diags);
	r = open_folders(history, diags);
	if (!r)
		r = entries_read(history, diags);
	if (r < 0)
		return r;
	boot_read(history);
	lists_collect(history);
	*ret = TAKE_PTR(history);
	return 0;
}

/* --- find -------------------------------------------------------------------------------- */

const struct history_entry *history_at(const struct history *history, size_t i)
{
	return i < history->n ? &history->items[i].entry : NULL;
}

struct record *record_find(const struct history *history, uint64_t id)
{
	for (size_t i = 0; i < history->n; i++)
		if (history->items[i].entry.id == id)
			return &history->items[i];
	return NULL;
}

int record_missing(uint64_t id, struct diags *diags)
{
	diag_error(diags, NULL,
		   "the history has no policy %" PRIu64 "; 'xdpgate history' lists those that it "
		   "has",
		   id);
	return -ENOENT;
}

const struct history_entry *history_find(const struct history *history, uint64_t id)
{
	const struct record *record = record_find(history, id);

	return record ? &record->entry : NULL;
}

const struct history_entry *history_last_confirmed(const struct history *history)
{
	for (size_t i = history->n; i > 0; i--)
		if (history->items[i - 1].entry.state == HISTORY_CONFIRMED)
			return &history->items[i - 1].entry;
	return NULL;
}

const struct history_entry *history_refuses(const struct history *history,
					    const uint8_t text_hash[static 32])
{
	for (size_t i = history->n; i > 0; i--) {
		const struct history_entry *entry = &history->items[i - 1].entry;

		if (!memcmp(entry->text_hash, text_hash, sizeof(entry->text_hash)))
			return entry->state == HISTORY_REVERTED ? entry : NULL;
	}
	return NULL;
}

int history_path(struct history *history, uint64_t id, char ret[static PATH_MAX],
		 struct diags *diags)
{
	struct record *record = record_find(history, id);
	int r;

	if (!record)
		return record_missing(id, diags);
	r = entry_verify(history, record, diags);
	if (r < 0) {
		record_done(record);
		history->n--;
		memmove(record, record + 1,
			(size_t)(&history->items[history->n] - record) * sizeof(*record));
		history->has_unknown = true;
		return r;
	}
	if (snprintf(ret, PATH_MAX, "%s/%" PRIu64 "/" POLICY, history->path, id) >= PATH_MAX)
		return history_error(history, NULL, -ENAMETOOLONG, "name a policy in it", diags);
	return 0;
}
