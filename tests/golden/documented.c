/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * documented.c: the man page against the schema: each key, field and action has its entry, each
 * that comes later is named, and so is each word that stands for a number. Speaks TAP.
 *
 *   documented docs/xdpgate.yaml.5
 */
#include <string.h>

#include "names.h"
#include "schema.h"
#include "util.h"

static char *page;
static int n_tests, n_failed;

/* Does a line of the page that begins with the macro have the word among its arguments? */
static bool has(const char *macro, const char *word)
{
	size_t macro_len = strlen(macro), word_len = strlen(word);

	for (const char *line = page; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, macro, macro_len) != 0)
			continue;
		for (const char *p = line + macro_len; *p == ' ';) {
			size_t len = strcspn(++p, " \n");

			if (len == word_len && !strncmp(p, word, len))
				return true;
			p += len;
		}
	}
	return false;
}

static void check(bool ok, const char *what, const char *word)
{
	printf("%s %d - %s %s\n", ok ? "ok" : "not ok", ++n_tests, what, word);
	n_failed += !ok;
}

static void check_words(const struct word *words, const char *what)
{
	for (; words->name; words++)
		check(has(".Cm", words->name), what, words->name);
}

static void check_schema(const struct mapping_schema *schema)
{
	for (const struct key_schema *key = schema->keys; key->name; key++)
		check(has(key->parse ? ".It Ic" : ".Ic", key->name), schema->what, key->name);
}

int main(int argc, char **argv)
{
	_cleanup_fclose_ FILE *stream = argc == 2 ? fopen(argv[1], "re") : NULL;
	size_t size = 0;

	if (!stream || getdelim(&page, &size, '\0', stream) < 0) {
		fprintf(stderr, "usage: documented PAGE\n");
		return 2;
	}
	for (const struct mapping_schema *const *schema = schemas; *schema; schema++)
		check_schema(*schema);
	check_words(protocol_words, "protocol");
	for (const struct word *word = protected_words; word->name; word++)
		check(has(".It Cm", word->name), "protected protocol", word->name);
	check_words(dscp_words, "DSCP");
	check_words(ethertype_words, "ethertype");
	check_words(tcp_flag_words, "TCP flag");
	check_words(fragment_words, "fragment");
	check_words(ip_options_words, "IP options");
	for (const struct icmp_word *word = icmp_words; word->name; word++)
		check(has(".Cm", word->name) || has(".It Cm", word->name), "ICMP type", word->name);
	for (const struct icmp_group *group = icmp_groups; group->name; group++)
		check(has(".It Cm", group->name), "ICMP group", group->name);
	for (const struct flag_group *group = flag_groups; group->name; group++)
		check(has(".It Cm", group->name), "TCP flags", group->name);
	printf("1..%d\n", n_tests);
	free(page);
	return n_failed ? 1 : 0;
}
