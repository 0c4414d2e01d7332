/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * entries.c: one entry of the history: a folder. It is written under another name, put on the disk
 * and renamed, so it is whole or not there; it goes likewise.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "history_internal.h"
#include "util.h"

const char *id_text(uint64_t id, char ret[static ID_TEXT])
{
	snprintf(ret, ID_TEXT, "%" PRIu64, id);
	return ret;
}

uint64_t id_parse(const char *text)
{
	size_t n = strspn(text, "0123456789");
	uint64_t id = n && n < ID_TEXT && !text[n] && *text != '0' ? strtoull(text, NULL, 10) : 0;

	return id <= ID_MAX ? id : 0;
}

/* --- is it whole? ------------------------------------------------------------------------ */

/* What is wrong, and with what. */
struct fault {
	char name[ID_TEXT + DIGEST_TEXT]; /* in the folder of the history */
	const char *why;
};

static void fault_of_list(struct fault *fault, const struct stored_file *list, char *ret_name)
{
	hex_format(list->digest, SHA256_DIGEST_SIZE, ret_name);
	snprintf(fault->name, sizeof(fault->name), LISTS "/%s", ret_name);
}

static void fault_of_file(struct fault *fault, uint64_t id, const char *name)
{
	snprintf(fault->name, sizeof(fault->name), "%" PRIu64 "%s%s", id, name ? "/" : "",
		 name ? name : "");
}

/* whole: what they hold is looked at, too. */
static int check_files(const struct history *history, const struct record *record, int folder,
		       bool whole, struct fault *fault)
{
	char name[DIGEST_TEXT];
	int r;

	fault_of_file(fault, record->entry.id, POLICY);
	if (record->policy.bytes > CONFIG_MAX_FILE_BYTES) {
		fault->why = "is larger than a policy file may be";
		return -EFBIG;
	}
	r = stored_verify(folder, POLICY, &record->policy, whole, &fault->why);
	for (size_t i = 0; i < record->n_lists && !r; i++) {
		fault_of_list(fault, &record->lists[i], name);
		r = stored_verify(history->lists, name, &record->lists[i], whole, &fault->why);
	}
	return r;
}

static int read_about(int folder, struct record *record, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	uint64_t id = record->entry.id;
	size_t len;
	int r = stored_read(folder, ABOUT, ABOUT_MAX_BYTES, &text, &len, &fault->why);

	if (r < 0)
		return r;
	r = about_parse(text, len, record);
	record->entry.id = id;
	if (r == -EPROTONOSUPPORT)
		fault->why = "was written by a newer xdpgate";
	else if (r < 0)
		fault->why = r == -EBADMSG ? "is damaged" : strerrordesc_np(-r);
	return r;
}

static int read_entry(const struct history *history, struct record *record, struct fault *fault)
{
	_cleanup_close_ int folder = -1;
	char name[ID_TEXT];
	int r;

	fault_of_file(fault, record->entry.id, NULL);
	folder = stored_open_folder(history->folder, id_text(record->entry.id, name), &fault->why);
	if (folder < 0)
		return folder;
	unlinkat(folder, ABOUT ".new", 0); /* of a change that died */
	fault_of_file(fault, record->entry.id, ABOUT);
	r = read_about(folder, record, fault);
	return r < 0 ? r : check_files(history, record, folder, false, fault);
}

static void warn_of(const struct history *history, uint64_t id, const struct fault *fault,
		    struct diags *diags)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", history->path, fault->name) < 0)
		path = NULL;
	diag_warning(diags, &(struct diag_place){ .file = path },
		     "this %s; so policy %" PRIu64 " of the history cannot be gone back to: remove "
		     "the folder %s/%" PRIu64 ", or put back what it was",
		     fault->why, id, history->path, id);
}

int entry_verify(const struct history *history, const struct record *record, struct diags *diags)
{
	_cleanup_close_ int folder = -1;
	char name[ID_TEXT];
	struct fault fault;
	int r;

	fault_of_file(&fault, record->entry.id, NULL);
	folder = stored_open_folder(history->folder, id_text(record->entry.id, name), &fault.why);
	r = folder < 0 ? folder : check_files(history, record, folder, true, &fault);
	if (r < 0)
		warn_of(history, record->entry.id, &fault, diags);
	return r;
}

/* --- all of them ------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Their numbers, in order; caller frees. */
static int list_ids(const struct history *history, uint64_t **ret, size_t *ret_n)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	_cleanup_free_ uint64_t *ids = NULL;
	size_t n = 0, capacity = 0;
	struct dirent *entry;
	int fd = openat(history->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int r = -errno;

		close_fd(&fd);
		return r;
	}
	while (errno = 0, (entry = readdir(dir))) {
		uint64_t id = id_parse(entry->d_name);

		if (!id)
			continue;
		if (array_reserve((void **)&ids, &capacity, n + 1, sizeof(*ids)) < 0)
			return -ENOMEM;
		ids[n++] = id;
	}
	if (errno)
		return -errno;
	if (n)
		qsort(ids, n, sizeof(*ids), compare_ids);
	*ret = TAKE_PTR(ids);
	*ret_n = n;
	return 0;
}

static int take_entry(struct history *history, uint64_t id, struct diags *diags)
{
	_cleanup_(record_done) struct record record = { .entry.id = id };
	struct fault fault = { 0 };
	int r;

	if (array_reserve((void **)&history->items, &history->capacity, history->n + 1,
			  sizeof(*history->items)) < 0)
		return -ENOMEM;
	r = read_entry(history, &record, &fault);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		warn_of(history, id, &fault, diags);
		history->has_unknown = true;
		return 0;
	}
	history->items[history->n++] = record;
	record = (struct record){ 0 };
	return 0;
}

/* 0: nothing is known. */
static uint64_t read_last(const struct history *history)
{
	_cleanup_free_ char *text = NULL;
	const char *why;
	size_t len;

	return stored_read(history->folder, LAST, ID_TEXT, &text, &len, &why) < 0 ? 0
										  : id_parse(text);
}

int entries_read(struct history *history, struct diags *diags)
{
	_cleanup_free_ uint64_t *ids = NULL;
	size_t n = 0;
	int r;

	stored_remove(history->folder, NEW);
	stored_remove(history->folder, GONE);
	r = list_ids(history, &ids, &n);
	for (size_t i = 0; i < n && !r; i++)
		r = take_entry(history, ids[i], diags);
	if (r < 0)
		return history_error(history, NULL, r, "read it", diags);
	history->last_id = read_last(history);
	if (n && ids[n - 1] > history->last_id)
		history->last_id = ids[n - 1];
	return 0;
}

/* --- writing, removing ------------------------------------------------------------------- */

static int fill_folder(int folder, const char *about, const char *policy, size_t n)
{
	int r = stored_write(folder, POLICY, policy, n);

	if (!r)
		r = stored_write(folder, ABOUT, about, strlen(about));
	if (!r && fsync(folder) < 0)
		r = -errno;
	return r;
}

static int make_entry(const struct history *history, const struct record *record, const char *about,
		      const char *policy)
{
	bool known = record_find(history, record->entry.id); /* then this takes its place */
	_cleanup_close_ int folder = -1;
	char name[ID_TEXT];
	int r;

	stored_remove(history->folder, NEW);
	if (mkdirat(history->folder, NEW, 0700) < 0)
		return -errno;
	folder = openat(history->folder, NEW, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = folder < 0 ? -errno : fill_folder(folder, about, policy, record->policy.bytes);
	if (!r && renameat2(history->folder, NEW, history->folder, id_text(record->entry.id, name),
			    known ? RENAME_EXCHANGE : 0) < 0)
		r = -errno;
	if (!r && fsync(history->folder) < 0) {
		r = -errno;
		if (!known)
			entry_remove(history, record->entry.id);
	}
	if (r < 0 || known) /* now what it was before */
		stored_remove(history->folder, NEW);
	return r;
}

int entry_write(const struct history *history, const struct record *record, const char *policy,
		struct diags *diags)
{
	_cleanup_free_ char *about = about_format(record);
	char name[ID_TEXT];
	int r = about ? make_entry(history, record, about, policy) : -ENOMEM;

	if (r < 0)
		return history_error(history, id_text(record->entry.id, name), r,
				     "keep the policy there", diags);
	return 0;
}

void entry_remove(const struct history *history, uint64_t id)
{
	char name[ID_TEXT];

	stored_remove(history->folder, GONE);
	/* On the disk, before something in it goes. */
	if (renameat(history->folder, id_text(id, name), history->folder, GONE) == 0 &&
	    fsync(history->folder) == 0)
		stored_remove(history->folder, GONE);
}
