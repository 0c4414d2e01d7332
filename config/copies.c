/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copies.c: see copies.h.
 */
#include "copies.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "files.h"
#include "list_cache.h"
#include "prefix.h"
#include "util.h"

#define HEX_DIGEST (2 * SHA256_DIGEST_SIZE)
#define MAX_HEADER (5 * PATH_MAX_TEXT)
#define PATH_MAX_TEXT 16384 /* of a path of 4096 bytes, each as \xNN */
#define PIECE_BYTES (256U << 10)
#define SUFFIX ".list"

/* The lines of the header, in this order; the checksum, of what follows, is last. */
static const char title[] =
	"# xdpgate: the last good copy of a list file, see 'keep' in xdpgate.yaml(5)\n";
static const char path_line[] = "# path: ", file_line[] = "# file: ", time_line[] = "# time: ",
		  sum_line[] = "# sum: ";

/* --- names and hex ----------------------------------------------------------------------- */

static void hash_bytes(const void *bytes, size_t len, uint8_t ret[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, len, bytes);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, ret);
}

/* Of the copy of the file at path, within the folder. */
static void name_of(const char *path, char ret[HEX_DIGEST + sizeof(SUFFIX)])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	hash_bytes(path, strlen(path), digest);
	hex_format(digest, SHA256_DIGEST_SIZE, ret);
	strcpy(ret + HEX_DIGEST, SUFFIX);
}

/* A path on one line: what might not stay on it as \xNN. Caller frees. */
static char *escape(const char *path)
{
	char *text = malloc(4 * strlen(path) + 1), *p = text;

	for (; text && *path; path++)
		p += *path > ' ' && *path <= '~' && *path != '\\'
			     ? sprintf(p, "%c", *path)
			     : sprintf(p, "\\x%02x", (unsigned char)*path);
	if (text)
		*p = '\0';
	return text;
}

static char *unescape(const char *text, size_t len)
{
	char *path = malloc(len + 1), *p = path;
	unsigned int byte;

	for (size_t i = 0; path && i < len; p++) {
		if (text[i] != '\\') {
			*p = text[i++];
			continue;
		}
		if (i + 4 > len || sscanf(text + i, "\\x%2x", &byte) != 1 || !byte) {
			free(path);
			return NULL;
		}
		*p = (char)byte;
		i += 4;
	}
	if (path)
		*p = '\0';
	return path;
}

/* --- reading ----------------------------------------------------------------------------- */

struct header {
	const char *path, *file, *time, *sum; /* the values, each to the end of its line */
	size_t path_len;
	const char *body;
};

/* The value of a line of the header; *p moves behind the line. NULL if it is another. */
static const char *take_line(const char **p, const char *end, const char *name, size_t *ret_len)
{
	size_t len = strlen(name), left = (size_t)(end - *p);
	const char *value = *p + len, *newline;

	if (left < len || memcmp(*p, name, len) != 0)
		return NULL;
	newline = memchr(value, '\n', left - len);
	if (!newline)
		return NULL;
	*ret_len = (size_t)(newline - value);
	*p = newline + 1;
	return value;
}

static bool parse_header(const char *text, size_t len, struct header *ret)
{
	const char *p = text + sizeof(title) - 1, *end = text + len;
	size_t file_len, time_len, sum_len;

	if (len < sizeof(title) || memcmp(text, title, sizeof(title) - 1) != 0)
		return false;
	ret->path = take_line(&p, end, path_line, &ret->path_len);
	ret->file = ret->path ? take_line(&p, end, file_line, &file_len) : NULL;
	ret->time = ret->file ? take_line(&p, end, time_line, &time_len) : NULL;
	ret->sum = ret->time ? take_line(&p, end, sum_line, &sum_len) : NULL;
	ret->body = p;
	return ret->sum && file_len == HEX_DIGEST && sum_len == HEX_DIGEST && time_len <= 20;
}

/* Is the value of a line the digest? */
static bool is_digest(const char *value, const uint8_t *digest)
{
	char hex[HEX_DIGEST + 1];

	hex_format(digest, SHA256_DIGEST_SIZE, hex);
	return !memcmp(value, hex, HEX_DIGEST);
}

static bool is_path(const struct header *header, const char *path)
{
	_cleanup_free_ char *escaped = escape(path);

	return escaped && strlen(escaped) == header->path_len &&
	       !memcmp(escaped, header->path, header->path_len);
}

static int check_copy(const struct header *header, const char *path, struct copy *copy)
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	hash_bytes(copy->text, copy->len, digest);
	if (!is_path(header, path) || !is_digest(header->sum, digest))
		return -EBADMSG;
	if (!hex_parse(header->file, SHA256_DIGEST_SIZE, copy->digest))
		return -EBADMSG;
	return sscanf(header->time, "%" SCNu64, &copy->usec) == 1 ? 0 : -EBADMSG;
}

int copy_read(const char *folder, const char *path, struct copy *ret)
{
	_cleanup_(copy_done) struct copy copy = { 0 };
	char name[HEX_DIGEST + sizeof(SUFFIX)];
	_cleanup_free_ char *file = NULL;
	struct header header;
	const char *why;
	size_t len;
	int r;

	name_of(path, name);
	if (asprintf(&file, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	r = file_read(file, CONFIG_MAX_LIST_BYTES, &copy.memory, &len, &why);
	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r == -EINVAL ? -EBADMSG : r;
	if (!parse_header(copy.memory, len, &header))
		return -EBADMSG;
	copy.text = header.body;
	copy.len = len - (size_t)(header.body - copy.memory);
	r = check_copy(&header, path, &copy);
	if (r < 0)
		return r;
	*ret = copy;
	copy = (struct copy){ 0 };
	return 0;
}

void copy_done(struct copy *copy)
{
	free(copy->memory);
	*copy = (struct copy){ 0 };
}

/* Just the head of a copy, which must be as long as any header may be. 0, or -ENOENT: it is none. */
static int read_header(int folder, const char *name, char *buffer, struct header *ret)
{
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, MAX_HEADER);

	return n > 0 && parse_header(buffer, (size_t)n, ret) ? 0 : -ENOENT;
}

static bool is_copy_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == HEX_DIGEST && !strcmp(name + HEX_DIGEST, SUFFIX);
}

int copies_list(const char *folder, struct paths *ret)
{
	_cleanup_(close_dir) DIR *dir = opendir(folder);
	_cleanup_free_ char *buffer = malloc(MAX_HEADER);
	struct dirent *entry;

	if (!buffer)
		return -ENOMEM;
	while (dir && (entry = readdir(dir))) {
		struct header header;
		char *path;

		if (!is_copy_name(entry->d_name) ||
		    read_header(dirfd(dir), entry->d_name, buffer, &header) < 0)
			continue;
		path = unescape(header.path, header.path_len);
		if (!path)
			continue;
		if (array_reserve((void **)&ret->items, &ret->capacity, ret->n + 1,
				  sizeof(*ret->items)) < 0) {
			free(path);
			return -ENOMEM;
		}
		ret->items[ret->n++] = path;
	}
	return 0;
}

/* --- writing ----------------------------------------------------------------------------- */

struct writer {
	int fd;
	char *buffer; /* of PIECE_BYTES */
	size_t n;
	struct sha256_ctx hash;
};

static int flush(struct writer *writer)
{
	int r = write_all(writer->fd, writer->buffer, writer->n);

	sha256_update(&writer->hash, writer->n, (const uint8_t *)writer->buffer);
	writer->n = 0;
	return r;
}

static int write_prefix(struct writer *writer, const struct prefix *prefix)
{
	char *line = writer->buffer + writer->n;
	size_t len;

	prefix_format(prefix, line);
	len = strlen(line);
	line[len] = '\n';
	writer->n += len + 1;
	return writer->n > PIECE_BYTES - PREFIX_TEXT - 1 ? flush(writer) : 0;
}

static int write_prefixes(struct writer *writer, const struct list_entry *entry)
{
	const uint64_t *lower = entry->v6_lower;
	int r = 0;

	for (size_t i = 0; i < entry->n_v4 && !r; i++)
		r = write_prefix(writer,
				 &(struct prefix){ .family = FAMILY_V4,
						   .v4 = { entry->v4[i], entry->v4_lens[i] } });
	for (size_t i = 0; i < entry->n_v6 && !r; i++)
		r = write_prefix(writer,
				 &(struct prefix){ .family = FAMILY_V6,
						   .v6 = { entry->v6_upper[i],
							   entry->v6_lens[i] > 64 ? *lower++ : 0,
							   entry->v6_lens[i] } });
	return r ? r : flush(writer);
}

/* Everything but the checksum, in whose place are zeros. Caller frees. */
static char *make_header(const struct list_entry *entry)
{
	_cleanup_free_ char *path = escape(entry->path);
	char file[HEX_DIGEST + 1], *header = NULL;

	hex_format(entry->digest, SHA256_DIGEST_SIZE, file);
	if (!path ||
	    asprintf(&header, "%s%s%s\n%s%s\n%s%" PRIu64 "\n%s%0*d\n", title, path_line, path,
		     file_line, file, time_line, realtime_usec(), sum_line, HEX_DIGEST, 0) < 0)
		return NULL;
	return header;
}

static int write_copy(int fd, const struct list_entry *entry)
{
	_cleanup_free_ char *header = make_header(entry), *buffer = malloc(PIECE_BYTES);
	struct writer writer = { .fd = fd, .buffer = buffer };
	uint8_t digest[SHA256_DIGEST_SIZE];
	char sum[HEX_DIGEST + 1];
	size_t len;
	int r;

	if (!header || !buffer)
		return -ENOMEM;
	len = strlen(header);
	sha256_init(&writer.hash);
	r = write_all(fd, header, len);
	if (!r)
		r = write_prefixes(&writer, entry);
	if (r < 0)
		return r;
	sha256_digest(&writer.hash, sizeof(digest), digest);
	hex_format(digest, SHA256_DIGEST_SIZE, sum);
	if (pwrite(fd, sum, HEX_DIGEST, (off_t)(len - 1 - HEX_DIGEST)) != HEX_DIGEST)
		return -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}

static int replace_copy(int folder, const char *name, const struct list_entry *entry)
{
	char temporary[HEX_DIGEST + sizeof(SUFFIX) + 4];
	_cleanup_close_ int fd = -1;
	int r;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	unlinkat(folder, temporary, 0); /* of a former life */
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_copy(fd, entry);
	if (!r && renameat(folder, temporary, folder, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, temporary, 0);
	return r;
}

/* Is the copy there, and of the same bytes? */
static bool is_current(int folder, const char *name, const struct list_entry *entry, char *buffer)
{
	struct header header;

	return !read_header(folder, name, buffer, &header) && is_path(&header, entry->path) &&
	       is_digest(header.file, entry->digest);
}

/* All that the policy does not name goes, what a crash left half written too. */
static void remove_others(const char *folder, const struct name_index *names)
{
	_cleanup_(close_dir) DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strspn(entry->d_name, "0123456789abcdef") == HEX_DIGEST &&
		    name_index_find(names, entry->d_name) < 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
}

static bool keeps_any(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_files; i++)
		if (policy->files[i].keep)
			return true;
	return false;
}

static void warn(struct diags *diags, const char *folder, const char *path, int r)
{
	diag_warning(diags, NULL,
		     "cannot keep a copy of %s in %s: %s; should the file be missing at the next "
		     "start, nothing will stand for it",
		     path, folder, strerrordesc_np(-r));
}

static void keep_file(struct list_cache *cache, int folder, const char *path, const char *name,
		      char *buffer, struct diags *diags)
{
	const struct list_entry *entry = list_cache_find(cache, path);
	int r;

	if (entry && is_current(folder, name, entry, buffer))
		return;
	r = entry ? replace_copy(folder, name, entry) : -EINVAL; /* files of /proc and the like */
	if (r < 0)
		warn(diags, list_cache_copies(cache), path, r);
}

/* The folder, and the one that it is in. 0, or -errno with errno set. */
static int make_folder(const char *folder)
{
	_cleanup_free_ char *parent = strdup(folder);
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT || !slash || slash == parent)
		return -errno;
	*slash = '\0';
	if (mkdir(parent, 0700) < 0 || mkdir(folder, 0700) < 0)
		return -errno;
	return 0;
}

void list_cache_keep(struct list_cache *cache, const struct policy *policy, struct diags *diags)
{
	const char *folder = list_cache_copies(cache);
	_cleanup_free_ char *buffer = malloc(MAX_HEADER);
	_cleanup_free_ char(*names)[HEX_DIGEST + sizeof(SUFFIX)] =
		calloc(policy->n_files, sizeof(*names));
	struct name_index wanted = { 0 };
	_cleanup_close_ int fd = -1;
	bool keeps = keeps_any(policy);

	if (!folder || !buffer || !names)
		return;
	if (keeps && make_folder(folder) < 0) {
		warn(diags, folder, "list files", -errno);
		return;
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (keeps)
			warn(diags, folder, "list files", -errno);
		return;
	}
	for (size_t i = 0; i < policy->n_files; i++) {
		const struct policy_file *file = &policy->files[i];

		if (!file->keep)
			continue;
		name_of(file->path, names[i]);
		if (name_index_find(&wanted, names[i]) >= 0)
			continue;
		if (name_index_add(&wanted, names[i]) < 0)
			goto done; /* then nothing is removed */
		if (!file->copy_usec)
			keep_file(cache, fd, file->path, names[i], buffer, diags);
	}
	remove_others(folder, &wanted);
	if (keeps)
		fsync(fd);
done:
	name_index_done(&wanted);
}
