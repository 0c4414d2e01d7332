/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_live_journal.c: what was added to a journal is read again; what a crash or a disk may have
 * made of it costs no more than the damaged lines; what else may lie in its place is refused, at
 * once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "journal.h"
#include "journal_case.h"
#include "util.h"

/* --- as it should be --------------------------------------------------------------------- */

static void test_replay(void **state)
{
	struct journal *journal = open_good();
	struct stat stat_file;

	assert_int_equal(seen.n, 0);
	for (unsigned int i = 0; i < 1500; i++) {
		add(journal, i);
		if (i % 100 == 99)
			sync_good(journal);
	}
	add(journal, 1500); /* and nobody is told that it is kept */
	journal_close(journal);
	journal = open_good();
	assert_int_equal(seen.n, 1500);
	check_range(0, 0, 1500);
	add(journal, 1500);
	sync_good(journal);
	journal_close(journal);
	journal_close(open_good());
	assert_int_equal(seen.n, 1501);
	check_range(0, 0, 1501);

	assert_int_equal(stat(path, &stat_file), 0);
	assert_int_equal(stat_file.st_mode & 07777, 0600);
	assert_int_equal(stat(folder, &stat_file), 0);
	assert_int_equal(stat_file.st_mode & 07777, 0700);
}

/* People can read it. */
static void test_text(void **state)
{
	struct journal *journal = open_good();
	struct journal_record record = {
		.prefix = { FAMILY_V4, 24, { 203, 0, 113 } },
		.end_real = 1767225600,
		.holds = 3600,
		.since = 1767222000,
		.comment = "ssh: \"root\"\n\\",
	};
	char text[512];
	size_t n;

	assert_int_equal(journal_add(journal, &record), 0);
	record.gone = true;
	assert_int_equal(journal_add(journal, &record), 0);
	sync_good(journal);
	journal_close(journal);
	n = read_file(text, sizeof(text));
	text[n] = '\0';
	/* The checksums are those of python's zlib.crc32(). */
	assert_string_equal(text, "xdpgate-journal 1 d18a4061\n"
				  "+ 203.0.113.0/24 end=1767225600 holds=3600 since=1767222000 "
				  "93de77a9 # ssh: \"root\"\\x0a\\x5c\n"
				  "- 203.0.113.0/24 35ac0770\n");
}

static void test_remove(void **state)
{
	assert_int_equal(journal_remove(state_dir, "banned"), 0); /* not even a folder */
	journal_close(open_good());
	assert_int_equal(journal_remove(state_dir, "banned"), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(journal_remove(state_dir, "banned"), 0);
	assert_int_equal(journal_remove(state_dir, "../live"), -EINVAL);
}

/* --- damage ------------------------------------------------------------------------------ */

static void make(unsigned int n)
{
	struct journal *journal = open_good();

	for (unsigned int i = 0; i < n; i++)
		add(journal, i);
	sync_good(journal);
	journal_close(journal);
}

/* Cut at each byte of the last record: the others are there, and one can go on. */
static void test_torn(void **state)
{
	char text[8192];
	size_t n, last;

	make(12);
	n = read_file(text, sizeof(text));
	for (last = n - 1; text[last - 1] != '\n'; last--)
		;
	assert_true(n - last > 40);
	for (size_t len = last; len < n; len++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct journal *journal = NULL;

		write_file(text, len);
		assert_int_equal(open_seen(&journal, &diags), 0);
		assert_int_equal(seen.n, 11);
		check_range(0, 0, 11);
		assert_int_equal(diags.n, len > last);
		if (len > last)
			assert_said(&diags, 0, SEVERITY_WARNING, 13, "not written to its end");
		assert_int_equal(file_size(), last);
		add(journal, 20);
		sync_good(journal);
		journal_close(journal);
		journal_close(open_good());
		assert_int_equal(seen.n, 12);
		check_range(0, 0, 11);
		check_range(11, 20, 1);
	}
}

/* Any byte is another: at most two records are missing, each by a warning; none is wrong. */
static void test_flipped(void **state)
{
	char text[8192];
	size_t n;

	make(12);
	n = read_file(text, sizeof(text));
	for (size_t at = 0; at < n; at++)
		for (unsigned int bit = 0; bit < 8; bit += 7 - 5 * (at % 2)) {
			_cleanup_(diags_free) struct diags diags = { 0 };
			struct journal *journal = NULL;
			size_t next = 0;

			text[at] ^= (char)(1 << bit);
			write_file(text, n);
			text[at] ^= (char)(1 << bit);
			assert_int_equal(open_seen(&journal, &diags), 0);
			assert_true(seen.n >= 10 && seen.n <= 12);
			for (unsigned int i = 0; i < 12; i++) {
				char comment[LIVE_COMMENT_MAX + 1];
				struct journal_record record = nth(i, comment);

				if (next < seen.n &&
				    !memcmp(&seen.records[next].prefix, &record.prefix,
					    sizeof(record.prefix))) {
					assert_same(&seen.records[next], &record);
					next++;
				}
			}
			assert_int_equal(next, seen.n);
			assert_int_equal(diags.n_errors, 0);
			assert_true(diags.n_warnings >= 1);
			journal_close(journal);
		}
}

/* Garbage of many lines in between; after a compaction it is sound. */
static void test_garbage(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct journal *journal = NULL;
	char text[8192], *middle;
	unsigned int range[] = { 0, 12 };
	size_t n, half;
	FILE *file;

	make(12);
	n = read_file(text, sizeof(text));
	middle = strchr(strchr(text, '\n') + 1, '\n') + 1;
	half = (size_t)(middle - text);
	file = fopen(path, "we");
	fwrite(text, 1, half, file);
	for (unsigned int i = 0; i < 300; i++)
		fprintf(file, "+ 10.0.0.0/8\n");
	for (unsigned int i = 0; i < 3000000; i++)
		putc(0, file);
	putc('\n', file);
	fwrite(middle, 1, n - half, file);
	fclose(file);
	assert_int_equal(open_seen(&journal, &diags), 0);
	assert_int_equal(seen.n, 12);
	check_range(0, 0, 12);
	assert_int_equal(diags.n, 11);
	assert_said(&diags, 0, SEVERITY_WARNING, 3, "damaged");
	assert_said(&diags, 10, SEVERITY_WARNING, 0, "301 lines");
	assert_true(journal_is_wasteful(journal, 12));
	add(journal, 50); /* not synced, and not of what is present */
	assert_int_equal(journal_compact(journal, next_of, range, &diags), 0);
	sync_good(journal);
	assert_false(journal_is_wasteful(journal, 12));
	journal_close(journal);
	journal_close(open_good());
	assert_int_equal(seen.n, 12);
	check_range(0, 0, 12);
}

/* --- what is no journal ------------------------------------------------------------------ */

static void refused(int expected, const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct journal *journal = NULL;
	struct stat before, after;

	assert_int_equal(lstat(path, &before), 0);
	alarm(10); /* a FIFO would have it wait for ever */
	assert_int_equal(open_seen(&journal, &diags), expected);
	alarm(0);
	assert_null(journal);
	assert_int_equal(seen.n, 0);
	assert_int_equal(diags.n_errors, 1);
	assert_said(&diags, diags.n - 1, SEVERITY_ERROR, 0, text);
	assert_non_null(strstr(diags.items[diags.n - 1].message, "move it away"));
	assert_int_equal(lstat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void test_foreign(void **state)
{
	char text[8192];
	size_t n;

	make(3);
	n = read_file(text, sizeof(text));
	assert_int_equal(chmod(path, 0660), 0);
	refused(-EPERM, "may be written by other users");
	assert_int_equal(chmod(path, 0644), 0);
	journal_close(open_good());
	assert_int_equal(seen.n, 3);
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		refused(-EPERM, "belongs to another user");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(truncate(path, (3LL << 30)), 0);
	refused(-EFBIG, "larger");
	unlink(path);

	assert_int_equal(mkdir(path, 0700), 0);
	refused(-EINVAL, "not a file");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(-EINVAL, "not a file");
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	refused(-ELOOP, "symbolic link");
	unlink(path);
	write_file("<html>\n<body>\n", 14);
	refused(-EINVAL, "not a journal");
	write_file("<html>", 6);
	refused(-EINVAL, "not a journal");
	/* Version 2, with its checksum. */
	write_file("xdpgate-journal 2 faa713a2\n+ what\n",
		   strlen("xdpgate-journal 2 faa713a2\n+ what\n"));
	refused(-EPROTONOSUPPORT, "newer xdpgate (version 2");
	write_file(text, n);
	journal_close(open_good());
	assert_int_equal(seen.n, 3);
}

/* Nothing at all, not even a first line: said, and begun anew. */
static void test_empty(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct journal *journal = NULL;

	make(0);
	write_file("", 0);
	assert_int_equal(open_seen(&journal, &diags), 0);
	assert_said(&diags, 0, SEVERITY_WARNING, 0, "empty");
	add(journal, 1);
	sync_good(journal);
	journal_close(journal);
	journal_close(open_good());
	assert_int_equal(seen.n, 1);
}

static void folder_refused(const char *text)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct journal *journal = NULL;

	assert_int_equal(open_seen(&journal, &diags), -EPERM);
	assert_null(journal);
	assert_said(&diags, 0, SEVERITY_ERROR, 0, text);
}

static void test_foreign_folder(void **state)
{
	make(1);
	assert_int_equal(chmod(folder, 0770), 0);
	folder_refused("may be written by other users");
	assert_int_equal(chmod(folder, 0700), 0);
	if (!geteuid()) {
		assert_int_equal(chown(folder, 65534, 65534), 0);
		folder_refused("belongs to another user");
		assert_int_equal(chown(folder, 0, 0), 0);
	}
	unlink(path);
	rmdir(folder);
	assert_int_equal(symlink("/tmp", folder), 0);
	folder_refused("not a folder");
	unlink(folder);
	assert_int_equal(close(open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	folder_refused("not a folder");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_replay),  CASE(test_text),    CASE(test_remove),
		CASE(test_torn),    CASE(test_flipped), CASE(test_garbage),
		CASE(test_foreign), CASE(test_empty),   CASE(test_foreign_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
