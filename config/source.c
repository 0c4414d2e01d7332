/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.c: files and places in them. Files are read, never mapped: one that is truncated
 * while we look at it must not kill the daemon by SIGBUS.
 */
#include "source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "utf8.h"
#include "util.h"

static int index_lines(struct source *source)
{
	size_t n = 1, line = 0;

	for (const char *p = source->text; (p = memchr(p, '\n', source->text + source->len - p));
	     p++)
		n++;
	source->lines = malloc(n * sizeof(*source->lines));
	if (!source->lines)
		return -ENOMEM;
	source->lines[line++] = 0;
	for (const char *p = source->text; (p = memchr(p, '\n', source->text + source->len - p));
	     p++)
		source->lines[line++] = (uint32_t)(p + 1 - source->text);
	source->n_lines = n;
	return 0;
}

int source_init(struct source *source, const char *path, const char *text, size_t len)
{
	source->path = path;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	source->text = malloc(len + 1);
	if (!source->text)
		return -ENOMEM;
	if (len)
		memcpy(source->text, text, len);
	source->text[len] = '\0';
	source->len = len;
	return index_lines(source);
}

void source_done(struct source *source)
{
	free(source->text);
	free(source->lines);
	*source = (struct source){ 0 };
}

/* Index of the line that holds the offset. */
static size_t line_of(const struct source *source, size_t offset)
{
	size_t low = 0, high = source->n_lines;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (source->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

struct diag_place source_place(const struct source *source, size_t offset, size_t width)
{
	size_t line, start, end;

	if (offset > source->len)
		offset = source->len;
	line = line_of(source, offset);
	/* At the very end, behind the last newline: what is missing is missing after the last
	 * line that has text. */
	if (line > 0 && offset == source->len && source->lines[line] == source->len)
		offset = source->lines[line--] - 1;
	start = source->lines[line];
	end = line + 1 < source->n_lines ? source->lines[line + 1] - 1 : source->len;
	if (end > start && source->text[end - 1] == '\r')
		end--;
	if (offset > end)
		offset = end;
	if (width > end - offset)
		width = end - offset;
	return (struct diag_place){
		.file = source->path,
		.line = (unsigned int)line + 1,
		.column = (unsigned int)(offset - start) + 1,
		.width = width ? (unsigned int)width : 1,
		.source = source->text + start,
		.source_len = end - start,
		.included_from = source->included_from,
	};
}

static int refuse(const struct source *source, struct diags *diags, size_t offset,
		  const char *message)
{
	struct diag_place place = source_place(source, offset, 1);

	return diag_error(diags, &place, "%s", message);
}

static int check_characters(const struct source *source, struct diags *diags)
{
	const unsigned char *text = (const unsigned char *)source->text;

	for (size_t i = 0; i < source->len;) {
		size_t n = utf8_sequence(text + i, source->len - i);
		struct diag_place place;

		if (n > 1 || text[i] == '\t' || text[i] == '\n' ||
		    (n == 1 && text[i] >= 0x20 && text[i] != 0x7f) ||
		    (text[i] == '\r' && i + 1 < source->len && text[i + 1] == '\n')) {
			i += n;
			continue;
		}
		place = source_place(source, i, 1);
		if (!n)
			return diag_error(diags, &place,
					  "byte 0x%02x is not UTF-8; save the file as UTF-8 text",
					  text[i]);
		return diag_error(diags, &place,
				  "control character 0x%02x; a policy file is plain text", text[i]);
	}
	return 0;
}

static int check_lines(const struct source *source, struct diags *diags)
{
	for (size_t i = 0; i < source->n_lines; i++) {
		size_t start = source->lines[i];
		size_t end = i + 1 < source->n_lines ? source->lines[i + 1] : source->len;

		if (source->text[start] == '%')
			return refuse(source, diags, start,
				      "YAML directives are not supported; remove the line");
		if (end - start > SOURCE_MAX_LINE)
			return refuse(
				source, diags, start,
				"a line of more than 256 KiB; put long lists of prefixes into "
				"list files");
	}
	return 0;
}

int source_check(const struct source *source, struct diags *diags)
{
	size_t n_marks = 0;
	int r;

	r = check_characters(source, diags);
	if (!r)
		r = check_lines(source, diags);
	for (size_t i = 0; i < source->len && !r; i++)
		if (strchr("[{&!", source->text[i]) && ++n_marks > SOURCE_MAX_MARKS)
			r = refuse(source, diags, i,
				   "more than 250000 lists, mappings, anchors and tags; this is no "
				   "policy");
	return r;
}

int file_open(const char *path, size_t max_bytes, const char **ret_why)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;

		*ret_why = strerrordesc_np(-r);
		return r;
	}
	if (S_ISDIR(st.st_mode)) {
		*ret_why = "it is a directory";
		return -EISDIR;
	}
	if (!S_ISREG(st.st_mode)) {
		*ret_why = "it is not a regular file";
		return -EINVAL;
	}
	if ((uint64_t)st.st_size > max_bytes) {
		*ret_why =
			max_bytes >= CONFIG_MAX_LIST_BYTES
				? "it is larger than 512 MiB, the limit for a list file"
				: "it is larger than 16 MiB, the limit for a policy file; put long "
				  "lists of prefixes into list files";
		return -EFBIG;
	}
	return TAKE_FD(fd);
}

/* Longer than the steps of any file system's timestamps, FAT's two seconds included. */
#define SETTLE_SECONDS 2

int file_state_read(int fd, struct file_state *ret)
{
	struct timespec now;
	struct stat st;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct file_state){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime = st.st_mtim,
		.ctime = st.st_ctim,
		/* Never, where the clock was set back: then it is looked into each time. */
		.settled = st.st_ctim.tv_sec < now.tv_sec - SETTLE_SECONDS,
	};
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_state_is_quiet(const struct file_state *before, const struct file_state *after)
{
	return before->device == after->device && before->inode == after->inode &&
	       before->size == after->size && same_time(&before->mtime, &after->mtime);
}

bool file_state_is_sure(const struct file_state *before, const struct file_state *after)
{
	return before->settled && file_state_is_quiet(before, after) &&
	       same_time(&before->ctime, &after->ctime);
}

int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len, const char **ret_why)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = file_open(path, max_bytes, ret_why);
	struct file_state before, after;
	size_t len = 0, capacity = 0;
	int r;

	if (fd < 0)
		return fd;
	r = file_state_read(fd, &before);
	while (r >= 0) {
		ssize_t n;

		*ret_why = "out of memory";
		if (array_reserve((void **)&text, &capacity, len + 65536, 1) < 0)
			return -ENOMEM;
		n = read(fd, text + len, capacity - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len > max_bytes) {
			*ret_why = "it grows while it is read";
			return -EFBIG;
		}
	}
	if (r >= 0)
		r = file_state_read(fd, &after);
	if (r < 0) {
		*ret_why = strerrordesc_np(-r);
		return r;
	}
	if (!file_state_is_quiet(&before, &after)) {
		*ret_why = "it changed while it was read; try again";
		return -EAGAIN;
	}
	*ret = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}
