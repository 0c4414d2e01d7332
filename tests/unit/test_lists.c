/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_lists.c: prefixes as text, and list files: what is taken, what is refused and where, that
 * pieces of a file join, and that a million lines are read in no time.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "config.h"
#include "prefix.h"
#include "util.h"

static char folder[] = "/tmp/xdpgate-lists-XXXXXX";
static char list_path[64];

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(list_path, sizeof(list_path), "%s/list.txt", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(list_path);
	return rmdir(folder);
}

static void write_list(const char *text, size_t len)
{
	_cleanup_fclose_ FILE *stream = fopen(list_path, "we");

	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, len, stream), len);
}

/* Load a policy whose one set is the list file. */
static int load(struct policy **ret, struct diags *diags)
{
	static const char text[] =
		"sets: {a: {file: list.txt}}\n"
		"interfaces: {eth0: {policy: p}}\n"
		"policies: {p: {rules: [{name: r, match: {src: $a}, do: drop}]}}\n";
	char path[128];

	snprintf(path, sizeof(path), "%s/policy.yaml", folder);
	return policy_load_text(path, text, strlen(text), ret, diags);
}

static void prefixes_that_are_taken(void **state)
{
	static const struct {
		const char *text, *normal;
		enum prefix_result result;
	} cases[] = {
		{ "0.0.0.0/0", "0.0.0.0/0", PREFIX_V4 },
		{ "255.255.255.255", "255.255.255.255", PREFIX_V4 },
		{ "192.0.2.0/24", "192.0.2.0/24", PREFIX_V4 },
		{ "192.0.2.1/32", "192.0.2.1", PREFIX_V4 },
		{ "128.0.0.0/1", "128.0.0.0/1", PREFIX_V4 },
		{ "::", "::", PREFIX_V6 },
		{ "::/0", "::/0", PREFIX_V6 },
		{ "2001:DB8::/32", "2001:db8::/32", PREFIX_V6 },
		{ "2001:db8::1/128", "2001:db8::1", PREFIX_V6 },
		{ "2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65", PREFIX_V6 },
		{ "::ffff:192.0.2.0/120", "::ffff:192.0.2.0/120", PREFIX_V6 },
		{ "8000::/1", "8000::/1", PREFIX_V6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buffer[PREFIX_TEXT];
		struct prefix prefix;

		assert_int_equal(prefix_parse(cases[i].text, strlen(cases[i].text), &prefix),
				 cases[i].result);
		assert_string_equal(prefix_format(&prefix, buffer), cases[i].normal);
	}
}

static void prefixes_that_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum prefix_result result;
	} cases[] = {
		{ "", PREFIX_SYNTAX },
		{ "/24", PREFIX_SYNTAX },
		{ "10", PREFIX_SYNTAX },
		{ "10.0.0", PREFIX_SYNTAX },
		{ "10.0.0.0.0", PREFIX_SYNTAX },
		{ "10.0.0.256", PREFIX_SYNTAX },
		{ "10.0.0.00", PREFIX_SYNTAX },
		{ "010.0.0.0", PREFIX_SYNTAX },
		{ "10.0.0.", PREFIX_SYNTAX },
		{ "10..0.0", PREFIX_SYNTAX },
		{ " 10.0.0.0", PREFIX_SYNTAX },
		{ "10.0.0.0 ", PREFIX_SYNTAX },
		{ "+1.0.0.0", PREFIX_SYNTAX },
		{ "1.2.3.99999999999", PREFIX_SYNTAX },
		{ "2001:db8", PREFIX_SYNTAX },
		{ "1::2::3", PREFIX_SYNTAX },
		{ "fe80::1%eth0", PREFIX_SYNTAX },
		{ "[::1]", PREFIX_SYNTAX },
		{ ":::", PREFIX_SYNTAX },
		{ "12345::", PREFIX_SYNTAX },
		{ "10.0.0.0/", PREFIX_LENGTH },
		{ "10.0.0.0/33", PREFIX_LENGTH },
		{ "10.0.0.0/08", PREFIX_LENGTH },
		{ "10.0.0.0/-1", PREFIX_LENGTH },
		{ "10.0.0.0/8/8", PREFIX_LENGTH },
		{ "10.0.0.0/8 ", PREFIX_LENGTH },
		{ "::/129", PREFIX_LENGTH },
		{ "::/4294967296", PREFIX_LENGTH },
		{ "10.0.0.1/8", PREFIX_HOST_BITS },
		{ "128.0.0.0/0", PREFIX_HOST_BITS },
		{ "::1/127", PREFIX_HOST_BITS },
		{ "0:0:0:1::/63", PREFIX_HOST_BITS },
		{ "8000::/0", PREFIX_HOST_BITS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix prefix;

		assert_int_equal(prefix_parse(cases[i].text, strlen(cases[i].text), &prefix),
				 cases[i].result);
	}
}

/* Random words of the right letters, and addresses with a letter wrong: taken if and only if
 * inet_pton() takes them, and for the same address. */
static void addresses_as_inet_pton(void **state)
{
	static const char *const parts[] = { ":", ":", ":",   "::",   "0", "1",  "db8",   "ffff",
					     "a", ".", "192", "0.0.", "2", "00", "12345", "g" };
	uint64_t random = 88172645463325252ULL;
	size_t n_taken = 0;

	for (int i = 0; i < 2000000; i++) {
		unsigned char bytes[16], parsed[16];
		char word[128] = "";
		struct prefix prefix;
		enum prefix_result result;
		size_t n_parts;

		random ^= random << 13; /* Marsaglia's xorshift */
		random ^= random >> 7;
		random ^= random << 17;
		n_parts = 1 + (random >> 60);
		for (size_t j = 0; j < n_parts; j++)
			strcat(word, parts[random >> 4 * j % 60 & 15]);
		result = prefix_parse(word, strlen(word), &prefix);
		assert_int_equal(result == PREFIX_V6, inet_pton(AF_INET6, word, bytes) == 1);
		if (result != PREFIX_V6)
			continue;
		for (int j = 0; j < 8; j++) {
			parsed[j] = (unsigned char)(prefix.v6.hi >> (56 - 8 * j));
			parsed[j + 8] = (unsigned char)(prefix.v6.lo >> (56 - 8 * j));
		}
		assert_memory_equal(parsed, bytes, 16);
		n_taken++;
	}
	assert_true(n_taken > 1000);
}

static void lines_that_are_taken(void **state)
{
	static const char text[] = "\xef\xbb\xbf# comment\r\n"
				   "\n"
				   "  \t \r\n"
				   "192.0.2.0/24\n"
				   "  198.51.100.7\t# trailing\r\n"
				   "2001:db8::/32;trailing\n"
				   ";\n#\n"
				   "192.0.2.0/24\n"  /* again: lists overlap and repeat */
				   "203.0.113.0/24"; /* no newline at the end */
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	write_list(text, strlen(text));
	assert_int_equal(load(&policy, &diags), 0);
	assert_int_equal(diags.n, 0);
	assert_int_equal(policy->sets[0].n_v4, 4);
	assert_int_equal(policy->sets[0].n_v6, 1);
	assert_int_equal(policy->sets[0].v4[2].addr, 0xc6336407);
	assert_int_equal(policy->sets[0].v4[2].len, 32);
	assert_int_equal(policy->sets[0].v6[0].hi, 0x20010db800000000);
	assert_int_equal(policy->n_files, 2);
	assert_int_equal(policy->files[1].n_prefixes, 5);
	policy_free(policy);
}

static void refuses(const char *text, size_t len, const char *first)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *line = NULL;
	struct policy *policy = NULL;

	write_list(text, len);
	assert_int_equal(load(&policy, &diags), -EINVAL);
	assert_null(policy);
	assert_true(diags.n > 0);
	line = diag_line(&diags.items[0]);
	if (strncmp(line, list_path, strlen(list_path)) ||
	    strncmp(line + strlen(list_path), first, strlen(first)))
		fail_msg("'%s' instead of '%s%s'", line, list_path, first);
}

static void lines_that_are_refused(void **state)
{
	static const char junk[] = "\1\2\3\n\4";

	refuses("10.0.0.0/8\nx\n", 13, ":2:1: error: 'x' is not");
	refuses("10.0.0.0/8\r\n  10.0.0.1/8", 24, ":2:3: error: '10.0.0.1/8' has bits set");
	refuses("10.0.0.0/8 x", 12, ":1:1: error: expected one prefix");
	refuses("10.0.0.0/8,\n", 12, ":1:1: error: '10.0.0.0/8,'");
	refuses(junk, sizeof(junk) - 1, ":1:1: error: '\?\?\?'");
}

static void every_bad_line_counts(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *text = malloc(100000);
	struct policy *policy = NULL;
	size_t len = 0;

	for (int i = 0; i < 5000; i++)
		len += (size_t)sprintf(text + len, i % 2 ? "10.0.0.0/8\n" : "bad-%d\n", i);
	write_list(text, len);
	assert_int_equal(load(&policy, &diags), -EINVAL);
	assert_int_equal(diags.n, DIAGS_DEFAULT_LIMIT);
	assert_int_equal(diags.n_errors, 2500);
	assert_int_equal(diags.items[99].line, 199);
}

/* Lines that lie across the pieces in which a file is read. */
static void pieces_join(void **state)
{
	enum { N = 40000 };
	_cleanup_free_ char *text = malloc(N * 64);

	for (size_t shift = 0; shift < 40; shift += 13) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct policy *policy = NULL;
		size_t len = (size_t)sprintf(text, "#%*s\n", (int)shift, "");

		for (uint32_t i = 0; i < N; i++)
			len += (size_t)sprintf(text + len, "10.%u.%u.%u # %u\n", i >> 16,
					       i >> 8 & 255, i & 255, i);
		write_list(text, len);
		assert_int_equal(load(&policy, &diags), 0);
		assert_int_equal(policy->sets[0].n_v4, N);
		for (uint32_t i = 0; i < N; i++)
			assert_int_equal(policy->sets[0].v4[i].addr, 0x0a000000 | i);
		policy_free(policy);
	}
}

static void long_lines(void **state)
{
	_cleanup_free_ char *text = malloc(1 << 20);

	memset(text, 'x', 1 << 20);
	memcpy(text, "10.0.0.0/8\n", 11);
	refuses(text, 1 << 20, ":2: error: a line of more than 4096 bytes");
	text[6000] = '\n';
	refuses(text, 6001, ":2: error: a line of more than 4096 bytes");
}

static void too_many_prefixes(void **state)
{
	enum { N = CONFIG_MAX_PREFIXES + 1 };
	_cleanup_free_ char *text = malloc(N * 10UL);

	for (size_t i = 0; i < N; i++)
		memcpy(text + i * 10, "10.0.0.10\n", 10);
	refuses(text, N * 10UL, ":4000001:1: error: more than 4000000 prefixes in all sets");
}

static void no_regular_file(void **state)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	struct policy *policy = NULL;

	unlink(list_path);
	assert_int_equal(mkfifo(list_path, 0600), 0); /* opening it must not wait for a writer */
	assert_int_equal(load(&policy, &diags), -EINVAL);
	assert_non_null(strstr(diags.items[0].message, "not a regular file"));
	unlink(list_path);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void a_million_lines(void **state)
{
	enum { N = 1000000 };
	_cleanup_(diags_free) struct diags diags = { 0 };
	_cleanup_free_ char *text = malloc(N * 64UL);
	struct policy *policy = NULL;
	size_t len = 0;
	double start;

	for (uint32_t i = 0; i < N; i++)
		len += (size_t)(i % 4 ? sprintf(text + len, "%u.%u.%u.%u\n", i * 2654435761U >> 24,
						i >> 16 & 255, i >> 8 & 255, i & 255)
				      : sprintf(text + len, "2001:db8:%x:%x::/64\n", i >> 16,
						i & 0xffff));
	write_list(text, len);
	start = now();
	assert_int_equal(load(&policy, &diags), 0);
	print_message("a million lines: %.3f s of CPU\n", now() - start);
	assert_int_equal(policy->sets[0].n_v4 + policy->sets[0].n_v6, N);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_that_are_taken),
		cmocka_unit_test(prefixes_that_are_refused),
		cmocka_unit_test(addresses_as_inet_pton),
		cmocka_unit_test(lines_that_are_taken),
		cmocka_unit_test(lines_that_are_refused),
		cmocka_unit_test(every_bad_line_counts),
		cmocka_unit_test(pieces_join),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(too_many_prefixes),
		cmocka_unit_test(no_regular_file),
		cmocka_unit_test(a_million_lines),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
