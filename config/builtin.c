/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * builtin.c: to find what builtin/ has; see builtin.h.
 */
#include "builtin.h"

#include <string.h>

#include "diag.h"
#include "text.h"
#include "util.h"

bool builtin_is_newest(const struct builtin *builtin)
{
	const struct builtin *next = builtin + 1;

	return next == builtins + n_builtins || strcmp(next->name, builtin->name) != 0;
}

/* Decimal, without signs or leading zeros; 0: it is no version. */
static unsigned int version_parse(const char *text)
{
	unsigned int version = 0;

	if (*text == '0' || strlen(text) > 6)
		return 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		version = version * 10 + (unsigned int)(*text - '0');
	}
	return version;
}

const struct builtin *builtin_find(const char *name)
{
	const char *at = strchr(name, '@');
	size_t len = at ? (size_t)(at - name) : strlen(name);
	unsigned int version = at ? version_parse(at + 1) : 0;

	for (size_t i = 0; i < n_builtins; i++) {
		const struct builtin *builtin = &builtins[i];

		if (strlen(builtin->name) == len && !strncmp(builtin->name, name, len) &&
		    (at ? builtin->version == version : builtin_is_newest(builtin)))
			return builtin;
	}
	return NULL;
}

const char *builtin_suggest(const char *name)
{
	_cleanup_free_ const char **names = calloc(n_builtins + 1, sizeof(*names));

	for (size_t i = 0; names && i < n_builtins; i++)
		names[i] = builtins[i].name;
	return names ? suggest(name, names) : NULL;
}

char *builtin_names(void)
{
	struct text text = { 0 };

	for (size_t i = 0; i < n_builtins; i++) {
		const struct builtin *builtin = &builtins[i];
		bool newest = builtin_is_newest(builtin);

		if (text_add(&text, "%sbuiltin:%s", i ? ", " : "", builtin->name) < 0 ||
		    (!newest && text_add(&text, "@%u", builtin->version) < 0)) {
			text_done(&text);
			return NULL;
		}
	}
	return text_take(&text);
}

/* The file's second line, without its mark. */
const char *builtin_summary(const struct builtin *builtin, size_t *ret_len)
{
	const char *line = strchr(builtin->text, '\n');

	line = line ? line + 1 : builtin->text;
	line += strspn(line, "# ");
	*ret_len = strcspn(line, "\n");
	return line;
}
