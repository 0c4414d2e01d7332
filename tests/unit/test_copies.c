/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_copies.c: copies of list files: when they are made, when they stand for a file, and when
 * not: a copy that is damaged, or that the policy would refuse, is none.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config.h"
#include "util.h"

#define LIST "192.0.2.0/24\n198.51.100.7\n2001:db8::/32\n2001:db8:1:2:3::/80\n"
#define USE                                                                                        \
	"interfaces: {eth0: {policy: p}}\n"                                                        \
	"policies: {p: {rules: [{name: r, match: {src: $a}, do: drop}]}}\n"

static char folder[] = "/tmp/xdpgate-copies-XXXXXX";
static char copies[64], list[128];

static void write_file(const char *path, const char *text, size_t len)
{
	_cleanup_fclose_ FILE *stream = fopen(path, "we");

	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, len, stream), len);
}

static void write_list(const char *text)
{
	write_file(list, text, strlen(text));
}

static size_t read_file(const char *path, char *buffer, size_t size)
{
	_cleanup_fclose_ FILE *stream = fopen(path, "re");

	assert_non_null(stream);
	return fread(buffer, 1, size, stream);
}

static void remove_all(const char *path)
{
	_cleanup_free_ char *command = NULL;

	assert_true(asprintf(&command, "rm -rf '%s'/*", path) > 0);
	assert_int_equal(system(command), 0);
}

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(copies, sizeof(copies), "%s/state/lists", folder);
	snprintf(list, sizeof(list), "%s/a b\\\xc3\xa4.txt", folder);
	return 0;
}

static int remove_folder(void **state)
{
	remove_all(folder);
	return rmdir(folder);
}

static int begin(void **state)
{
	struct list_cache *cache = list_cache_new();

	*state = cache;
	remove_all(folder);
	write_list(LIST);
	return cache ? list_cache_set_copies(cache, copies) : -1;
}

static int end(void **state)
{
	list_cache_free(*state);
	return 0;
}

/* The policy of one set, as `{SET}`; diags are those of the load, and of what is kept if it
 * succeeds. NULL: it failed. */
static struct policy *load(struct list_cache *cache, const char *set, struct diags *diags)
{
	char path[64], text[512];
	struct policy *policy = NULL;

	snprintf(path, sizeof(path), "%s/policy.yaml", folder);
	snprintf(text, sizeof(text), "sets: {a: {%s}}\n" USE, set);
	write_file(path, text, strlen(text));
	if (policy_load_cached(path, cache, &policy, diags) < 0)
		return NULL;
	list_cache_keep(cache, policy, diags);
	return policy;
}

#define FILE_SET "file: \"a b\\\\\xc3\xa4.txt\", keep: true"

static void loads(struct list_cache *cache, const char *set, size_t n_prefixes)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = load(cache, set, &diags);

	if (!policy)
		diags_print(&diags, stderr, false);
	assert_non_null(policy);
	assert_int_equal(diags.n, 0);
	assert_int_equal(policy->sets[0].n_v4 + policy->sets[0].n_v6, n_prefixes);
	assert_int_equal(policy->files[1].copy_usec, 0);
	policy_free(policy);
}

/* The copy of LIST stands for the file; the last warning says so, the one before it why. */
static void falls_back(struct list_cache *cache, const char *set, const char *why)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = load(cache, set, &diags);

	if (!policy)
		diags_print(&diags, stderr, false);
	assert_non_null(policy);
	assert_int_equal(diags.n_errors, 0);
	assert_true(diags.n_warnings > 0);
	assert_non_null(strstr(diags.items[0].message, why));
	assert_int_equal(policy->sets[0].n_v4, 2);
	assert_int_equal(policy->sets[0].n_v6, 2);
	assert_int_equal(policy->sets[0].v6[1].len, 80);
	assert_int_equal(policy->sets[0].v6[1].lo, 0x0003000000000000);
	assert_int_equal(policy->files[1].n_prefixes, 4);
	assert_string_equal(policy->files[1].path, list);
	assert_true(policy->files[1].copy_usec > 0);
	policy_free(policy);
}

static void refuses(struct list_cache *cache, const char *set, const char *error,
		    const char *warning)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = load(cache, set, &diags);
	bool error_found = false, warning_found = !warning;

	assert_null(policy);
	for (size_t i = 0; i < diags.n; i++) {
		const struct diag *diag = &diags.items[i];

		if (diag->severity == SEVERITY_ERROR)
			error_found |= strstr(diag->message, error) != NULL;
		else if (warning)
			warning_found |= strstr(diag->message, warning) != NULL;
		else
			fail_msg("unexpected: %s", diag->message);
	}
	if (!error_found || !warning_found) {
		diags_print(&diags, stderr, false);
		fail();
	}
}

/* The path of the only copy; "" if there is none. */
static const char *only_copy(void)
{
	static char path[512];
	DIR *dir = opendir(copies);
	struct dirent *entry;
	int n = 0;

	path[0] = '\0';
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", copies, entry->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	assert_true(n <= 1);
	return path;
}

static void stands_for_a_file(void **state)
{
	struct list_cache *cache = *state;
	struct list_cache *other = list_cache_new();
	struct stat st;

	loads(cache, FILE_SET, 4);
	assert_int_equal(stat(only_copy(), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(unlink(list), 0);
	falls_back(cache, FILE_SET, "No such file");
	falls_back(cache, FILE_SET, "No such file"); /* and stays */
	assert_int_equal(list_cache_set_copies(other, copies), 0);
	falls_back(other, FILE_SET, "No such file"); /* in another life of the daemon, too */
	list_cache_free(other);

	assert_int_equal(mkdir(list, 0700), 0);
	falls_back(cache, FILE_SET, "it is a directory");
	assert_int_equal(rmdir(list), 0);
	assert_int_equal(mkfifo(list, 0600), 0);
	falls_back(cache, FILE_SET, "not a regular file");
	assert_int_equal(unlink(list), 0);
	write_list("");
	falls_back(cache, FILE_SET, "is empty");
	write_list("<html>\n");
	falls_back(cache, FILE_SET, "an HTML page");
	write_list("10.0.0.0/8\n10.1.0.0/8\n");
	falls_back(cache, FILE_SET, "bits set behind");
	write_list("10.0.0.0/8\n0.0.0.0/0\n");
	falls_back(cache, FILE_SET, "0.0.0.0/0 is every address");
	write_list("10.0.0.0/8\n");
	assert_int_equal(truncate(list, CONFIG_MAX_LIST_BYTES + 1), 0); /* sparse */
	falls_back(cache, FILE_SET, "larger than 512 MiB");
	assert_int_equal(truncate(list, CONFIG_MAX_LIST_BYTES), 0);
	falls_back(cache, FILE_SET, "binary data");

	write_list("10.0.0.0/8\n");
	loads(cache, FILE_SET, 1);
	unlink(list);
	write_list("");
	refuses(cache, "file: \"a b\\\\\xc3\xa4.txt\"", "is empty", NULL); /* nobody asked for it */
}

static void only_what_is_asked_for(void **state)
{
	struct list_cache *cache = *state;

	loads(cache, "file: \"a b\\\\\xc3\xa4.txt\"", 4);
	assert_string_equal(only_copy(), "");
	assert_int_equal(access(copies, F_OK), -1); /* not even the folder */
	loads(cache, FILE_SET, 4);
	assert_string_not_equal(only_copy(), "");
	loads(cache, "file: \"a b\\\\\xc3\xa4.txt\"", 4);
	assert_string_equal(only_copy(), "");
}

/* Is the i-th byte in the value of this line? */
static bool is_in_line(const char *text, size_t i, const char *name)
{
	const char *value = strstr(text, name) + strlen(name);

	return text + i >= value && text + i < strchr(value, '\n');
}

static void damaged_copies(void **state)
{
	struct list_cache *cache = *state;
	char good[2048], bad[2048], path[512];
	size_t len;

	loads(cache, FILE_SET, 4);
	unlink(list);
	strcpy(path, only_copy());
	len = read_file(path, good, sizeof(good));
	assert_true(len > 300 && len < sizeof(good));
	good[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		/* These say what the file was, and when; they are no part of what it holds. */
		if (is_in_line(good, i, "# time: ") || is_in_line(good, i, "# file: "))
			continue;
		memcpy(bad, good, len);
		bad[i] ^= 1;
		write_file(path, bad, len);
		refuses(cache, FILE_SET, "No such file", "it is damaged");
	}
	for (size_t n = 0; n < len; n++) {
		write_file(path, good, n);
		refuses(cache, FILE_SET, "No such file", "it is damaged");
	}
	write_file(path, good, len);
	falls_back(cache, FILE_SET, "No such file");
	write_file(path, good, len);
	unlink(path);
	refuses(cache, FILE_SET, "No such file", NULL);
}

/* A stricter policy does not take what it would not take from the file. */
static void copies_are_judged(void **state)
{
	struct list_cache *cache = *state;

	loads(cache, FILE_SET, 4);
	unlink(list);
	falls_back(cache, FILE_SET ", max-width: {v4: 24, v6: 32}", "No such file");
	refuses(cache, FILE_SET ", max-width: {v4: 25}", "No such file",
		"this policy would refuse it, too");
}

static void patterns(void **state)
{
	struct list_cache *cache = *state;
	char path[128];

	loads(cache, "glob: \"*.txt\", keep: true", 4);
	unlink(list);
	falls_back(cache, "glob: \"*.txt\", keep: true", "No such file");
	refuses(cache, "glob: \"*.list\", keep: true", "no file matches", NULL);
	refuses(cache, "glob: \"sub/*.txt\", keep: true", "cannot read the folder", NULL);
	refuses(cache, "glob: \"*.txt\"", "no file matches", NULL);
	snprintf(path, sizeof(path), "%s/b.txt", folder); /* another one: then a.txt was removed */
	write_file(path, "10.0.0.0/8\n", 11);
	loads(cache, "glob: \"*.txt\", keep: true", 1);
	unlink(path);
}

/* What cannot be written is a warning; the policy is in force all the same. */
static void no_folder(void **state)
{
	struct list_cache *cache = *state;
	_cleanup_(diags_free) struct diags diags = { 0 };
	char path[64];
	struct policy *policy;

	snprintf(path, sizeof(path), "%s/state", folder);
	write_file(path, "x", 1);
	policy = load(cache, FILE_SET, &diags);
	assert_non_null(policy);
	policy_free(policy);
	assert_int_equal(diags.n, 1);
	assert_non_null(strstr(diags.items[0].message, "cannot keep a copy of list files in"));
	assert_non_null(strstr(diags.items[0].message, "Not a directory"));
}

/* What a crash left is replaced and removed; what is not ours stays. */
static void leftovers(void **state)
{
	struct list_cache *cache = *state;
	char path[600], other[600];

	loads(cache, FILE_SET, 4);
	snprintf(path, sizeof(path), "%s.new", only_copy());
	write_file(path, "half", 4);
	snprintf(other, sizeof(other), "%s/notes", copies);
	write_file(other, "mine", 4);
	write_list("10.0.0.0/8\n");
	loads(cache, FILE_SET, 1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
	unlink(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(stands_for_a_file), TEST(only_what_is_asked_for),
		TEST(damaged_copies),    TEST(copies_are_judged),
		TEST(patterns),          TEST(no_folder),
		TEST(leftovers),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
