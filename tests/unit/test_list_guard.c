/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_list_guard.c: list files that lost too much, or are no lists, against what is in force; and
 * list files that are read again while the policy is in force.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config.h"
#include "util.h"

#define USE                                                                                        \
	"interfaces: {eth0: {policy: p}}\n"                                                        \
	"policies: {p: {rules: [{name: r, match: {src: $a}, do: drop}]}}\n"

static char folder[] = "/tmp/xdpgate-guard-XXXXXX";

static void write_bytes(const char *name, const char *text, size_t len)
{
	char path[128], new[136];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(new, sizeof(new), "%s.new", path);
	stream = fopen(new, "we");
	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, len, stream), len);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(rename(new, path), 0);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void write_list(const char *name, unsigned int n)
{
	_cleanup_free_ char *text = malloc(n * 20 + 16);
	size_t len = (size_t)sprintf(text, "# a list\n");

	for (unsigned int i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "10.0.%u.%u\n", i >> 8, i & 255);
	write_text(name, text);
}

static void write_policy(const char *set)
{
	char text[512];

	snprintf(text, sizeof(text), "sets: {a: {%s}}\n" USE, set);
	write_text("policy.yaml", text);
}

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static int begin(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'/*", folder);
	*state = list_cache_new();
	return *state ? system(command) : -1;
}

static int end(void **state)
{
	list_cache_free(*state);
	return 0;
}

/* Load; how many prefixes, or the message of the first error is one of *ret. */
static long load_with(struct list_cache *cache, bool again, bool accept_shrink, char ret[256])
{
	const struct load_options options = { .cache = cache,
					      .again = again,
					      .accept_shrink = accept_shrink };
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags diags = { 0 };
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/policy.yaml", folder);
	r = policy_load_with(path, &options, &policy, &diags);
	list_cache_end(cache, r >= 0);
	ret[0] = '\0';
	if (r < 0)
		snprintf(ret, 256, "%s", diags.items[0].message);
	return r < 0 ? r : (long)(policy->sets[0].n_v4 + policy->sets[0].n_v6);
}

static void loads(struct list_cache *cache, long n)
{
	char error[256];

	assert_int_equal(load_with(cache, false, false, error), n);
}

static void refuses(struct list_cache *cache, const char *why)
{
	char error[256];

	assert_int_equal(load_with(cache, false, false, error), -EINVAL);
	if (!strstr(error, why))
		fail_msg("'%s' instead of '%s'", error, why);
}

/* --- a reload ---------------------------------------------------------------------------- */

static void at_the_border(void **state)
{
	static const struct {
		const char *set;
		unsigned int before, after;
		bool fits;
	} cases[] = {
		{ "watch: true", 100, 51, true },
		{ "watch: true", 100, 50, false },
		{ "watch: true", 101, 51, true },
		{ "watch: true", 1, 1, true },
		{ "watch: true", 1, 0, false },
		{ "watch: true", 2, 1, false },
		{ "watch: true", 0, 0, true },
		{ "watch: true", 0, 9, true },
		{ "watch: true, max-shrink: 100%", 100, 0, true },
		{ "watch: true, max-shrink: 1%", 200, 199, true },
		{ "watch: true, max-shrink: 1%", 200, 198, false },
		{ "watch: false", 100, 0, true },
		{ "keep: false", 100, 0, true },
		{ "max-shrink: 10%", 100, 91, true },
		{ "max-shrink: 10%", 100, 90, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct list_cache *cache = list_cache_new();
		char set[128], error[256], expected[64];

		snprintf(set, sizeof(set), "file: a.txt, %s", cases[i].set);
		write_policy(set);
		write_list("a.txt", cases[i].before);
		loads(cache, cases[i].before);
		write_list("a.txt", cases[i].after);
		if (cases[i].fits) {
			loads(cache, cases[i].after);
		} else {
			snprintf(expected, sizeof(expected), "a.txt has %u prefix%s, %u before",
				 cases[i].after, cases[i].after == 1 ? "" : "es", cases[i].before);
			refuses(cache, expected);
			refuses(cache, expected); /* not forgotten by having failed */
			assert_int_equal(load_with(cache, false, true, error), cases[i].after);
			loads(cache, cases[i].after);
		}
		list_cache_free(cache);
	}
}

static void what_is_no_list(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} cases[] = {
		{ "", 0, "is empty" },
		{ "<html>\n", 7, "looks like an HTML page" },
		{ "\n \n <!DOCTYPE html>\n", 20, "looks like an HTML page" },
		{ "\x1f\x8b\x08\0\n", 5, "is compressed by gzip; unpack it: gunzip" },
		{ "BZh91AY", 7, "is compressed by bzip2" },
		{ "\xfd"
		  "7zXZ\0",
		  6, "is compressed by xz" },
		{ "\x28\xb5\x2f\xfd", 4, "is compressed by zstd" },
		{ "PK\x03\x04", 4, "is a zip archive" },
		{ "\xff\xfe"
		  "1\0.\0",
		  6, "is text in UTF-16" },
		{ "10.0.0.0\n\0", 10, "is binary data" },
		{ "{\"cidr\":\"10.0.0.0/8\"}\n", 22, "looks like JSON" },
		{ "[]\n", 3, "looks like JSON" },
		{ "0.0.0.0/0\n", 10, "0.0.0.0/0 is every address" },
	};

	write_policy("file: a.txt, watch: true");
	write_list("a.txt", 10);
	loads(*state, 10);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_bytes("a.txt", cases[i].bytes, cases[i].len);
		refuses(*state, cases[i].why);
	}
	write_list("a.txt", 10);
	loads(*state, 10);
}

static void gone_from_a_pattern(void **state)
{
	char path[128], error[256];

	write_policy("glob: '*.txt', watch: true");
	write_list("a.txt", 10);
	write_list("b.txt", 20);
	loads(*state, 30);
	snprintf(path, sizeof(path), "%s/b.txt", folder);
	assert_int_equal(unlink(path), 0);
	refuses(*state, "b.txt: No such file or directory");
	assert_int_equal(load_with(*state, false, true, error), 10);
	loads(*state, 10);
	write_policy("glob: '*.txt'"); /* of one that is not watched: it was taken away */
	write_list("b.txt", 20);
	loads(*state, 30);
	assert_int_equal(unlink(path), 0);
	loads(*state, 10);
}

/* --- a refresh --------------------------------------------------------------------------- */

static const struct list_guard guard = { .set = "a", .max_shrink = 50, .v4 = 8, .v6 = 19 };

static int refresh(struct list_cache *cache, const char *name, struct list_change *ret,
		   char error[256])
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	r = list_cache_refresh(cache, path, &guard, ret, &diags);
	error[0] = '\0';
	if (diags.n) {
		_cleanup_free_ char *line = diag_line(&diags.items[0]);

		snprintf(error, 256, "%s", line);
	}
	assert_int_equal(r == -EINVAL, diags.n_errors > 0);
	return r;
}

/* Only what was refreshed is read: neither the policy file nor the other list. */
static void refreshed_alone(void **state)
{
	struct list_change change = { 0 };
	struct list_cache *cache = *state;
	char error[256];

	write_policy("files: [a.txt, b.txt]");
	write_list("a.txt", 10);
	write_list("b.txt", 20);
	loads(cache, 30);
	write_text("policy.yaml", "nonsense: [");
	write_text("b.txt", "nonsense\n");
	write_list("a.txt", 11);

	list_cache_refresh_begin(cache);
	assert_int_equal(refresh(cache, "a.txt", &change, error), 1);
	assert_true(change.known);
	assert_int_equal(change.before, 10);
	assert_int_equal(change.after, 11);
	assert_int_equal(load_with(cache, true, false, error), 31);
	/* And from then on that is what is in force. */
	assert_int_equal(load_with(cache, true, false, error), 31);
	list_cache_refresh_begin(cache);
	assert_int_equal(refresh(cache, "a.txt", &change, error), 0);
	list_cache_end(cache, false);
	assert_int_equal(load_with(cache, true, false, error), 31);
}

static void refused_alone(void **state)
{
	struct list_change change = { 0 };
	struct list_cache *cache = *state;
	char error[256];

	write_policy("files: [a.txt, b.txt]");
	write_list("a.txt", 10);
	write_list("b.txt", 20);
	loads(cache, 30);
	write_list("a.txt", 5);
	write_list("b.txt", 21);
	list_cache_refresh_begin(cache);
	assert_int_equal(refresh(cache, "a.txt", &change, error), -EINVAL);
	assert_non_null(strstr(error, "a.txt has 5 prefixes, 10 before"));
	assert_int_equal(refresh(cache, "b.txt", &change, error), 1);
	write_text("a.txt", "128.0.0.0/7\n10.0.0.0/8\n");
	assert_int_equal(refresh(cache, "a.txt", &change, error), -EINVAL);
	assert_non_null(strstr(error, "a.txt:1:1: error: 128.0.0.0/7 is"));
	assert_int_equal(load_with(cache, true, false, error), 31);
	/* It was not in force: what was read is forgotten. */
	write_list("b.txt", 22);
	list_cache_refresh_begin(cache);
	assert_int_equal(refresh(cache, "b.txt", &change, error), 1);
	list_cache_end(cache, false);
	assert_int_equal(load_with(cache, true, false, error), 31);
}

static void new_for_a_pattern(void **state)
{
	_cleanup_(paths_done) struct paths paths = { 0 };
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct list_change change = { 0 };
	struct list_cache *cache = *state;
	char pattern[128], error[256];

	snprintf(pattern, sizeof(pattern), "%s/*.txt", folder);
	write_policy("glob: '*.txt', watch: true");
	write_list("b.txt", 10);
	loads(cache, 10);
	write_list("a.txt", 3);
	write_list("c.txt", 4);
	assert_int_equal(list_pattern_expand(pattern, &paths, &diags), 0);
	assert_int_equal(paths.n, 3);
	list_cache_refresh_begin(cache);
	assert_int_equal(refresh(cache, "a.txt", &change, error), 1);
	assert_false(change.known);
	assert_int_equal(list_cache_refresh_pattern(cache, pattern, paths.items[0]), 0);
	assert_int_equal(refresh(cache, "c.txt", &change, error), 1);
	assert_int_equal(list_cache_refresh_pattern(cache, pattern, paths.items[2]), 0);
	assert_int_equal(load_with(cache, true, false, error), 17);
	assert_int_equal(load_with(cache, true, false, error), 17);
	loads(cache, 17);
}

/* 10 GB of nothing cost neither time nor memory; nor does what has no end. */
static void without_end(void **state)
{
	static const char *const targets[] = { "/dev/zero", "/dev/full", "/proc/self/mem" };
	struct list_change change = { 0 };
	struct list_cache *cache = *state;
	char path[128], error[256];

	write_policy("file: a.txt, watch: true");
	write_list("a.txt", 10);
	loads(cache, 10);
	snprintf(path, sizeof(path), "%s/a.txt", folder);
	list_cache_refresh_begin(cache);
	assert_int_equal(truncate(path, (off_t)10 << 30), 0);
	assert_int_equal(refresh(cache, "a.txt", &change, error), -EINVAL);
	assert_non_null(strstr(error, "larger than 512 MiB"));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(refresh(cache, "a.txt", &change, error), -EINVAL);
	assert_non_null(strstr(error, "not a regular file"));
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		unlink(path);
		assert_int_equal(symlink(targets[i], path), 0);
		assert_int_equal(refresh(cache, "a.txt", &change, error), -EINVAL);
	}
	list_cache_end(cache, false);
	assert_int_equal(load_with(cache, true, false, error), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_border),
		cmocka_unit_test_setup_teardown(what_is_no_list, begin, end),
		cmocka_unit_test_setup_teardown(gone_from_a_pattern, begin, end),
		cmocka_unit_test_setup_teardown(refreshed_alone, begin, end),
		cmocka_unit_test_setup_teardown(refused_alone, begin, end),
		cmocka_unit_test_setup_teardown(new_for_a_pattern, begin, end),
		cmocka_unit_test_setup_teardown(without_end, begin, end),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
