/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate set: what is in live sets. The table of its commands, and those that change something. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "diag.h"
#include "request.h"
#include "set.h"
#include "text.h"
#include "util.h"
#include "wire.h"

enum takes {
	TAKES_ENTRIES = 1,
	TAKES_FILE = 2,
	TAKES_TIMEOUT = 4,
	TAKES_QUIET = 8,
	TAKES_GUARD = 16
};

struct set_command {
	const char *name, *arguments, *help;
	int min_arguments, max_arguments;
	unsigned int takes; /* of the options */
	int (*run)(const struct options *options, int n, char **arguments);
};

static int send_entries(const struct options *options, int n, char **arguments, const char *method)
{
	_cleanup_(set_entries_free) struct set_entries entries = {};
	int r = set_entries_read(options, n - 1, arguments + 1, &entries);

	return r == EXIT_OK ? set_send(options, arguments[0], method, &entries) : r;
}

static int run_add(const struct options *options, int n, char **arguments)
{
	return send_entries(options, n, arguments, "SetAdd");
}

static int run_del(const struct options *options, int n, char **arguments)
{
	return send_entries(options, n, arguments, "SetDelete");
}

static int run_replace(const struct options *options, int n, char **arguments)
{
	return send_entries(options, n, arguments, "SetReplace");
}

static int run_flush(const struct options *options, int n, char **arguments)
{
	_cleanup_(reply_free) struct reply reply = {};
	json_t *parameters = json_pack("{s:o}", "set", wire_string(arguments[0]));
	int r;

	if (!parameters)
		return request_explain(options, -ENOMEM);
	r = request(options, "SetFlush", parameters, TIMEOUT_RELOAD_MSEC, &reply);
	return r == EXIT_OK ? set_print_result(options, arguments[0], reply.parameters) : r;
}

static const struct set_command set_commands[] = {
	{ "add", "NAME [ENTRY]...", "have these addresses and prefixes in the set", 1, INT_MAX,
	  TAKES_ENTRIES | TAKES_FILE | TAKES_TIMEOUT | TAKES_QUIET | TAKES_GUARD, run_add },
	{ "del", "NAME [ENTRY]...", "take them out", 1, INT_MAX,
	  TAKES_ENTRIES | TAKES_FILE | TAKES_QUIET, run_del },
	{ "test", "NAME ADDRESS", "is it in the set? The exit status tells, too", 2, 2, TAKES_QUIET,
	  set_run_test },
	{ "list", "[NAME]", "show the entries of a set, or the sets", 0, 1, 0, set_run_list },
	{ "flush", "NAME", "take all entries out", 1, 1, TAKES_QUIET, run_flush },
	{ "replace", "NAME [ENTRY]...", "have these instead of all others, in one moment", 1,
	  INT_MAX, TAKES_ENTRIES | TAKES_FILE | TAKES_TIMEOUT | TAKES_QUIET | TAKES_GUARD,
	  run_replace },
	{ "stats", "[NAME]", "show what was added, refused and so on since the daemon started", 0,
	  1, 0, set_run_stats },
};

void help_print_set(void)
{
	printf("\nCommands of set:\n");
	for (size_t i = 0; i < ARRAY_SIZE(set_commands); i++) {
		char left[64];

		snprintf(left, sizeof(left), "set %s %s", set_commands[i].name,
			 set_commands[i].arguments);
		printf("  %-28s %s\n", left, set_commands[i].help);
	}
	printf("\nLines of a FILE: PREFIX [timeout=TIME] [# COMMENT]\n");
}

static const struct set_command *find(const char *word)
{
	const char *names[ARRAY_SIZE(set_commands) + 1] = {}, *near;

	for (size_t i = 0; i < ARRAY_SIZE(set_commands); i++) {
		names[i] = set_commands[i].name;
		if (strcmp(names[i], word) == 0)
			return &set_commands[i];
	}
	near = suggest(word, names);
	text_printf(stderr, "xdpgate: unknown command 'set %s'", word);
	if (near)
		fprintf(stderr, "; did you mean 'set %s'?\n", near);
	else
		fprintf(stderr, "; see 'xdpgate help set'\n");
	return NULL;
}

static int usage(const struct set_command *command)
{
	fprintf(stderr, "xdpgate: usage: xdpgate set %s %s%s\n", command->name, command->arguments,
		command->takes & TAKES_FILE ? " [--file FILE]" : "");
	return EXIT_USAGE;
}

/* Does this one know the options that were given? */
static int check_options(const struct set_command *command, const struct options *options)
{
	const struct {
		const char *name;
		bool given;
		enum takes takes;
	} table[] = {
		{ "timeout", options->timeout, TAKES_TIMEOUT },
		{ "comment", options->comment, TAKES_TIMEOUT },
		{ "file", options->file, TAKES_FILE },
		{ "guard", options->guard, TAKES_GUARD },
		{ "force", options->force, TAKES_GUARD },
		{ "quiet", options->quiet, TAKES_QUIET },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!table[i].given || (command->takes & table[i].takes))
			continue;
		fprintf(stderr, "xdpgate: 'set %s' has no option --%s; see 'xdpgate help set'\n",
			command->name, table[i].name);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

int run_set(const struct options *options, int n, char **arguments)
{
	const struct set_command *command;

	if (n == 0) {
		help_print_command(command_find("set"));
		return EXIT_OK;
	}
	command = find(arguments[0]);
	if (!command)
		return EXIT_USAGE;
	n--;
	arguments++;
	if (n < command->min_arguments || n > command->max_arguments)
		return usage(command);
	if (check_options(command, options) != EXIT_OK)
		return EXIT_USAGE;
	if ((command->takes & TAKES_ENTRIES) && n < 2 && !options->file)
		return usage(command);
	return command->run(options, n, arguments);
}
