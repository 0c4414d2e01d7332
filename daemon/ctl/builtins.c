/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate check --builtin: the parts of policies that come with xdpgate, for `include:`. */
#include <string.h>

#include "builtin.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

static json_t *to_json(const struct builtin *builtin, bool with_text)
{
	size_t len;
	const char *summary = builtin_summary(builtin, &len);
	json_t *json = json_pack("{s:s, s:i, s:b, s:s%}", "name", builtin->name, "version",
				 (int)builtin->version, "newest", builtin_is_newest(builtin),
				 "summary", summary, len);

	if (json && with_text)
		json_object_set_new(json, "text", json_string(builtin->text));
	return json;
}

static int list(const struct options *options)
{
	static const char *const titles[] = { "INCLUDE", "VERSION", "WHAT IT IS" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < n_builtins; i++) {
		const struct builtin *builtin = &builtins[i];
		bool newest = builtin_is_newest(builtin);
		char name[128], version[16], summary[128];
		size_t len;
		const char *text = builtin_summary(builtin, &len);

		snprintf(name, sizeof(name), newest ? "builtin:%s" : "builtin:%s@%u", builtin->name,
			 builtin->version);
		snprintf(version, sizeof(version), "%u", builtin->version);
		snprintf(summary, sizeof(summary), "%.*s", (int)len, text);
		table_text(&table, name, PAINT_NONE);
		table_text(&table, version, PAINT_NONE);
		table_text(&table, summary, PAINT_NONE);
		json_array_append_new(array, to_json(builtin, false));
	}
	if (options->json)
		print_json(array);
	else
		table_print(&table, stdout, wants_color(options));
	return EXIT_OK;
}

int show_builtin(const struct options *options)
{
	static const char prefix[] = "builtin:";
	const char *name = options->builtin;
	_cleanup_free_ char *names = NULL;
	const struct builtin *builtin;

	if (!*name)
		return list(options);
	if (!strncmp(name, prefix, strlen(prefix)))
		name += strlen(prefix);
	builtin = builtin_find(name);
	if (!builtin) {
		names = builtin_names();
		text_printf(stderr, "xdpgate: there is no builtin '%s'", name);
		fprintf(stderr, "; there are: %s\n", names ? names : "");
		return EXIT_FAILED;
	}
	if (options->json) {
		_cleanup_json_ json_t *json = to_json(builtin, true);

		print_json(json);
	} else {
		fputs(builtin->text, stdout);
	}
	return EXIT_OK;
}
