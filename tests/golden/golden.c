/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * golden.c: every policy of a folder against what must be said about it, to the byte: places,
 * carets, words. NAME.yaml is loaded, and the tests that it holds are run; NAME.expected is what
 * diags_print() prints, and for a policy that loads, its rules. Speaks TAP.
 *
 *   golden DIR            compare
 *   golden --update DIR   write the .expected files anew; look at the difference before you commit
 *   golden --loads DIR    each policy just loads, and nothing is said about it
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "config.h"
#include "policy_tests.h"
#include "quantity.h"
#include "util.h"

enum mode { MODE_COMPARE, MODE_UPDATE, MODE_LOADS };

static void print_notes(const struct notes *notes, FILE *stream)
{
	for (size_t i = 0; i < notes->n_tags; i++)
		fprintf(stream, " [%s]", notes->tags[i]);
	if (notes->comment)
		fprintf(stream, " # %s", notes->comment);
}

static void print_rule(const struct ruleset *ruleset, const struct rule *rule, FILE *stream)
{
	fprintf(stream, "%s/%s: {%s} %s%s%s", ruleset->name, rule->name, rule->match_text,
		rule->action_text, rule->shadow ? " (shadow)" : "",
		rule->expiry.past ? " (expired)" : "");
	print_notes(&rule->notes, stream);
	fputc('\n', stream);
}

static void print_live_set(const struct live_set *set, FILE *stream)
{
	char size[QUANTITY_TEXT], timeout[QUANTITY_TEXT];

	fprintf(stream, "live set %s: %s entries, timeout %s, at least /%u and /%u%s", set->name,
		count_format(set->size, size),
		set->timeout ? duration_format(set->timeout, timeout) : "none",
		set->widest[FAMILY_V4], set->widest[FAMILY_V6], set->persist ? ", persist" : "");
	fprintf(stream, ", except %zu and %zu prefixes", set->except.n_v4, set->except.n_v6);
	for (size_t i = 0; i < set->n_writers; i++)
		fprintf(stream, "%s%s", i ? ", " : "; writers ", set->writers[i]);
	print_notes(&set->notes, stream);
	fputc('\n', stream);
}

static void print_policy(const struct policy *policy, FILE *stream)
{
	fputs("loads\n", stream);
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct interface *interface = &policy->interfaces[i];

		/* Most are on a device of a plain name, and say nothing else of note. */
		if (interface->vlan || interface->fix || strchr(interface->port, ':'))
			fprintf(stream, "interface %s: port %s, vlan %u%s\n", interface->name,
				interface->port, interface->vlan, interface->fix ? ", fix" : "");
	}
	for (size_t i = 0; i < policy->n_live_sets; i++)
		print_live_set(&policy->live_sets[i], stream);
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		const struct ruleset *ruleset = &policy->rulesets[i];
		size_t anchor = 0;

		for (size_t j = 0; j <= ruleset->n_rules; j++) {
			for (;
			     anchor < ruleset->n_anchors && ruleset->anchors[anchor].position == j;
			     anchor++)
				fprintf(stream, "%s: anchor %s\n", ruleset->name,
					ruleset->anchors[anchor].name);
			if (j < ruleset->n_rules)
				print_rule(ruleset, &ruleset->rules[j], stream);
		}
	}
}

/* What loading says. Caller frees. */
static char *load(const char *file)
{
	struct policy *policy = NULL;
	struct diags diags = { 0 };
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	if (!stream)
		return NULL;
	if (policy_load(file, &policy, &diags) == -ENOMEM)
		fputs("out of memory\n", stream);
	if (policy && policy_tests_run(policy, &diags) == -ENOMEM)
		fputs("out of memory\n", stream);
	diags_print(&diags, stream, false);
	if (policy)
		print_policy(policy, stream);
	fclose(stream);
	policy_free(policy);
	diags_free(&diags);
	return text;
}

static char *read_all(const char *file)
{
	_cleanup_fclose_ FILE *stream = fopen(file, "re");
	char *text = NULL;
	size_t len = 0;

	if (!stream || (getdelim(&text, &len, '\0', stream) < 0 && ferror(stream))) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_all(const char *file, const char *text)
{
	_cleanup_fclose_ FILE *stream = fopen(file, "we");

	return stream && fputs(text, stream) >= 0 && fflush(stream) == 0 ? 0 : -EIO;
}

static void comment(const char *head, const char *text)
{
	printf("# %s\n", head);
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		printf("#   %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static bool run_case(const char *name, enum mode mode)
{
	_cleanup_free_ char *file = NULL, *expected_file = NULL, *expected = NULL, *said = NULL;

	if (asprintf(&file, "%s.yaml", name) < 0 ||
	    asprintf(&expected_file, "%s.expected", name) < 0)
		return false;
	said = load(file);
	if (!said)
		return false;
	if (mode == MODE_UPDATE)
		return write_all(expected_file, said) == 0;
	if (mode == MODE_LOADS && !strncmp(said, "loads\n", 6))
		return true;
	if (mode == MODE_COMPARE)
		expected = read_all(expected_file);
	if (expected && !strcmp(expected, said))
		return true;
	comment("expected:", expected ? expected : mode == MODE_LOADS ? "loads" : "(no such file)");
	comment("said:", said);
	return false;
}

static int is_case(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

static int run_folder(enum mode mode)
{
	struct dirent **entries;
	int n = scandir(".", &entries, is_case, alphasort), failed = 0;

	if (n <= 0) {
		fprintf(stderr, "golden: no cases here\n");
		return 2;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		char *name = entries[i]->d_name;
		bool ok;

		name[strlen(name) - 5] = '\0';
		ok = run_case(name, mode);
		printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, name);
		failed += !ok;
		free(entries[i]);
	}
	free(entries);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	enum mode mode = MODE_COMPARE;

	if (argc == 3 && !strcmp(argv[1], "--update"))
		mode = MODE_UPDATE;
	else if (argc == 3 && !strcmp(argv[1], "--loads"))
		mode = MODE_LOADS;
	if (argc != (mode == MODE_COMPARE ? 2 : 3) || chdir(argv[argc - 1]) < 0) {
		fprintf(stderr, "usage: golden [--update | --loads] DIR\n");
		return 2;
	}
	return run_folder(mode);
}
