/* SPDX-License-Identifier: GPL-2.0-only */
/* journal_case.c: see journal_case.h. */
#include "journal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "rng.h"
#include "util.h"

char state_dir[64], folder[80], path[96], new_path[112];

static int remember(void *context, const struct journal_record *record)
{
	assert_true(seen.n < MOST);
	seen.records[seen.n] = *record;
	if (record->comment) {
		assert_true(strlen(record->comment) <= LIVE_COMMENT_MAX);
		seen.records[seen.n].comment = strcpy(seen.comments[seen.n], record->comment);
	}
	seen.n++;
	return 0;
}

void assert_same(const struct journal_record *a, const struct journal_record *b)
{
	assert_memory_equal(&a->prefix, &b->prefix, sizeof(a->prefix));
	assert_int_equal(a->gone, b->gone);
	if (a->gone)
		return;
	assert_true(a->end_real == b->end_real);
	assert_int_equal(a->holds, b->holds);
	assert_int_equal(a->since, b->since);
	assert_int_equal(!a->comment, !b->comment);
	if (a->comment)
		assert_string_equal(a->comment, b->comment);
}

struct journal_record nth(unsigned int i, char comment[LIVE_COMMENT_MAX + 1])
{
	struct rng rng = { i };
	struct journal_record record = { .gone = i % 7 == 3,
					 .end_real =
						 i % 5 ? rng_u64(&rng) >> rng_below(&rng, 64) : 0,
					 .holds = (uint32_t)rng_u64(&rng),
					 .since = (uint32_t)rng_u64(&rng) };
	unsigned int bytes = i % 2 ? 4 : 16;
	size_t n = i % 11 == 10 ? LIVE_COMMENT_MAX : rng_below(&rng, 20);

	record.prefix.family = i % 2 ? FAMILY_V4 : FAMILY_V6;
	record.prefix.len = (uint8_t)rng_between(&rng, 0, 8 * bytes);
	for (unsigned int bit = 0; bit < record.prefix.len; bit++)
		record.prefix.addr[bit / 8] |= rng_below(&rng, 2) ? 0x80 >> bit % 8 : 0;
	for (size_t j = 0; j < n; j++)
		comment[j] = (char)(i % 11 == 10 ? '\n' : rng_between(&rng, 1, 255));
	comment[n] = '\0';
	if (i % 3 && !record.gone)
		record.comment = comment;
	return record;
}

void add(struct journal *journal, unsigned int i)
{
	char comment[LIVE_COMMENT_MAX + 1];
	struct journal_record record = nth(i, comment);

	assert_int_equal(journal_add(journal, &record), 0);
}

void check_range(size_t from, unsigned int first, unsigned int n)
{
	char comment[LIVE_COMMENT_MAX + 1];

	for (unsigned int i = 0; i < n; i++) {
		struct journal_record record = nth(first + i, comment);

		assert_same(&seen.records[from + i], &record);
	}
}

struct seen seen;

int open_seen(struct journal **ret, struct diags *diags)
{
	seen.n = 0;
	return journal_open(state_dir, "banned", remember, NULL, ret, diags);
}

struct journal *open_good(void)
{
	struct journal *journal = NULL;
	struct diags diags = { 0 };

	if (open_seen(&journal, &diags) < 0 || diags.n)
		diags_print(&diags, stderr, false);
	assert_non_null(journal);
	assert_int_equal(diags.n, 0);
	return journal;
}

void sync_good(struct journal *journal)
{
	struct diags diags = { 0 };

	assert_int_equal(journal_sync(journal, &diags), 0);
	assert_int_equal(diags.n, 0);
}

void assert_said(struct diags *diags, size_t i, enum severity severity, unsigned int line,
		 const char *text)
{
	assert_true(i < diags->n);
	assert_int_equal(diags->items[i].severity, severity);
	assert_non_null(diags->items[i].file);
	assert_non_null(strstr(diags->items[i].file, "/live"));
	assert_int_equal(diags->items[i].line, line);
	if (!strstr(diags->items[i].message, text))
		fail_msg("'%s' does not say '%s'", diags->items[i].message, text);
}

/* --- files ------------------------------------------------------------------------------- */

size_t read_file(char *buffer, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buffer, size);

	assert_true(n >= 0 && (size_t)n < size);
	return (size_t)n;
}

off_t file_size(void)
{
	struct stat file;

	assert_int_equal(stat(path, &file), 0);
	return file.st_size;
}

void write_file(const char *bytes, size_t n)
{
	_cleanup_close_ int fd = -1;

	/* A new one: file systems flush what is cut to nothing and written anew. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, n), n);
}

int setup(void **state)
{
	strcpy(state_dir, "/tmp/test_live_journal.XXXXXX");
	assert_non_null(mkdtemp(state_dir));
	snprintf(folder, sizeof(folder), "%s/live", state_dir);
	snprintf(path, sizeof(path), "%s/banned.journal", folder);
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	return 0;
}

int teardown(void **state)
{
	unlink(new_path);
	if (unlink(path) < 0)
		rmdir(path);
	if (rmdir(folder) < 0)
		unlink(folder);
	return rmdir(state_dir);
}

int next_of(void *context, struct journal_record *ret)
{
	static char comment[LIVE_COMMENT_MAX + 1];
	unsigned int *range = context; /* from, to */

	if (range[0] == range[1])
		return 0;
	*ret = nth(range[0]++, comment);
	return 1;
}
