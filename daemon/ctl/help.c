/* SPDX-License-Identifier: GPL-2.0-only */
/* --help and help COMMAND, out of the tables of commands, options and exit codes. */
#include <stdio.h>

#include "ctl.h"
#include "paths.h"
#include "util.h"

const struct option_help option_table[] = {
	{ "socket", "PATH", "control socket (" DEFAULT_SOCKET "; XDPGATE_SOCKET)", 0 },
	{ "json", NULL, "answer in JSON, for scripts", 0 },
	{ "no-color", NULL, "no colours (likewise: NO_COLOR set, or not a terminal)", 0 },
	{ "help", NULL, "show this", 0, 'h' },
	{ "version", NULL, "show the version", 0 },
	{ "watch", "[=SECONDS]", "show again and again, with rates, until Ctrl-C (every second)",
	  OWN_WATCH },
	{ "interface", "NAME", "only this interface", OWN_INTERFACE },
	{ "result", NULL, "do not reload: tell how the last reload went (for systemd)",
	  OWN_RESULT },
	{ "accept-shrink", NULL, "take list files, however many prefixes they have lost",
	  OWN_ACCEPT_SHRINK },
	{ "if-changed", NULL, "do nothing if just this policy is in force", OWN_IF_CHANGED },
	{ "confirm", "TIME",
	  "undo it by itself after 60s, 10m, ... unless 'xdpgate confirm' (it stays)", OWN_CHANGE },
	{ "wait", NULL, "stay until it is confirmed or undone; the exit status tells", OWN_CHANGE },
	{ "message", "TEXT", "what the history shall say of it", OWN_CHANGE },
	{ "force", NULL, "even if it may cut connections of this machine, or was undone before",
	  OWN_CHANGE | OWN_SET },
	{ "builtin", "[=NAME]", "no FILE: list the parts that policies may include, or show one",
	  OWN_BUILTIN },
	{ "print", NULL, "print the policy, normalised: sets resolved, defaults said (-n)",
	  OWN_PRINT, 'n' },
	{ "verbose", NULL, "tell of the tables, too: their size, and what a packet is looked up by",
	  OWN_VERBOSE },
	{ "against", "live", "compare with the policy in force, as diff does", OWN_AGAINST },
	{ "self", "ADDR[,ADDR]", "what $self holds, instead of the addresses of this machine",
	  OWN_SELF },
	{ "timeout", "TIME", "how long entries hold: 90s, 1h30m, 2d, never (as the set says)",
	  OWN_SET },
	{ "comment", "TEXT", "a comment for entries that have none of their own", OWN_SET },
	{ "file", "FILE", "entries out of a file, one a line; -: standard input (-f)", OWN_SET,
	  'f' },
	{ "guard", "LEVEL",
	  "which connections of this machine an entry must not cut: all, trusted, off (all)",
	  OWN_SET },
	{ "quiet", NULL, "tell failures only (-q)", OWN_SET, 'q' },
	{ "config", "FILE", "the policy file (the daemon's, or " DEFAULT_CONFIG ")", OWN_DOCTOR },
	{ "try", NULL, "attach a program for a moment; this may reset the link", OWN_DOCTOR },
	{ "in", "INTERFACE", "where packets arrive (the policy's only interface)", OWN_IN },
	{ "engine", "ENGINE", "who judges: program (as root), or oracle, its model (program)",
	  OWN_ENGINE },
	{ "src", "ADDRESS", "source (192.0.2.1 or 2001:db8::1)", OWN_PACKET },
	{ "dst", "ADDRESS", "destination (198.51.100.1 or 2001:db8::2)", OWN_PACKET },
	{ "proto", "PROTOCOL", "by name or number (tcp)", OWN_PACKET },
	{ "sport", "PORT", "source port (49152)", OWN_PACKET },
	{ "dport", "PORT", "destination port (443)", OWN_PACKET },
	{ "flags", "FLAG[,FLAG]", "TCP flags that are set; none (syn)", OWN_PACKET },
	{ "icmp", "TYPE", "echo-request, icmp:3/4, icmpv6:128, ...", OWN_PACKET },
	{ "length", "BYTES", "of the IP packet (its headers)", OWN_PACKET },
	{ "ttl", "NUMBER", "TTL or hop limit (64)", OWN_PACKET },
	{ "dscp", "NUMBER", "or a name such as ef (0)", OWN_PACKET },
	{ "fragment", "KIND", "none, first or later (none)", OWN_PACKET },
	{ "ip-options", "WORD", "present or absent (absent)", OWN_PACKET },
	{ "vlan", "VID", "tag (the interface's)", OWN_PACKET },
	{ "ethertype", "TYPE", "arp, 0x88cc, ... (ipv4 or ipv6)", OWN_PACKET },
	{ "src-mac", "MAC", "source MAC address (02:00:00:00:00:01)", OWN_PACKET },
	{ "dst-mac", "MAC", "destination MAC address (02:00:00:00:00:02)", OWN_PACKET },
	{ "hex", "BYTES", "instead of these: the whole frame", OWN_PACKET },
	{ "each", NULL, "tell of each packet, one a line", OWN_REPLAY },
	{ "expect", "FILE", "fail unless it is as in FILE, which --json has made", OWN_REPLAY },
	{ "for", "TIME", "how long: 90s, 1h30m (10m); Ctrl-C ends it earlier", OWN_TRIAL },
	{ "rate", "NUMBER", "about so many samples a second at most (1000)", OWN_TRIAL },
	{ "pin-dir", "DIR", "without a daemon: its pins (" DEFAULT_PIN_DIR ")", OWN_PIN_DIR },
};
const size_t n_options = ARRAY_SIZE(option_table);

static void print_option(const struct option_help *option)
{
	char left[64];
	const char *argument = option->argument ? option->argument : "";

	snprintf(left, sizeof(left), "--%s%s%s", option->name,
		 argument[0] && argument[0] != '[' ? " " : "", argument);
	printf("  %-20s %s\n", left, option->help);
}

static void print_command(const struct command *command)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", command->name, command->arguments[0] ? " " : "",
		 command->arguments);
	printf("  %-20s %s\n", left, command->help);
	for (size_t i = 0; i < n_options; i++)
		if (option_table[i].own & command->own_options) {
			printf("  ");
			print_option(&option_table[i]);
		}
}

void help_print(void)
{
	printf("xdpgate: ask xdpgated, the XDP packet gate, and tell it what to do.\n\n"
	       "Usage: xdpgate [OPTION]... COMMAND [ARGUMENT]\n\nCommands and their options:\n");
	for (size_t i = 0; i < n_commands; i++)
		print_command(&commands[i]);
	printf("\nOptions:\n");
	for (size_t i = 0; i < n_options; i++)
		if (!option_table[i].own)
			print_option(&option_table[i]);
	printf("\nExit status:\n");
#define X(id, number, text) printf("  %d  %s\n", number, text);
	EXIT_CODES(X)
#undef X
	printf("\nMore: man xdpgate, man xdpgate.yaml\n");
}

void help_print_command(const struct command *command)
{
	printf("Usage: xdpgate [OPTION]... %s%s%s\n\n%s\n", command->name,
	       command->arguments[0] ? " " : "", command->arguments, command->help);
	if (command->own_options & OWN_SET)
		help_print_set();
	if (command->own_options)
		printf("\nOptions:\n");
	for (size_t i = 0; i < n_options; i++)
		if (option_table[i].own & command->own_options)
			print_option(&option_table[i]);
	printf("\nOptions of all commands: xdpgate --help\n");
}
