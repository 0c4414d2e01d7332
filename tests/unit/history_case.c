/* SPDX-License-Identifier: GPL-2.0-only */
/* history_case.c: see history_case.h. */
#include "history_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>

#include "config.h"
#include "print_case.h"
#include "util.h"

char state_dir[64], folder[80];

int setup(void **state)
{
	/* In memory, where there is such a place: thousands of fsync() are not what is tested. */
	snprintf(state_dir, sizeof(state_dir), "%s/xdpgate-history-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(state_dir))
		return -1;
	snprintf(folder, sizeof(folder), "%s/history", state_dir);
	return 0;
}

int teardown(void **state)
{
	run("rm -rf %s", state_dir);
	return 0;
}

struct policy *make_policy(unsigned int number, unsigned int list)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *text = NULL;
	struct policy *policy = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	assert_non_null(stream);
	fprintf(stream, "interfaces: {i: {port: eth0, policy: p}}\nsets:\n  few: [192.0.2.%u]\n",
		number % 256);
	fputs("  many:\n", stream);
	for (unsigned int i = 0; i < LONG_LIST; i++)
		fprintf(stream, "    - 10.%u.%u.%u\n", list, i / 128, 2 * (i % 128));
	fprintf(stream,
		"policies: {p: {rules: [{name: r%u, match: {src: [$few, $many]}, do: drop}]}}\n",
		number);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(policy_load_text("policy.yaml", text, len, &policy, &diags), 0);
	return policy;
}

struct history *open_with(struct diags *diags)
{
	struct history *history = NULL;
	int r = history_open(state_dir, &history, diags);

	if (r < 0)
		diags_print(diags, stderr, false);
	assert_int_equal(r, 0);
	return history;
}

struct history *open_good(void)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct history *history = open_with(&diags);

	diags_print(&diags, stderr, false);
	assert_int_equal(diags.n, 0);
	return history;
}

int try_add(struct history *history, unsigned int number, unsigned int list,
	    enum history_state state, uint64_t *ret_id, struct diags *diags)
{
	const struct history_origin origin = { .who = "root", .why = "a test", .state = state };
	struct policy *policy = make_policy(number, list);
	int r = history_add(history, policy, &origin, ret_id, diags);

	policy_free(policy);
	return r;
}

uint64_t add(struct history *history, unsigned int number, unsigned int list,
	     enum history_state state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	uint64_t id = 0;
	int r = try_add(history, number, list, state, &id, &diags);

	diags_print(&diags, stderr, false);
	assert_int_equal(r, 0);
	assert_int_equal(diags.n, 0);
	return id;
}

void check_entry(struct history *history, uint64_t id, unsigned int number, unsigned int list,
		 enum history_state state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	const struct history_entry *entry = history_find(history, id);
	struct policy *expected = make_policy(number, list), *policy = NULL;
	char path[PATH_MAX];

	assert_non_null(entry);
	assert_int_equal(entry->id, id);
	assert_int_equal(entry->state, state);
	assert_memory_equal(entry->hash, expected->hash, sizeof(entry->hash));
	assert_memory_equal(entry->text_hash, expected->text_hash, sizeof(entry->text_hash));
	assert_int_equal(entry->n_rules, 1);
	assert_int_equal(entry->n_sets, 2);
	assert_int_equal(entry->n_prefixes, LONG_LIST + 1);
	assert_int_equal(history_path(history, id, path, &diags), 0);
	assert_int_equal(policy_load(path, &policy, &diags), 0);
	assert_int_equal(diags.n, 0);
	assert_int_equal(policy->n_files, 2);
	assert_same_policy(expected, policy, path, path);
	policy_free(policy);
	policy_free(expected);
}

void run(const char *format, ...)
{
	_cleanup_free_ char *command = NULL;
	va_list args;

	va_start(args, format);
	assert_true(vasprintf(&command, format, args) > 0);
	va_end(args);
	assert_int_equal(system(command), 0);
}

const char *in_folder(const char *format, ...)
{
	static char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/", folder);
	va_list args;

	va_start(args, format);
	vsnprintf(path + n, sizeof(path) - (size_t)n, format, args);
	va_end(args);
	return path;
}

int count_in(const char *path)
{
	_cleanup_(close_dir) DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	return n;
}

int count_lists(void)
{
	return count_in(in_folder("lists"));
}

void assert_said(const struct diags *diags, size_t i, enum severity severity, const char *path,
		 const char *words)
{
	if (i >= diags->n || !strstr(diags->items[i].message, words)) {
		diags_print(diags, stderr, false);
		fail_msg("nothing says '%s'", words);
	}
	assert_int_equal(diags->items[i].severity, severity);
	if (path)
		assert_string_equal(diags->items[i].file, path);
}
