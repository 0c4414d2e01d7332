/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_include.c: policies of several files: what they become, that each counts in the hash, that a
 * reload with a cache sees changes in them, and that no number, size or shape of files hangs, crashes
 * or eats the machine. What errors say is in tests/golden.
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

#define REST "interfaces: {eth0: {policy: p}}\npolicies: {p: {}}\n"

static char folder[] = "/tmp/xdpgate-include-XXXXXX";

static int make_folder(void **state)
{
	if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("sub", 0700) < 0)
		return -1;
	return 0;
}

static int remove_folder(void **state)
{
	_cleanup_free_ char *command = NULL;

	return chdir("/") < 0 || asprintf(&command, "rm -r %s", folder) < 0 ? -1 : system(command);
}

static void write_file(const char *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void write_file(const char *path, const char *format, ...)
{
	_cleanup_fclose_ FILE *stream = fopen(path, "we");
	va_list args;

	assert_non_null(stream);
	va_start(args, format);
	assert_true(vfprintf(stream, format, args) >= 0);
	va_end(args);
}

static struct policy *load(struct list_cache *cache)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;
	int r = cache ? policy_load_cached("main.yaml", cache, &policy, &diags)
		      : policy_load("main.yaml", &policy, &diags);

	if (r < 0)
		diags_print(&diags, stderr, false);
	assert_int_equal(r, 0);
	return policy;
}

static void refuses(const char *message)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	assert_int_equal(policy_load("main.yaml", &policy, &diags), -EINVAL);
	assert_true(diags.n > 0);
	for (size_t i = 0; i < diags.n; i++)
		if (strstr(diags.items[i].message, message))
			return;
	fail_msg("'%s' instead of '%s'", diags.items[0].message, message);
}

/* Sets, interfaces and policies of all; places and files know where they come from. */
static void joined(void **state)
{
	struct policy *policy;

	write_file("main.yaml",
		   "include: [sub/a.yaml, builtin:icmp]\n"
		   "interfaces: {eth0: {policy: q}}\n"
		   "policies: {q: {rules: [{name: r, match: {src: $a}, do: drop}]}}\n");
	write_file("sub/a.yaml", "include: ../b.yaml\nsets: {a: {file: list.txt}}\n");
	write_file("sub/list.txt", "192.0.2.0/24\n198.51.100.0/24\n");
	write_file("b.yaml", "interfaces: {eth1: {policy: p}}\npolicies: {p: {}}\n");
	policy = load(NULL);
	assert_int_equal(policy->n_interfaces, 2);
	assert_int_equal(policy->n_rulesets, 2);
	assert_int_equal(policy->sets[0].n_v4, 2);
	assert_int_equal(policy->n_files, 5);
	assert_string_equal(policy->files[0].path, "main.yaml");
	assert_null(policy->files[0].included_from);
	assert_string_equal(policy->files[1].path, "sub/a.yaml");
	assert_string_equal(policy->files[1].included_from, "main.yaml:1:11");
	assert_string_equal(policy->files[2].path, "sub/../b.yaml");
	assert_string_equal(policy->files[2].included_from,
			    "sub/a.yaml:1:10, included from main.yaml:1:11");
	assert_string_equal(policy->files[3].path, "builtin:icmp@1");
	assert_true(policy->files[3].builtin);
	assert_string_equal(policy->files[4].path, "sub/list.txt");
	assert_int_equal(policy->files[4].n_prefixes, 2);
	assert_ptr_equal(policy->sets[0].place.file, policy->files[1].path);
	assert_ptr_equal(policy->sets[0].place.included_from, policy->files[1].included_from);
	assert_null(policy->rulesets[policy->n_rulesets - 1].place.included_from);
	policy_free(policy);
}

/* A file that two include is read once, by whatever name. */
static void diamond(void **state)
{
	struct policy *policy;

	write_file("main.yaml", "include: [a.yaml, sub/b.yaml, builtin:icmp]\n" REST);
	write_file("a.yaml", "include: [common.yaml, builtin:icmp@1]\n");
	write_file("sub/b.yaml", "include: [./../common.yaml, builtin:icmp]\n");
	write_file("common.yaml", "fail: closed\n");
	policy = load(NULL);
	assert_int_equal(policy->n_files, 5);
	assert_true(policy->fail_closed);
	policy_free(policy);
}

/* The hash goes over each file, that of the text over all but lists; a cache of lists sees changes in
 * files that name them. */
static void changes(void **state)
{
	struct list_cache *cache = list_cache_new();
	struct policy *first, *second, *third;
	struct list_cache_stats stats;

	write_file("main.yaml", "include: a.yaml\n" REST);
	write_file("a.yaml", "sets: {a: {file: a.txt}}\n");
	write_file("a.txt", "192.0.2.0/24\n");
	write_file("b.txt", "192.0.2.0/25\n192.0.2.128/25\n");
	first = load(cache);
	second = load(cache);
	list_cache_get_stats(cache, &stats);
	assert_int_equal(stats.n_read, 0);
	assert_memory_equal(first->hash, second->hash, sizeof(first->hash));
	assert_memory_equal(first->text_hash, second->text_hash, sizeof(first->text_hash));
	assert_memory_not_equal(first->hash, first->text_hash, sizeof(first->hash));
	policy_free(second);
	write_file("a.txt", "192.0.2.0/28\n");
	second = load(cache);
	assert_memory_not_equal(first->hash, second->hash, sizeof(first->hash));
	assert_memory_equal(first->text_hash, second->text_hash, sizeof(first->text_hash));
	write_file("a.yaml", "sets: {a: {file: b.txt}}\n");
	third = load(cache);
	assert_memory_not_equal(first->hash, third->hash, sizeof(first->hash));
	assert_memory_not_equal(first->text_hash, third->text_hash, sizeof(first->text_hash));
	assert_int_equal(first->sets[0].n_v4, 1);
	assert_int_equal(third->sets[0].n_v4, 2);
	policy_free(first);
	policy_free(second);
	policy_free(third);
	list_cache_free(cache);
}

/* Where the new names come from and go to makes no difference but in the hash. */
static void order(void **state)
{
	struct policy *first, *second;

	write_file("a.yaml", "sets: {a: [192.0.2.0/24]}\n");
	write_file("b.yaml", "sets: {b: [192.0.2.0/25]}\n");
	write_file("main.yaml", "include: [a.yaml, b.yaml]\n" REST);
	first = load(NULL);
	write_file("main.yaml", "include: [b.yaml, a.yaml]\n" REST);
	second = load(NULL);
	assert_memory_not_equal(first->hash, second->hash, sizeof(first->hash));
	assert_string_equal(first->sets[0].name, "a");
	assert_string_equal(second->sets[0].name, "b");
	policy_free(first);
	policy_free(second);
}

static void many(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct policy *policy;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	for (int i = 0; i < CONFIG_MAX_INCLUDES; i++) {
		char path[32];

		snprintf(path, sizeof(path), "many-%d.yaml", i);
		write_file(path, "sets: {s%d: [192.0.2.0/24]}\n", i);
		fprintf(stream, "%s%s", i ? ", " : "", path);
	}
	fclose(stream);
	write_file("main.yaml", "include: [%s]\n" REST, text);
	policy = load(NULL);
	assert_int_equal(policy->n_files, 1 + CONFIG_MAX_INCLUDES);
	assert_int_equal(policy->n_sets, CONFIG_MAX_INCLUDES);
	policy_free(policy);
	write_file("main.yaml", "include: [%s, a.yaml]\n" REST, text);
	refuses("more than 256 includes");
}

/* Very many includes of one file, by ever other names: refused at the 257th. */
static void hostile_lists(void **state)
{
	_cleanup_fclose_ FILE *stream = fopen("main.yaml", "we");

	write_file("a.yaml", "sets: {}\n");
	fputs(REST "include:\n", stream);
	for (int i = 0; i < 100000; i++) {
		fputs("- ", stream);
		for (int j = 0; j < i % 300 && i < 300; j++)
			fputs("./", stream);
		fprintf(stream, "%s\n", i < 300 ? "a.yaml" : "fifo");
	}
	fflush(stream);
	refuses("more than 256 includes");
}

static void too_large(void **state)
{
	_cleanup_fclose_ FILE *stream = fopen("large.yaml", "we");

	for (size_t i = 0; i < CONFIG_MAX_FILE_BYTES / 64; i++)
		fprintf(stream, "# %*s\n", 61, "");
	fflush(stream);
	write_file("main.yaml", "include: large.yaml\n" REST);
	refuses("with large.yaml the policy is larger than 16 MiB");
	write_file("main.yaml", "include: sub\n" REST);
	refuses("cannot read sub: it is a directory");
	assert_int_equal(mkfifo("fifo", 0600), 0); /* and it does not wait */
	write_file("main.yaml", "include: fifo\n" REST);
	refuses("cannot read fifo: it is not a regular file");
}

/* The limit of values is one for all files. */
static void too_many_values(void **state)
{
	for (int file = 0; file < 2; file++) {
		_cleanup_fclose_ FILE *stream = fopen(file ? "v1.yaml" : "v0.yaml", "we");

		fprintf(stream, "sets:\n v%d:\n", file);
		for (int i = 0; i < 600000; i++)
			fputs("  - ::\n", stream);
	}
	write_file("main.yaml", "include: [v0.yaml]\n" REST);
	policy_free(load(NULL));
	write_file("main.yaml", "include: [v0.yaml, v1.yaml]\n" REST);
	refuses("more than 1000000 values");
}

/* Links that make a loop look like a way that never ends. */
static void loop_of_links(void **state)
{
	write_file("main.yaml", "include: again/l.yaml\n" REST);
	write_file("l.yaml", "include: again/l.yaml\n");
	assert_int_equal(symlink(".", "again"), 0);
	refuses("files include each other in a loop: again/l.yaml -> again/l.yaml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joined),        cmocka_unit_test(diamond),
		cmocka_unit_test(changes),       cmocka_unit_test(order),
		cmocka_unit_test(many),          cmocka_unit_test(hostile_lists),
		cmocka_unit_test(too_large),     cmocka_unit_test(too_many_values),
		cmocka_unit_test(loop_of_links),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
