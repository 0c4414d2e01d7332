/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal.c: see journal.h. The order of fsync() and rename() is what it promises:
 *
 *   sync        lines are written behind the others; fdatasync(); only now it is acknowledged
 *   compaction  a new file is written, fsync(); rename(); fsync() of the folder; only now is
 *               something written behind it
 *
 * A new journal is made like a compacted one, so no crash leaves one without its first line.
 */
#include "journal.h"

#include <fcntl.h>
#include <string.h>

#include "journal_file.h"
#include "journal_text.h"
#include "util.h"

#define BUFFER_BYTES (256U << 10)
/* So many lines that are past cost nothing worth a compaction. */
#define WASTE_MIN 1024

struct journal {
	struct journal_place place;
	int fd;
	off_t size;     /* of what was acknowledged */
	size_t n;       /* records of it */
	size_t patient; /* no compaction before there are so many: the last one failed */
	bool damaged;   /* it has lines that were not understood */
	bool torn;      /* behind size there may be something */
	bool unlinked; /* the folder on the disk may have the file's name for its predecessor yet */
	char *pending; /* lines to be written */
	size_t n_pending, pending_capacity;
	size_t n_pending_records;
};

struct journal *journal_close(struct journal *journal)
{
	if (!journal)
		return NULL;
	journal_place_done(&journal->place);
	close_fd(&journal->fd);
	free(journal->pending);
	free(journal);
	return NULL;
}

static void close_journal(struct journal **journal)
{
	*journal = journal_close(*journal);
}

static int write_at(int fd, const char *bytes, size_t n, off_t at)
{
	while (n) {
		ssize_t written = pwrite(fd, bytes, n, at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		bytes += written;
		n -= (size_t)written;
		at += written;
	}
	return 0;
}

/* --- a new file -------------------------------------------------------------------------- */

struct writer {
	int fd;
	char *buffer;
	size_t n; /* in the buffer */
	off_t size;
	size_t n_records;
};

static int flush(struct writer *writer)
{
	int r = write_at(writer->fd, writer->buffer, writer->n, writer->size);

	writer->size += (off_t)writer->n;
	writer->n = 0;
	return !r && writer->size > JOURNAL_MAX_BYTES ? -EFBIG : r;
}

/* *ret_from_next: what is returned came from next(), which has its own way to say it. */
static int write_records(struct writer *writer, journal_next *next, void *context,
			 bool *ret_from_next)
{
	struct journal_record record;
	int r = 1;

	writer->n = journal_format_header(writer->buffer);
	while (next && (r = next(context, &record)) > 0) {
		writer->n += journal_format(&record, writer->buffer + writer->n);
		writer->n_records++;
		if (writer->n > BUFFER_BYTES - JOURNAL_LINE_MAX && (r = flush(writer)) < 0)
			return r;
	}
	*ret_from_next = r < 0;
	if (r >= 0)
		r = flush(writer);
	if (!r && fsync(writer->fd) < 0)
		r = -errno;
	return r;
}

static void adopt(struct journal *journal, struct writer *writer)
{
	close_fd(&journal->fd);
	journal->fd = TAKE_FD(writer->fd);
	journal->size = writer->size;
	journal->n = writer->n_records;
	journal->patient = 0;
	journal->damaged = journal->torn = false;
	journal->unlinked = true;
}

static int sync_folder(struct journal *journal)
{
	if (fsync(journal->place.folder) < 0)
		return -errno;
	journal->unlinked = false;
	return 0;
}

/* Until rename() the journal is as it was; after it, it is the new one, whatever is returned. */
static int replace(struct journal *journal, journal_next *next, void *context, struct diags *diags)
{
	const struct journal_place *place = &journal->place;
	_cleanup_free_ char *buffer = malloc(BUFFER_BYTES);
	struct writer writer = { .fd = -1, .buffer = buffer };
	bool from_next = false;
	int r = buffer ? 0 : -ENOMEM;

	if (!r) {
		unlinkat(place->folder, place->new_name, 0); /* of a former life */
		writer.fd = openat(place->folder, place->new_name,
				   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (writer.fd < 0)
			r = -errno;
	}
	if (!r)
		r = write_records(&writer, next, context, &from_next);
	if (!r && renameat(place->folder, place->new_name, place->folder, place->name) < 0)
		r = -errno;
	if (!r) {
		adopt(journal, &writer);
		r = sync_folder(journal);
	} else if (writer.fd >= 0) {
		unlinkat(place->folder, place->new_name, 0);
		close_fd(&writer.fd);
	}
	return r < 0 && !from_next ? journal_file_error(place, r, "write it anew", diags) : r;
}

/* --- open -------------------------------------------------------------------------------- */

/* What is behind the last acknowledged line goes. */
static int cut(struct journal *journal)
{
	if (ftruncate(journal->fd, journal->size) < 0 || fdatasync(journal->fd) < 0)
		return -errno;
	journal->torn = false;
	return 0;
}

static int read_journal(struct journal *journal, off_t size, journal_visit *visit, void *context,
			struct diags *diags)
{
	struct journal_contents contents = { 0 };
	int r = journal_file_read(&journal->place, journal->fd, visit, context, &contents, diags);

	if (r)
		return r;
	if (!size)
		return replace(journal, NULL, NULL, diags);
	journal->n = contents.n;
	journal->size = contents.good;
	journal->damaged = contents.n_damaged;
	if (contents.good < size) {
		r = cut(journal);
		if (r < 0)
			return journal_file_error(&journal->place, r, "cut off its end", diags);
	}
	return 0;
}

int journal_open(const char *state_dir, const char *name, journal_visit *visit, void *context,
		 struct journal **ret, struct diags *diags)
{
	_cleanup_(close_journal) struct journal *journal = calloc(1, sizeof(*journal));
	off_t size;
	int r;

	if (!journal)
		return -ENOMEM;
	journal->fd = -1;
	r = journal_place_open(&journal->place, state_dir, name, true, diags);
	if (r < 0)
		return r;
	unlinkat(journal->place.folder, journal->place.new_name, 0); /* of a compaction that died */
	r = journal_file_open(&journal->place, &journal->fd, &size, diags);
	if (r == -ENOENT)
		r = replace(journal, NULL, NULL, diags);
	else if (!r)
		r = read_journal(journal, size, visit, context, diags);
	if (r)
		return r;
	*ret = TAKE_PTR(journal);
	return 0;
}

/* --- adding ------------------------------------------------------------------------------ */

int journal_add(struct journal *journal, const struct journal_record *record)
{
	if (array_reserve((void **)&journal->pending, &journal->pending_capacity,
			  journal->n_pending + JOURNAL_LINE_MAX, 1) < 0)
		return -ENOMEM;
	journal->n_pending += journal_format(record, journal->pending + journal->n_pending);
	journal->n_pending_records++;
	return 0;
}

static void forget_pending(struct journal *journal)
{
	journal->n_pending = journal->n_pending_records = 0;
	if (journal->pending_capacity > BUFFER_BYTES) {
		free(journal->pending);
		journal->pending = NULL;
		journal->pending_capacity = 0;
	}
}

static int write_pending(struct journal *journal)
{
	int r = 0;

	/* What a failure left undone is done first. */
	if (journal->torn)
		r = cut(journal);
	if (!r && journal->unlinked)
		r = sync_folder(journal);
	if (!r && journal->size + (off_t)journal->n_pending > JOURNAL_MAX_BYTES)
		r = -EFBIG;
	if (r < 0)
		return r;
	r = write_at(journal->fd, journal->pending, journal->n_pending, journal->size);
	if (!r && fdatasync(journal->fd) < 0)
		r = -errno;
	if (r < 0) {
		journal->torn = true;
		cut(journal);
		return r;
	}
	journal->size += (off_t)journal->n_pending;
	journal->n += journal->n_pending_records;
	return 0;
}

int journal_sync(struct journal *journal, struct diags *diags)
{
	int r = journal->n_pending ? write_pending(journal) : 0;

	forget_pending(journal);
	return r < 0 ? journal_file_error(&journal->place, r, "write to it", diags) : 0;
}

/* --- compaction, removal ----------------------------------------------------------------- */

bool journal_is_wasteful(const struct journal *journal, size_t n_entries)
{
	if (journal->n < journal->patient)
		return false;
	return journal->damaged || (journal->n > n_entries && journal->n - n_entries > n_entries &&
				    journal->n - n_entries >= WASTE_MIN);
}

int journal_compact(struct journal *journal, journal_next *next, void *context, struct diags *diags)
{
	int r;

	forget_pending(journal);
	r = replace(journal, next, context, diags);
	if (r < 0)
		journal->patient = journal->n + journal->n / 2 + WASTE_MIN;
	return r;
}

bool journal_exists(const char *state_dir, const char *name)
{
	_cleanup_(journal_place_done) struct journal_place place;
	_cleanup_(diags_free) struct diags diags = { 0 };

	return journal_place_open(&place, state_dir, name, false, &diags) >= 0 &&
	       faccessat(place.folder, place.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int journal_remove(const char *state_dir, const char *name)
{
	_cleanup_(journal_place_done) struct journal_place place;
	_cleanup_(diags_free) struct diags diags = { 0 };
	int r = journal_place_open(&place, state_dir, name, false, &diags);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	unlinkat(place.folder, place.new_name, 0);
	if (unlinkat(place.folder, place.name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(place.folder) < 0 ? -errno : 0;
}
