/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_list_cache.c: a reload reads the list files that have changed, and no others; and whatever
 * the cache knows, the policy is the one that is loaded without it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "config.h"
#include "source.h"
#include "util.h"

#define N_LINES 3000 /* of a list: a third each of IPv4, IPv6 up to /64, and longer */

static char folder[] = "/tmp/xdpgate-cache-XXXXXX";

static char *path_of(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void write_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_of(name);
	_cleanup_fclose_ FILE *stream = fopen(path, "we");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
}

/* Lists of different variants differ, but not in size. */
static void write_list(const char *name, unsigned int variant)
{
	_cleanup_free_ char *text = malloc(N_LINES * 40);
	size_t len = 0;

	for (unsigned int i = 0; i < N_LINES / 3; i++) {
		len += (size_t)sprintf(text + len, "10.%u.%u.%u\n2001:db8:%04x::/%u\n", variant,
				       i >> 8, i & 255, i, 48 + i % 17);
		len += (size_t)sprintf(
			text + len, i % 2 ? "2001:db8::%x:%04x\n" : "2001:db8:%x:%04x:8000::/65\n",
			variant, i);
	}
	write_file(name, text);
}

/* A policy of a set for each list that is named, by words: "a.txt b.txt". */
static void write_policy(const char *lists)
{
	_cleanup_free_ char *words = strdup(lists);
	char sets[1024] = "sets:\n", names[512] = "", text[2048];
	char *rest = words, *word;
	int n = 0;

	while ((word = strsep(&rest, " "))) {
		sprintf(sets + strlen(sets), "  s%d: {file: %s}\n", n, word);
		sprintf(names + strlen(names), "%s$s%d", n ? ", " : "", n);
		n++;
	}
	sprintf(text,
		"%sinterfaces: {eth0: {policy: p}}\n"
		"policies: {p: {rules: [{name: r, match: {src: [%s]}, do: drop}]}}\n",
		sets, names);
	write_file("policy.yaml", text);
}

/* Beyond the time in which a file's own times may not tell that it has changed. */
static void settle(void)
{
	nanosleep(&(struct timespec){ 3, 100000000 }, NULL);
}

static int load(struct list_cache *cache, struct policy **ret, struct diags *diags)
{
	_cleanup_free_ char *path = path_of("policy.yaml");

	return cache ? policy_load_cached(path, cache, ret, diags) : policy_load(path, ret, diags);
}

static void assert_equal_policies(const struct policy *a, const struct policy *b)
{
	assert_memory_equal(a->hash, b->hash, sizeof(a->hash));
	assert_int_equal(a->n_files, b->n_files);
	for (size_t i = 0; i < a->n_files; i++) {
		assert_string_equal(a->files[i].path, b->files[i].path);
		assert_int_equal(a->files[i].n_prefixes, b->files[i].n_prefixes);
	}
	assert_int_equal(a->n_sets, b->n_sets);
	for (size_t i = 0; i < a->n_sets; i++) {
		const struct prefix_set *x = &a->sets[i], *y = &b->sets[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->n_v4, y->n_v4);
		assert_int_equal(x->n_v6, y->n_v6);
		for (size_t j = 0; j < x->n_v4; j++)
			assert_true(x->v4[j].addr == y->v4[j].addr && x->v4[j].len == y->v4[j].len);
		for (size_t j = 0; j < x->n_v6; j++)
			assert_true(x->v6[j].hi == y->v6[j].hi && x->v6[j].lo == y->v6[j].lo &&
				    x->v6[j].len == y->v6[j].len);
	}
}

/* Load; so many files are unchanged, hashed, parsed; the policy is the one without a cache. */
static void loads(struct list_cache *cache, size_t n_unchanged, size_t n_hashed, size_t n_read)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL, *plain = NULL;
	struct list_cache_stats stats;

	if (load(cache, &policy, &diags) < 0) {
		diags_print(&diags, stderr, false);
		fail();
	}
	list_cache_get_stats(cache, &stats);
	assert_int_equal(stats.n_unchanged, n_unchanged);
	assert_int_equal(stats.n_hashed, n_hashed);
	assert_int_equal(stats.n_read, n_read);
	assert_int_equal(load(NULL, &plain, &diags), 0);
	assert_equal_policies(policy, plain);
	policy_free(policy);
	policy_free(plain);
}

static void refuses(struct list_cache *cache, const char *message)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	assert_int_equal(load(cache, &policy, &diags), -EINVAL);
	assert_null(policy);
	if (!strstr(diags.items[0].message, message))
		fail_msg("'%s' instead of '%s'", diags.items[0].message, message);
}

/* Bytes that this process has read so far, by the kernel's count. */
static unsigned long bytes_read(void)
{
	_cleanup_fclose_ FILE *stream = fopen("/proc/self/io", "re");
	unsigned long bytes = 0;

	assert_non_null(stream);
	assert_int_equal(fscanf(stream, "rchar: %lu", &bytes), 1);
	return bytes;
}

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	write_list("a.txt", 1);
	write_list("b.txt", 2);
	write_list("c.txt", 3);
	settle();
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "a.txt", "b.txt", "c.txt", "new.txt", "policy.yaml" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_of(names[i]);

		unlink(path);
	}
	return rmdir(folder);
}

static int make_cache(void **state)
{
	*state = list_cache_new();
	return *state ? 0 : -1;
}

static int free_cache(void **state)
{
	list_cache_free(*state);
	return 0;
}

/* The first test: files are as make_folder() left them. */
static void unchanged_lists(void **state)
{
	struct list_cache *cache = *state;
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;
	struct list_cache_stats stats;
	unsigned long before;

	write_policy("a.txt b.txt");
	loads(cache, 0, 0, 2);
	loads(cache, 2, 0, 0);

	before = bytes_read();
	assert_int_equal(load(cache, &policy, &diags), 0);
	assert_true(bytes_read() - before < 2000); /* the policy file; a list has 70,000 */
	policy_free(policy);

	list_cache_get_stats(cache, &stats);
	assert_int_equal(stats.n_entries, 2);
	/* 5 bytes for each of IPv4, 9 for each of IPv6, 17 where it is longer than 64 */
	assert_in_range(stats.bytes, 2 * N_LINES / 3 * (5 + 9 + 17),
			2 * N_LINES / 3 * (5 + 9 + 17) + 1000);

	write_policy("b.txt c.txt"); /* what is not used is not kept */
	loads(cache, 1, 0, 1);
	write_policy("a.txt b.txt c.txt a.txt");
	loads(cache, 3, 0, 1);
	loads(cache, 4, 0, 0);
	list_cache_get_stats(cache, &stats);
	assert_int_equal(stats.n_entries, 3);
}

static void a_failed_load(void **state)
{
	struct list_cache *cache = *state;
	struct list_cache_stats before, after;

	write_policy("a.txt b.txt");
	loads(cache, 0, 0, 2);
	list_cache_get_stats(cache, &before);
	write_policy("b.txt c.txt missing.txt");
	refuses(cache, "cannot read");
	refuses(cache, "cannot read");
	list_cache_get_stats(cache, &after);
	assert_int_equal(after.n_read, 1); /* c.txt each time: nothing of it was kept */
	assert_int_equal(after.n_entries, before.n_entries);
	assert_int_equal(after.bytes, before.bytes);
	write_policy("a.txt b.txt");
	loads(cache, 2, 0, 0);
}

static void touched_and_replaced(void **state)
{
	struct list_cache *cache = *state;
	_cleanup_free_ char *a = path_of("a.txt"), *new = path_of("new.txt");
	struct timespec times[2] = { { 0, 0 }, { 1000000000, 5 } };
	struct stat st;

	write_policy("a.txt b.txt");
	loads(cache, 0, 0, 2);
	assert_int_equal(utimensat(AT_FDCWD, a, times, 0), 0);
	loads(cache, 1, 1, 0);
	write_list("new.txt", 1); /* the same, in another inode */
	assert_int_equal(rename(new, a), 0);
	loads(cache, 1, 1, 0);
	write_list("new.txt", 7); /* of the same size */
	assert_int_equal(utimensat(AT_FDCWD, new, times, 0), 0);
	assert_int_equal(rename(new, a), 0);
	loads(cache, 1, 0, 1);
	write_file("a.txt", "192.0.2.0/24\n");
	loads(cache, 1, 0, 1);
	write_file("a.txt", "# none\n");
	loads(cache, 1, 0, 1);
	write_file("a.txt", "192.0.2.1/24\n");
	refuses(cache, "bits set behind");
	write_file("a.txt", "# none\n");
	loads(cache, 1, 1, 0);
	unlink(a);
	refuses(cache, "No such file");
	write_list("a.txt", 1);
	loads(cache, 1, 0, 1);
	settle();
	loads(cache, 1, 1, 0); /* once more, for it was young when it was read */
	loads(cache, 2, 0, 0);

	assert_int_equal(stat(a, &st), 0);
	times[1] = st.st_mtim;
	write_list("a.txt", 9); /* all the same but the ctime */
	assert_int_equal(utimensat(AT_FDCWD, a, times, 0), 0);
	loads(cache, 1, 0, 1);
	write_list("b.txt", 9); /* in place */
	loads(cache, 0, 1, 1);
	write_list("b.txt", 2);
}

/* Changes that leave size and mtime, within one tick of the clock that makes the ctime. */
static void changed_in_a_tick(void **state)
{
	struct list_cache *cache = *state;
	_cleanup_free_ char *a = path_of("a.txt");
	struct timespec times[2] = { { 0, 0 }, { 1000000000, 5 } };

	write_policy("a.txt");
	for (int i = 0; i < 300; i++) {
		char text[64];

		sprintf(text, "10.0.0.%d\n", 100 + i % 100);
		write_file("a.txt", text);
		assert_int_equal(utimensat(AT_FDCWD, a, times, 0), 0);
		loads(cache, 0, 0, 1);
	}
	write_list("a.txt", 1);
}

/* The second one comes from the cache already. */
static void same_file_in_two_sets(void **state)
{
	struct list_cache *cache = *state;

	write_list("a.txt", 1);
	write_policy("a.txt a.txt");
	loads(cache, 0, 1, 1); /* young: the second time it is hashed */
	loads(cache, 0, 2, 0);
}

static atomic_bool stop;

static void *write_on(void *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	while (!stop)
		assert_int_equal(pwrite(fd, "1", 1, 0), 1);
	close(fd);
	return NULL;
}

static void changed_while_read(void **state)
{
	struct list_cache *cache = *state;
	_cleanup_free_ char *text = malloc(400000 * 16), *path = path_of("a.txt");
	pthread_t writer;
	size_t len = 0;
	int r = 0;

	for (unsigned int i = 0; i < 400000; i++)
		len += (size_t)sprintf(text + len, "10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
	write_file("a.txt", text);
	write_policy("a.txt b.txt");
	stop = false;
	assert_int_equal(pthread_create(&writer, NULL, write_on, path), 0);
	for (int i = 0; i < 100 && r == 0; i++) { /* if the writer gets its turn */
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct policy *policy = NULL;

		r = load(cache, &policy, &diags);
		policy_free(policy);
		if (r < 0)
			assert_non_null(strstr(diags.items[0].message,
					       "a.txt changed while it was read; reload again"));
	}
	stop = true;
	pthread_join(writer, NULL);
	assert_int_equal(r, -EINVAL);
	write_list("a.txt", 1);
}

/* A limit that is passed by what the cache knows is an error with its line as ever. */
/* The policy in force can be made again when its files are others, or gone; with other addresses,
 * whose change is all that differs. What was loaded but not put in force leaves no trace. */
static void again(void **state)
{
	struct list_cache *cache = *state;
	struct prefix_v4 v4 = { 0xc0000201, 32 };
	struct prefix_v6 v6 = { 1, 2, 128 };
	const struct local_addresses self = { &v4, 1, &v6, 1 };
	struct load_options options = { .cache = cache };
	_cleanup_free_ char *path = path_of("policy.yaml"), *list = path_of("a.txt");
	struct policy *first = NULL, *other = NULL, *second = NULL;
	_cleanup_(diags_free) struct diags diags = { 0 };

	write_list("a.txt", 1);
	write_file("policy.yaml", "sets: {a: {file: a.txt}}\n"
				  "interfaces: {eth0: {policy: p}}\n"
				  "policies: {p: {rules: [{name: r, match: {src: [$a, $self]}, "
				  "do: drop}]}}\n");
	assert_int_equal(policy_load_with(path, &options, &first, &diags), 0);
	list_cache_end(cache, true);
	assert_true(first->uses_self);
	assert_int_equal(first->n_self, 0);

	write_list("a.txt", 2);
	write_policy("a.txt a.txt");
	assert_int_equal(policy_load_with(path, &options, &other, &diags), 0);
	list_cache_end(cache, false);
	unlink(path);
	unlink(list);

	options.again = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(policy_load_with(path, &options, &second, &diags), 0);
		list_cache_end(cache, true);
		assert_equal_policies(first, second);
		second = policy_free(second);
	}
	options.self = &self;
	assert_int_equal(policy_load_with(path, &options, &second, &diags), 0);
	list_cache_end(cache, true);
	assert_memory_equal(first->hash, second->hash, sizeof(first->hash));
	assert_memory_equal(first->text_hash, second->text_hash, sizeof(first->text_hash));
	assert_int_equal(second->n_self, 2);
	assert_int_equal(second->n_sets, 2);
	assert_string_equal(second->sets[1].name, "self");
	assert_int_equal(second->sets[1].v4[0].addr, 0xc0000201);
	assert_int_equal(second->sets[1].v6[0].lo, 2);
	assert_int_equal(diags.n, 0);
	policy_free(first);
	policy_free(other);
	policy_free(second);
}

static void limits(void **state)
{
	enum { N = CONFIG_MAX_PREFIXES / 2 + 1 };
	struct list_cache *cache = *state;
	_cleanup_free_ char *text = malloc(N * 11UL + 1);
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	for (size_t i = 0; i < N; i++)
		memcpy(text + i * 11, "10.0.0.0/8\n", 12);
	write_file("a.txt", text);
	write_policy("a.txt");
	assert_int_equal(load(cache, &policy, &diags), 0);
	policy_free(policy);
	write_policy("a.txt a.txt");
	assert_int_equal(load(cache, &policy, &diags), -EINVAL);
	assert_int_equal(diags.n, 1);
	assert_int_equal(diags.items[0].line, CONFIG_MAX_PREFIXES - N + 1);
	assert_string_equal(diags.items[0].message, "more than 4000000 prefixes in all sets");
	write_list("a.txt", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_cache, free_cache)
		TEST(unchanged_lists),
		TEST(a_failed_load),
		TEST(touched_and_replaced),
		TEST(changed_in_a_tick),
		TEST(same_file_in_two_sets),
		TEST(changed_while_read),
		TEST(again),
		TEST(limits),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
