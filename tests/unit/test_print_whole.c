/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_print_whole.c: a policy that is printed to be kept, with list files beside it, and read again
 * has the same tables, byte by byte; and follows the local addresses, as the policy itself would.
 *
 *   test_print_whole EXAMPLES
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config.h"
#include "loader.h"
#include "prefix.h"
#include "print_case.h"
#include "random-policy.h"
#include "util.h"

#define N_RANDOM 300

static const char *examples;
static char folder[64];
static unsigned int n_lists; /* of the policy that was printed last */

/* --- printing and reading ---------------------------------------------------------------- */

static void put_prefix(FILE *stream, const struct prefix *prefix)
{
	char text[PREFIX_TEXT];

	fprintf(stream, "%s\n", prefix_format(prefix, text));
}

/* Each into a file of its own. */
static int store(void *context, const struct policy_list *list,
		 char ret_name[static POLICY_LIST_NAME])
{
	char path[128];
	FILE *stream;

	snprintf(ret_name, POLICY_LIST_NAME, "lists/%u", n_lists++);
	snprintf(path, sizeof(path), "%s/%s", folder, ret_name);
	stream = fopen(path, "w");
	assert_non_null(stream);
	for (size_t i = 0; i < list->n_v4; i++)
		put_prefix(stream, &(struct prefix){ .family = FAMILY_V4, .v4 = list->v4[i] });
	for (size_t i = 0; i < list->n_v6; i++)
		put_prefix(stream, &(struct prefix){ .family = FAMILY_V6, .v6 = list->v6[i] });
	assert_int_equal(fclose(stream), 0);
	return 0;
}

static char *print_whole(const struct policy *policy, size_t least)
{
	const struct policy_lists lists = { .least = least, .sink = store };
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	n_lists = 0;
	assert_non_null(stream);
	assert_int_equal(policy_print_whole(policy, &lists, stream), 0);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static struct policy *load(const char *text, const struct local_addresses *self)
{
	_cleanup_(diags_free) struct diags diags = { 0 };
	const struct load_options options = { .self = self };
	struct policy *policy = NULL;
	char path[96];

	snprintf(path, sizeof(path), "%s/printed.yaml", folder);
	if (policy_load_text_with(path, text, strlen(text), &options, &policy, &diags) < 0) {
		fputs(text, stderr);
		diags_print(&diags, stderr, false);
		fail_msg("what was printed does not load");
	}
	return policy;
}

/* Returns what was printed; caller frees. */
static char *round_trip(const struct policy *policy, const char *name, size_t least,
			const struct local_addresses *self)
{
	char *text = print_whole(policy, least);
	struct policy *again = load(text, self);
	_cleanup_free_ char *second = NULL;

	assert_same_policy(policy, again, name, text);
	assert_int_equal(policy->uses_self, again->uses_self);
	second = print_whole(again, least);
	assert_string_equal(text, second);
	policy_free(again);
	return text;
}

static void prints(const char *text, size_t least, const char *lines)
{
	struct policy *policy = load(text, NULL);
	_cleanup_free_ char *printed = round_trip(policy, text, least, NULL);

	if (!strstr(printed, lines))
		fail_msg("no\n%s\nin\n%s", lines, printed);
	policy_free(policy);
}

#define HEAD "interfaces: {i: {port: eth0, policy: p}}\n"

/* --- lists -------------------------------------------------------------------------------- */

static void random_policies(void **state)
{
	struct rng rng = { .state = 23 };
	unsigned int all = 0;

	for (int i = 0; i < N_RANDOM; i++) {
		struct policy *policy = random_policy(&rng);
		char name[32];

		random_policy_in_words(policy);
		order_all_sets(policy);
		snprintf(name, sizeof(name), "random policy %d", i);
		free(round_trip(policy, name, 1 + rng_below(&rng, 4), NULL));
		all += n_lists;
		policy_free(policy);
	}
	assert_true(all > N_RANDOM);
}

static void every_example(void **state)
{
	_cleanup_free_ char *pattern = NULL;
	glob_t found;

	assert_true(asprintf(&pattern, "%s/*.yaml", examples) > 0);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 4);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_cleanup_(diags_free) struct diags diags = { 0 };
		struct policy *policy = NULL;

		assert_int_equal(policy_load(found.gl_pathv[i], &policy, &diags), 0);
		free(round_trip(policy, found.gl_pathv[i], 1, NULL));
		policy_free(policy);
	}
	globfree(&found);
}

/* What the set may hold at most was checked before, and all that it holds is in one file. */
static void lists(void **state)
{
	prints(HEAD
	       "sets:\n"
	       "  a: {elements: [0.0.0.0/0, \"::/0\"]}\n"
	       "  b: {elements: [10.0.0.0/8, 10.1.0.0/16, 192.0.2.1], except: [192.0.2.1], "
	       "max-width: {v4: 8}}\n"
	       "  c: {elements: [192.0.2.0/24], expires: \"2100-01-01T00:00:00Z\"}\n"
	       "  d: {elements: [192.0.2.0/24], expires: \"2001-01-01T00:00:00Z\"}\n"
	       "policies: {p: {rules: [{name: r, match: {src: [$a, $b, $c, $d]}, do: drop}]}}\n",
	       1,
	       "sets:\n"
	       "  a:\n"
	       "    max-width: 0\n"
	       "    file: lists/0\n"
	       "  b:\n"
	       "    max-width: 0\n"
	       "    file: lists/1\n"
	       "  c:\n"
	       "    expires: \"2100-01-01T00:00:00Z\"\n"
	       "    max-width: 0\n"
	       "    file: lists/2\n"
	       "  d:\n"
	       "    expires: \"2001-01-01T00:00:00Z\"\n"
	       "    elements: []\n"
	       "policies:\n");
	assert_int_equal(n_lists, 3);
	prints(HEAD "sets: {a: [192.0.2.1, 192.0.2.3], b: [192.0.2.1, 192.0.2.3, 192.0.2.5]}\n"
		    "policies: {p: {}}\n",
	       3, "  a: [192.0.2.1, 192.0.2.3]\n  b:\n    max-width: 0\n    file: lists/0\n");
	/* What others hold does not count. */
	prints(HEAD "sets: {a: [10.0.0.0/8, 10.0.0.1, 10.0.0.2, 10.0.0.3]}\npolicies: {p: {}}\n", 2,
	       "  a: [10.0.0.0/8]\n");
}

static int refuse(void *context, const struct policy_list *list,
		  char ret_name[static POLICY_LIST_NAME])
{
	++*(unsigned int *)context;
	return -ENOSPC;
}

static void sink_fails(void **state)
{
	struct policy *policy =
		load(HEAD "sets: {a: [192.0.2.1], b: [192.0.2.2]}\npolicies: {p: {}}\n", NULL);
	unsigned int n = 0;
	const struct policy_lists failing = { .least = 1, .sink = refuse, .context = &n };
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	assert_int_equal(policy_print_whole(policy, &failing, stream), -ENOSPC);
	assert_int_equal(n, 1);
	fclose(stream);
	free(text);
	policy_free(policy);
}

/* --- notes -------------------------------------------------------------------------------- */

static void notes(void **state)
{
	struct policy *policy, *again;
	_cleanup_free_ char *text = NULL;

	policy = load(
		"interfaces: {i: {policy: p, comment: \"to\\tA\\n\\x01\\x7f\\N\\L\\P\\\\ \\\" é\","
		" tags: [on, b]}}\n"
		"sets: {a: {elements: [192.0.2.1], comment: 'x: # y'},\n"
		"  l: {live: true, tags: [t]}}\n"
		"policies: {p: {rules: [{name: r, match: {src: [$a, $l]}, do: drop,"
		" comment: NOC-4711, tags: [feed]}]}}\n",
		NULL);
	text = round_trip(policy, "notes", 1000, NULL);
	again = load(text, NULL);
	assert_string_equal(again->interfaces[0].notes.comment,
			    policy->interfaces[0].notes.comment);
	assert_string_equal(again->interfaces[0].notes.tags[0], "on");
	assert_int_equal(again->interfaces[0].notes.n_tags, 2);
	assert_string_equal(again->sets[0].notes.comment, "x: # y");
	assert_string_equal(again->live_sets[0].notes.tags[0], "t");
	assert_string_equal(again->rulesets[0].rules[0].notes.comment, "NOC-4711");
	assert_string_equal(again->rulesets[0].rules[0].notes.tags[0], "feed");
	policy_free(policy);
	policy_free(again);
}

/* --- $self -------------------------------------------------------------------------------- */

static struct prefix_v4 here_v4[] = { { 0xc0000201, 32 }, { 0xc6336401, 32 } };
static struct prefix_v6 here_v6[] = { { 0x20010db800000000, 1, 128 } };
static struct prefix_v4 there_v4[] = { { 0xc6336401, 32 }, { 0xcb007109, 32 } };
static const struct local_addresses here = { here_v4, 2, here_v6, 1 },
				    there = { there_v4, 2, NULL, 0 };

/* Printed with these addresses and read with those, it is the policy read with those. */
static void follows(const char *sets, size_t least, const char *lines)
{
	_cleanup_free_ char *text = NULL, *printed = NULL;
	struct policy *before, *expected, *again;

	assert_true(asprintf(&text,
			     HEAD "sets:\n%s"
				  "policies: {p: {rules: [{name: r, match: {src: $x}, do: drop},"
				  " {name: s, match: {dst: [$self, 192.0.2.1]}, do: pass}]}}\n",
			     sets) > 0);
	before = load(text, &here);
	expected = load(text, &there);
	printed = round_trip(before, text, least, &here);
	if (!strstr(printed, lines))
		fail_msg("no\n%s\nin\n%s", lines, printed);
	again = load(printed, &there);
	assert_same_policy(expected, again, text, printed);
	assert_int_equal(again->n_self, 2);
	policy_free(before);
	policy_free(expected);
	policy_free(again);
}

static void self(void **state)
{
	follows("  x: [$self]\n", 1, "  x:\n    elements: [$self]\n");
	/* An address that is local, and named besides, stays when it is local no more. */
	follows("  x: [192.0.2.1, $self, 10.0.0.0/8]\n", 1000,
		"  x:\n    elements: [$self, 10.0.0.0/8, 192.0.2.1]\n");
	follows("  x: [192.0.2.1, $self, 10.0.0.0/8]\n", 1,
		"  x:\n    max-width: 0\n    file: lists/0\n    elements: [$self]\n");
	follows("  x: {elements: [192.0.2.0/24, 198.51.100.0/24], except: $self}\n", 1000,
		"  x:\n    elements: [192.0.2.0/24, 198.51.100.0/24]\n    except: [$self]\n");
	follows("  x: {elements: [192.0.2.0/24, 203.0.113.0/24], except: [$self, 192.0.2.7]}\n", 1,
		"    file: lists/0\n    except: [$self, 192.0.2.7]\n");
	/* through sets, of which the others are resolved */
	follows("  own: [192.0.2.0/24, $self]\n  plain: [203.0.113.0/24, 198.51.100.0/25]\n"
		"  x: {elements: [$plain], except: [$own, $plain2]}\n  plain2: [203.0.113.128/25]\n",
		1000,
		"    elements: [198.51.100.0/25, 203.0.113.0/24]\n"
		"    except: [$own, 203.0.113.128/25]\n");
	follows("  y: {elements: [198.51.100.0/24], except: [$self]}\n  x: [$y, $self, $y]\n", 1000,
		"  x:\n    elements: [$y, $self]\n");
	follows("  x: {elements: [$self], expires: \"2001-01-01T00:00:00Z\"}\n", 1000,
		"  x:\n    expires: \"2001-01-01T00:00:00Z\"\n    elements: []\n");
	follows("  x: {live: true, except: [$self, 192.0.2.1]}\n", 1000,
		"    except: [$self, 192.0.2.1]\n");
}

/* For people, it is what it is now. */
static void self_for_people(void **state)
{
	struct policy *policy = load(HEAD "sets: {x: [$self]}\npolicies: {p: {}}\n", &here);
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	assert_int_equal(policy_print(policy, stream), 0);
	fclose(stream);
	assert_non_null(strstr(text, "  x: [192.0.2.1, 198.51.100.1, 2001:db8::1]\n"));
	free(text);
	policy_free(policy);
}

/* ------------------------------------------------------------------------------------------ */

static int setup(void **state)
{
	char lists_folder[80];

	strcpy(folder, "/tmp/xdpgate-print-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(lists_folder, sizeof(lists_folder), "%s/lists", folder);
	return mkdir(lists_folder, 0700);
}

static int teardown(void **state)
{
	_cleanup_free_ char *command = NULL;

	assert_true(asprintf(&command, "rm -r %s", folder) > 0);
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(random_policies), cmocka_unit_test(every_example),
		cmocka_unit_test(lists),           cmocka_unit_test(sink_fails),
		cmocka_unit_test(notes),           cmocka_unit_test(self),
		cmocka_unit_test(self_for_people),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test_print_whole EXAMPLES\n");
		return 2;
	}
	examples = argv[1];
	return cmocka_run_group_tests(all, setup, teardown);
}
