/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_history_damage.c: whatever is wrong with what is on the disk is said, with its path, and left
 * out; all else is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history_case.h"
#include "util.h"

static char list_path[PATH_MAX]; /* of the list of policy 2 alone */

/* Three policies; the second has a list of its own. */
static int setup_three(void **state)
{
	struct history *history;
	_cleanup_(close_dir) DIR *dir = NULL;
	char first[PATH_MAX] = "";
	struct dirent *entry;

	if (setup(state) < 0)
		return -1;
	history = open_good();
	add(history, 1, 1, HISTORY_CONFIRMED);
	dir = opendir(in_folder("lists"));
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(first, sizeof(first), "%s", entry->d_name);
	add(history, 2, 2, HISTORY_CONFIRMED);
	add(history, 3, 1, HISTORY_REVERTED);
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, first) != 0)
			snprintf(list_path, sizeof(list_path), "%s",
				 in_folder("lists/%s", entry->d_name));
	history_close(history);
	return 0;
}

/* The others are whole, and what comes goes on. */
static void check_rest(struct history *history)
{
	assert_null(history_find(history, 2));
	check_entry(history, 1, 1, 1, HISTORY_CONFIRMED);
	check_entry(history, 3, 3, 1, HISTORY_REVERTED);
	assert_int_equal(history_last_confirmed(history)->id, 1);
	assert_int_equal(add(history, 4, 4, HISTORY_PENDING), 4);
	check_entry(history, 4, 4, 4, HISTORY_PENDING);
}

/* What check_rest() added goes. */
static const char *undo(void)
{
	static char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -r %s/4 %s/last", folder, folder);
	return command;
}

/* At the open, one warning at the path. */
static void warned(const char *path, const char *words)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_with(&diags);

	assert_said(&diags, 0, SEVERITY_WARNING, path, words);
	assert_int_equal(diags.n, 1);
	assert_non_null(strstr(diags.items[0].message, in_folder("2")));
	check_rest(history);
	history_close(history);
}

/* Only when it is to be loaded. */
static void found_late(const char *path, const char *words)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_good();
	char found[PATH_MAX] = "";
	uint64_t id;

	assert_int_equal(history_last_confirmed(history)->id, 2);
	assert_int_equal(history_path(history, 2, found, &diags), -EBADMSG);
	assert_said(&diags, 0, SEVERITY_WARNING, path, words);
	assert_string_equal(found, "");
	assert_int_equal(history_repeat(history, 2, &(struct history_origin){ 0 }, &id, &diags),
			 -ENOENT);
	check_rest(history);
	history_close(history);
}

/* --- about ------------------------------------------------------------------------------- */

static void about(void **state)
{
	static const char *const edits[] = {
		"s/confirmed/reverted/",
		"s/^why .*/why b/",
		"s/^who/whx/",
		"1d",
		"2d",
		"$d",
		"$s/./x/10",
		"s/^list.*//",
		"s/^rules 1/rules 2/",
		"$a more",
		"1s/1/0/",
		"s/^policy/list/",
		"s/a test/a\\x00test/",
		"1s/history/story/",
	};
	char path[PATH_MAX];

	strcpy(path, in_folder("2/about"));
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		run("cp %s %s/about; sed -i '%s' %s", path, state_dir, edits[i], path);
		warned(path, "is damaged");
		run("cp %s/about %s; %s", state_dir, path, undo());
		history_close(open_good());
	}
}

/* Every length, every byte. */
static void about_everywhere(void **state)
{
	char path[PATH_MAX], text[2000];
	size_t len, n = 0;
	FILE *file;

	strcpy(path, in_folder("2/about"));
	file = fopen(path, "r");
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	assert_true(len > 400 && len < sizeof(text));
	for (size_t i = 0; i < 2 * len; i++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct history *history;

		file = fopen(path, "w");
		if (i >= len)
			text[i - len] ^= 1;
		fwrite(text, 1, i < len ? i : len, file);
		if (i >= len)
			text[i - len] ^= 1;
		fclose(file);
		history = open_with(&diags);
		n += !history_find(history, 2);
		assert_int_equal(diags.n, 1);
		assert_non_null(history_find(history, 1));
		history_close(history);
	}
	assert_int_equal(n, 2 * len);
}

static void newer(void **state)
{
	char path[PATH_MAX];

	strcpy(path, in_folder("2/about"));
	run("sed -i '1s/1/2/' %s", path);
	warned(path, "newer xdpgate");
	/* It may come back, and its lists are there. */
	run("sed -i '1s/2/1/' %s", path);
	{
		struct history *history = open_good();

		check_entry(history, 2, 2, 2, HISTORY_CONFIRMED);
		history_close(history);
	}
}

/* --- what the files are ------------------------------------------------------------------ */

static void not_files(void **state)
{
	static const char *const names[] = { "2/about", "2/policy.yaml", "list", "2" };
	static const struct {
		const char *command, *words;
	} damages[] = {
		{ "rm -r $p", "is missing" },
		{ "mv $p $d/moved; ln -s $d/moved $p", "is a symbolic link" },
		{ "rm -r $p; mkfifo $p", "is not a file" },
		{ "rm -r $p; mkdir -m 700 $p", "is not a file" },
		{ "chmod g+w $p", "may be written by other users" },
		{ "chown 12345 $p", "belongs to another user" },
	};

	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		for (size_t d = 0; d < ARRAY_SIZE(damages); d++) {
			bool is_folder = n == 3;
			const char *words = damages[d].words;
			char path[PATH_MAX];

			if (is_folder && (d == 0 || d == 3))
				continue; /* there is none, or an empty one */
			if (is_folder && d < 4)
				words = "is not a folder";
			strcpy(path, n == 2 ? list_path : in_folder("%s", names[n]));
			run("cp -a %s %s.saved", state_dir, state_dir);
			run("p=%s d=%s; %s", path, state_dir, damages[d].command);
			warned(path, words);
			run("rm -rf %s; mv %s.saved %s", state_dir, state_dir, state_dir);
		}
}

static void contents(void **state)
{
	char policy[PATH_MAX];

	strcpy(policy, in_folder("2/policy.yaml"));
	run("cp -a %s %s/policy; cp -a %s %s/list", policy, state_dir, list_path, state_dir);
	run("sed -i s/drop/pass/ %s", policy); /* as long as before */
	found_late(policy, "does not hold what it did");
	run("cp -a %s/policy %s; %s", state_dir, policy, undo());
	run("sed -i 2s/0/1/ %s", list_path);
	found_late(list_path, "does not hold what it did");
	run("cp -a %s/list %s; %s", state_dir, list_path, undo());
	run("truncate -s -1 %s", policy);
	warned(policy, "is shorter than it was");
	run("truncate -s 2G %s; %s", policy, undo());
	warned(policy, "is larger than it ever was");
	run("cp -a %s/policy %s; %s", state_dir, policy, undo());
	run("truncate -s 0 %s", list_path);
	warned(list_path, "is shorter than it was");
	run("truncate -s 9G %s; %s", list_path, undo());
	warned(list_path, "is larger than it ever was");
	run("cp -a %s/list %s; truncate -s 2G %s; %s", state_dir, list_path, in_folder("2/about"),
	    undo());
	warned(in_folder("2/about"), "is larger than it ever was");
}

/* A list that is damaged is written anew when it is needed again. */
static void healed(void **state)
{
	struct history *history;

	run("sed -i 2s/0/1/ %s", list_path);
	history = open_good();
	add(history, 2, 2, HISTORY_CONFIRMED);
	check_entry(history, 4, 2, 2, HISTORY_CONFIRMED);
	check_entry(history, 2, 2, 2, HISTORY_CONFIRMED);
	history_close(history);
}

/* --- the folder -------------------------------------------------------------------------- */

static void refused(int error, const char *path, const char *words)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = NULL;

	assert_int_equal(history_open(state_dir, &history, &diags), error);
	assert_null(history);
	assert_int_equal(diags.n_errors, 1);
	assert_said(&diags, 0, SEVERITY_ERROR, path, words);
}

static void folders(void **state)
{
	_cleanup_free_ char *lists = NULL;

	assert_true(asprintf(&lists, "%s/lists", folder) > 0);
	assert_int_equal(chmod(folder, 0770), 0);
	refused(-EPERM, folder, "may be written by other users; nothing in it is believed");
	assert_int_equal(chmod(folder, 0755), 0);
	history_close(open_good()); /* and it is private then */
	assert_int_equal(chown(folder, 12345, 0), 0);
	refused(-EPERM, folder, "belongs to another user");
	assert_int_equal(chown(folder, 0, 0), 0);
	assert_int_equal(chmod(lists, 0702), 0);
	refused(-EPERM, lists, "may be written by other users");
	assert_int_equal(chmod(lists, 0700), 0);
	run("mv %s %s-moved; ln -s %s-moved %s", lists, lists, lists, lists);
	refused(-ENOTDIR, lists, "is not a folder");
	run("rm %s; mv %s-moved %s", lists, lists, lists);
	history_close(open_good());
	run("mv %s %s/moved; ln -s moved %s", folder, state_dir, folder);
	refused(-ENOTDIR, folder, "is not a folder");
	run("rm %s; touch %s", folder, folder);
	refused(-ENOTDIR, folder, "is not a folder");
}

static void one_daemon(void **state)
{
	struct history *history = open_good();

	refused(-EBUSY, folder, "another daemon");
	history_close(history);
	history_close(open_good());
}

/* --- what is left over ------------------------------------------------------------------- */

static void leftovers(void **state)
{
	int lists = count_lists(), all = count_in(folder);

	run("cd %s; mkdir new gone; touch new/policy.yaml gone/about gone/policy.yaml;"
	    " touch 1/about.new lists/abc.new lists/%064d lists/x",
	    folder, 0);
	history_close(open_good());
	assert_int_equal(count_lists(), lists);
	assert_int_equal(count_in(folder), all);
	assert_int_equal(count_in(in_folder("1")), 2);
	/* While there is an entry of which nothing is known, lists stay. */
	run("cd %s; echo >2/about; touch lists/%064d lists/y", folder, 1);
	{
		_cleanup_(diags_free) struct diags diags = { 0 };

		history_close(open_with(&diags));
	}
	assert_int_equal(count_lists(), lists + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(about),     CASE(about_everywhere), CASE(newer),
		CASE(not_files), CASE(contents),         CASE(healed),
		CASE(folders),   CASE(one_daemon),       CASE(leftovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
