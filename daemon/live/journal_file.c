/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal_file.c: see journal_file.h. The daemon is root and the folder its own; all the same it
 * neither follows a link there nor waits for a FIFO, and believes nothing that another user may
 * have written.
 */
#include "journal_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "journal_text.h"
#include "util.h"

#define FOLDER "live"
#define SUFFIX ".journal"
#define READ_BYTES (256U << 10)
#define DAMAGED_TOLD 10 /* lines, one by one */

int journal_file_error(const struct journal_place *place, int r, const char *what,
		       struct diags *diags)
{
	const struct diag_place at = { .file = place->path };
	const char *remedy = r == -EFBIG ? "flush the set, or let it hold less" : file_remedy(r);

	diag_error(diags, &at, "cannot %s: %s; %s", what, strerrordesc_np(-r), remedy);
	return r;
}

/* --- folder ------------------------------------------------------------------------------ */

static int open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static int refuse_folder(const struct journal_place *place, const char *why, struct diags *diags)
{
	const struct diag_place at = { .file = place->folder_path };

	diag_error(diags, &at,
		   "this %s; nothing in it is believed: look who made it, move it away, and the "
		   "daemon makes it anew",
		   why);
	return -EPERM;
}

static int check_folder(const struct journal_place *place, struct diags *diags)
{
	const char *why;
	struct stat stat;

	if (fstat(place->folder, &stat) < 0)
		return journal_file_error(place, -errno, "look at its folder", diags);
	why = file_distrust(&stat);
	return why ? refuse_folder(place, why, diags) : 0;
}

int journal_place_open(struct journal_place *place, const char *state_dir, const char *name,
		       bool make, struct diags *diags)
{
	int r = 0;

	*place = (struct journal_place){ .folder = -1 };
	if (!*name || *name == '.' || strchr(name, '/'))
		return diag_error(diags, NULL, "'%s' cannot be the name of a file in %s", name,
				  state_dir);
	if (asprintf(&place->folder_path, "%s/" FOLDER, state_dir) < 0)
		place->folder_path = NULL;
	if (asprintf(&place->path, "%s/" FOLDER "/%s" SUFFIX, state_dir, name) < 0)
		place->path = NULL;
	if (asprintf(&place->new_name, "%s" SUFFIX ".new", name) < 0)
		place->new_name = NULL;
	if (asprintf(&place->name, "%s" SUFFIX, name) < 0)
		place->name = NULL;
	if (!place->folder_path || !place->path || !place->name || !place->new_name)
		return -ENOMEM;
	if (make) {
		r = folder_make(state_dir);
		if (!r)
			r = folder_make(place->folder_path);
		if (r < 0)
			return journal_file_error(place, r, "make its folder", diags);
	}
	r = open_folder(place->folder_path);
	if (r == -ENOENT && !make)
		return r;
	if (r == -ELOOP || r == -ENOTDIR)
		return refuse_folder(place, "is not a folder", diags);
	if (r < 0)
		return journal_file_error(place, r, "open its folder", diags);
	place->folder = r;
	return check_folder(place, diags);
}

void journal_place_done(struct journal_place *place)
{
	free(place->folder_path);
	free(place->path);
	free(place->name);
	free(place->new_name);
	close_fd(&place->folder);
	*place = (struct journal_place){ .folder = -1 };
}

/* --- file -------------------------------------------------------------------------------- */

static int refuse(const struct journal_place *place, int r, const char *why, struct diags *diags)
{
	const struct diag_place at = { .file = place->path };

	diag_error(diags, &at, "this %s; look at it, move it away, and the daemon makes one anew",
		   why);
	return r;
}

int journal_file_open(const struct journal_place *place, int *ret_fd, off_t *ret_size,
		      struct diags *diags)
{
	_cleanup_close_ int fd = openat(place->folder, place->name,
					O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	const char *why;
	struct stat stat;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 && errno == ELOOP)
		return refuse(place, -ELOOP, "is a symbolic link, not a journal", diags);
	if (fd < 0 && (errno == EISDIR || errno == ENXIO))
		return refuse(place, -EINVAL, "is not a file", diags);
	if (fd < 0)
		return journal_file_error(place, -errno, "open it", diags);
	if (fstat(fd, &stat) < 0)
		return journal_file_error(place, -errno, "look at it", diags);
	if (!S_ISREG(stat.st_mode))
		return refuse(place, -EINVAL, "is not a file", diags);
	why = file_distrust(&stat);
	if (why)
		return refuse(place, -EPERM, why, diags);
	if (stat.st_size > JOURNAL_MAX_BYTES)
		return refuse(place, -EFBIG, "is larger than a journal gets (2 GiB)", diags);
	/* From a backup, say. */
	if (stat.st_mode & 07777 & ~0600 && fchmod(fd, 0600) < 0)
		return journal_file_error(place, -errno, "make it private", diags);
	*ret_fd = TAKE_FD(fd);
	*ret_size = stat.st_size;
	return 0;
}

/* --- reading ----------------------------------------------------------------------------- */

struct reader {
	const struct journal_place *place;
	struct diags *diags;
	journal_visit *visit;
	void *context;
	struct journal_contents contents;
	unsigned int line;
	bool damaged_header;
};

static void warn_line(const struct reader *reader, const char *what)
{
	const struct diag_place at = { .file = reader->place->path, .line = reader->line };

	diag_warning(reader->diags, &at, "%s", what);
}

static void damaged(struct reader *reader)
{
	if (reader->contents.n_damaged++ < DAMAGED_TOLD)
		warn_line(reader, "this line is damaged and left out; an entry that it added is "
				  "missing, one that it removed may be back");
}

static int take_header(struct reader *reader, const char *text, size_t len)
{
	unsigned int version = journal_parse_header(text, len);
	char why[160];

	if (version > JOURNAL_VERSION) {
		snprintf(why, sizeof(why),
			 "this was written by a newer xdpgate (version %u of the journal, this "
			 "one knows %d): install that",
			 version, JOURNAL_VERSION);
		return refuse(reader->place, -EPROTONOSUPPORT, why, reader->diags);
	}
	if (!version) {
		reader->damaged_header = true;
		reader->contents.n_damaged++;
	}
	return 0;
}

/* One line, without its newline. */
static int take_line(struct reader *reader, const char *text, size_t len)
{
	char comment[LIVE_COMMENT_MAX + 1];
	struct journal_record record;

	reader->line++;
	if (reader->line == 1)
		return take_header(reader, text, len);
	if (len >= JOURNAL_LINE_MAX || !journal_parse(text, len, &record, comment)) {
		damaged(reader);
		return 0;
	}
	reader->contents.n++;
	return reader->visit(reader->context, &record);
}

/* All lines of the text; *ret_used: their bytes. */
static int take_lines(struct reader *reader, const char *text, size_t len, size_t *ret_used)
{
	const char *p = text, *newline;
	int r = 0;

	while (!r && (newline = memchr(p, '\n', len - (size_t)(p - text)))) {
		r = take_line(reader, p, (size_t)(newline - p));
		p = newline + 1;
	}
	*ret_used = (size_t)(p - text);
	return r;
}

static int read_lines(struct reader *reader, int fd)
{
	_cleanup_free_ char *buffer = malloc(READ_BYTES);
	off_t at = 0; /* bytes read */
	size_t n = 0; /* in the buffer, of a line that has not ended */

	if (!buffer)
		return journal_file_error(reader->place, -ENOMEM, "read it", reader->diags);
	for (;;) {
		ssize_t got = pread(fd, buffer + n, READ_BYTES - n, at);
		size_t used;
		int r;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return journal_file_error(reader->place, -errno, "read it", reader->diags);
		if (!got || at > JOURNAL_MAX_BYTES)
			return 0;
		at += got;
		n += (size_t)got;
		r = take_lines(reader, buffer, n, &used);
		if (r)
			return r;
		n -= used;
		if (used)
			reader->contents.good = at - (off_t)n;
		memmove(buffer, buffer + used, n);
		/* Longer than any record, and the first bytes are enough to see it. */
		if (n > JOURNAL_LINE_MAX)
			n = JOURNAL_LINE_MAX;
	}
}

static int judge(struct reader *reader, off_t size)
{
	const struct diag_place at = { .file = reader->place->path };
	const struct journal_contents *contents = &reader->contents;

	if (size && !contents->n && (reader->damaged_header || !reader->line))
		return refuse(reader->place, -EINVAL, "is not a journal of xdpgate", reader->diags);
	if (!size)
		diag_warning(reader->diags, &at,
			     "this is empty, without even the first line of a journal; entries "
			     "that it may have held are lost");
	if (reader->damaged_header)
		diag_warning(
			reader->diags, &(struct diag_place){ .file = at.file, .line = 1 },
			"the first line is damaged, and an entry may be missing if it is two; the "
			"others are read nevertheless");
	if (contents->n_damaged > DAMAGED_TOLD)
		diag_warning(reader->diags, &at, "%zu lines are damaged in all",
			     contents->n_damaged);
	if (contents->good < size) {
		reader->line++;
		warn_line(reader, "the last line was not written to its end, as a crash leaves "
				  "it, and is cut off; unless the disk is at fault, nobody was "
				  "told that it is kept");
	}
	return 0;
}

int journal_file_read(const struct journal_place *place, int fd, journal_visit *visit,
		      void *context, struct journal_contents *ret, struct diags *diags)
{
	struct reader reader = {
		.place = place, .diags = diags, .visit = visit, .context = context
	};
	struct stat stat;
	int r = read_lines(&reader, fd);

	if (!r && fstat(fd, &stat) < 0)
		r = journal_file_error(place, -errno, "look at it", diags);
	if (!r)
		r = judge(&reader, stat.st_size);
	if (!r)
		*ret = reader.contents;
	return r;
}
