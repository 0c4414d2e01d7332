/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line. Options may stand before and after the command; getopt_long() gets its
 * table from that of help.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "packet_frame.h"
#include "paths.h"
#include "policy.h"
#include "util.h"

#define MAX_OPTIONS 80

bool interval_parse(const char *text, unsigned int *msec)
{
	char *end;
	double seconds = strtod(text, &end);

	/* written so that NaN is refused as well */
	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		return false;
	*msec = (unsigned int)(seconds * 1000 + 0.5);
	return true;
}

static int set_option(struct options *options, const char *name, const char *value)
{
	const struct packet_option *packet = packet_option_find(name);

	if (packet) {
		options->packet[packet - packet_options] = value;
	} else if (strcmp(name, "hex") == 0) {
		options->hex = value;
	} else if (strcmp(name, "socket") == 0) {
		options->socket = value;
	} else if (strcmp(name, "pin-dir") == 0) {
		options->pin_dir = value;
	} else if (strcmp(name, "interface") == 0) {
		options->interface = value;
	} else if (strcmp(name, "self") == 0) {
		options->self = value;
	} else if (strcmp(name, "json") == 0) {
		options->json = true;
	} else if (strcmp(name, "no-color") == 0) {
		options->no_color = true;
	} else if (strcmp(name, "result") == 0) {
		options->result = true;
	} else if (strcmp(name, "accept-shrink") == 0) {
		options->accept_shrink = true;
	} else if (strcmp(name, "if-changed") == 0) {
		options->if_changed = true;
	} else if (strcmp(name, "confirm") == 0) {
		options->confirm = value;
	} else if (strcmp(name, "wait") == 0) {
		options->wait = true;
	} else if (strcmp(name, "message") == 0) {
		options->message = value;
	} else if (strcmp(name, "force") == 0) {
		options->force = true;
	} else if (strcmp(name, "builtin") == 0) {
		options->builtin = value ? value : "";
	} else if (strcmp(name, "against") == 0) {
		options->against = value;
	} else if (strcmp(name, "print") == 0) {
		options->print = true;
	} else if (strcmp(name, "verbose") == 0) {
		options->verbose = true;
	} else if (strcmp(name, "timeout") == 0) {
		options->timeout = value;
	} else if (strcmp(name, "comment") == 0) {
		options->comment = value;
	} else if (strcmp(name, "file") == 0) {
		options->file = value;
	} else if (strcmp(name, "config") == 0) {
		options->config = value;
	} else if (strcmp(name, "try") == 0) {
		options->try_attach = true;
	} else if (strcmp(name, "guard") == 0) {
		enum guard_level level;

		options->guard = value;
		if (!guard_level_parse(value, &level)) {
			fprintf(stderr, "xdpgate: --guard %s: LEVEL is all, trusted or off\n",
				value);
			return EXIT_USAGE;
		}
	} else if (strcmp(name, "quiet") == 0) {
		options->quiet = true;
	} else if (strcmp(name, "in") == 0) {
		options->in = value;
	} else if (strcmp(name, "each") == 0) {
		options->each = true;
	} else if (strcmp(name, "expect") == 0) {
		options->expect = value;
	} else if (strcmp(name, "for") == 0) {
		options->duration = value;
	} else if (strcmp(name, "rate") == 0) {
		options->rate = value;
	} else if (strcmp(name, "engine") == 0) {
		if (!engine_parse(value, &options->engine)) {
			fprintf(stderr, "xdpgate: --engine %s: ENGINE is program or oracle\n",
				value);
			return EXIT_USAGE;
		}
	} else if (strcmp(name, "watch") == 0) {
		options->watch = true;
		if (value && !interval_parse(value, &options->interval_msec)) {
			fprintf(stderr,
				"xdpgate: --watch=%s: SECONDS is a number from 0.1 to 3600\n",
				value);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

/* And a letter for those that have one. */
static void make_options(struct option *table, char *letters)
{
	for (size_t i = 0; i < n_options; i++) {
		const char *argument = option_table[i].argument;

		table[i] = (struct option){
			.name = option_table[i].name,
			.has_arg = !argument            ? no_argument
				   : argument[0] == '[' ? optional_argument
							: required_argument,
			.val = 256 + (int)i,
		};
		if (option_table[i].letter)
			*letters++ = option_table[i].letter;
		if (option_table[i].letter && argument)
			*letters++ = ':';
	}
}

/* Index of the option that getopt_long() found, or -1. */
static int option_index(int c)
{
	for (size_t i = 0; c < 256 && i < n_options; i++)
		if (option_table[i].letter && option_table[i].letter == c)
			return (int)i;
	return c - 256;
}

/* Does the command know all own options that were given? */
static int check_own(const struct command *command, const bool *given)
{
	for (size_t i = 0; i < n_options; i++) {
		if (!given[i] || !option_table[i].own ||
		    (option_table[i].own & command->own_options))
			continue;
		fprintf(stderr, "xdpgate: '%s' has no option --%s; see 'xdpgate help %s'\n",
			command->name, option_table[i].name, command->name);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static void defaults(struct options *options)
{
	const char *socket = getenv("XDPGATE_SOCKET");

	*options = (struct options){
		.socket = socket && *socket ? socket : DEFAULT_SOCKET,
		.pin_dir = DEFAULT_PIN_DIR,
		.interval_msec = 1000,
	};
}

int arguments_parse(int argc, char **argv, struct options *options, char **words, int *n_words)
{
	struct option table[MAX_OPTIONS] = {};
	char letters[MAX_OPTIONS] = "";
	bool given[MAX_OPTIONS] = {};
	bool help = false;
	const struct command *command;
	int c;

	defaults(options);
	make_options(table, letters);
	while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		const char *name;

		if (c == '?') {
			fprintf(stderr, "See 'xdpgate --help'.\n");
			return EXIT_USAGE;
		}
		c = option_index(c);
		name = option_table[c].name;
		if (strcmp(name, "version") == 0) {
			printf("xdpgate %s\n", XDPGATE_VERSION);
			return -1;
		}
		if (strcmp(name, "help") == 0)
			help = true;
		else
			given[c] = true;
		if (set_option(options, name, optarg) != EXIT_OK)
			return EXIT_USAGE;
	}
	*n_words = 0;
	while (optind < argc)
		words[(*n_words)++] = argv[optind++];
	command = *n_words ? command_find(words[0]) : NULL;
	if (help) {
		if (command)
			help_print_command(command);
		else
			help_print();
		return -1;
	}
	return command ? check_own(command, given) : EXIT_OK;
}

_Static_assert(MAX_OPTIONS > 64, "room for option_table and its end");
