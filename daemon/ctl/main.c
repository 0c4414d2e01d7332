/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate: how a person asks xdpgated, and tells it what to do. A thin client of the control
 * socket (docs/varlink.md); check, off, on and detach work without the daemon too.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "diag.h"
#include "util.h"

static int usage_unknown(const char *word)
{
	const char *names[32] = {};
	const char *near;

	for (size_t i = 0; i < n_commands && i < ARRAY_SIZE(names) - 1; i++)
		names[i] = commands[i].name;
	near = suggest(word, names);
	if (near)
		fprintf(stderr, "xdpgate: unknown command '%s'; did you mean '%s'?\n", word, near);
	else
		fprintf(stderr, "xdpgate: unknown command '%s'; see 'xdpgate --help'\n", word);
	return EXIT_USAGE;
}

static int run(const struct options *options, int n_words, char **words)
{
	const struct command *command;
	int n = n_words - 1;

	if (n_words == 0) {
		fprintf(stderr, "xdpgate: which command? See 'xdpgate --help'.\n");
		return EXIT_USAGE;
	}
	command = command_find(words[0]);
	if (!command)
		return usage_unknown(words[0]);
	/* --builtin stands in the place of an argument. */
	if (options->builtin ? n > 0 : n < command->min_arguments || n > command->max_arguments) {
		fprintf(stderr, "xdpgate: usage: xdpgate %s%s%s\n", command->name,
			command->arguments[0] ? " " : "", command->arguments);
		return EXIT_USAGE;
	}
	return command->run(options, n, words + 1);
}

/* errno of a failed write may be long forgotten; the pipe itself still knows. */
static bool reader_is_gone(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP));
}

/* Output that could not be written is a failure, unless its reader simply had enough. */
static int finish(int code)
{
	errno = 0;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_is_gone())
		return code;
	fprintf(stderr, "xdpgate: cannot write the output: %s\n",
		errno ? strerror(errno) : "write error");
	return code ? code : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char **words = calloc(argc + 1, sizeof(*words));
	struct options options;
	int n_words = 0, r;

	if (!words) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_FAILED;
	}
	signal(SIGPIPE, SIG_IGN);
	r = arguments_parse(argc, argv, &options, words, &n_words);
	if (r > 0)
		return r;
	return finish(r < 0 ? EXIT_OK : run(&options, n_words, words));
}

int run_help(const struct options *options, int n, char **arguments)
{
	const struct command *command;

	if (n == 0) {
		help_print();
		return EXIT_OK;
	}
	command = command_find(arguments[0]);
	if (!command)
		return usage_unknown(arguments[0]);
	help_print_command(command);
	return EXIT_OK;
}
