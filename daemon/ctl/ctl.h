/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl.h: what the parts of the xdpgate command share: its options, its table of commands,
 * its exit status.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "judge.h"

/* X(identifier, exit status, meaning): for --help, and documented in xdpgate(8). */
#define EXIT_CODES(X)                                                                                 \
	X(EXIT_OK, 0, "done; warnings are possible")                                                  \
	X(EXIT_FAILED, 1,                                                                             \
	  "the request failed: a bad policy, an unknown interface, ...; or not in the set; of diff, " \
	  "trial: they differ")                                                                       \
	X(EXIT_USAGE, 2, "wrong use of this command; of diff, trial: a bad policy")                   \
	X(EXIT_UNREACHABLE, 3, "xdpgated does not answer")                                            \
	X(EXIT_DENIED, 4, "not permitted")                                                            \
	X(EXIT_CHANGED, 5, "of apply: something was changed")                                         \
	X(EXIT_PENDING, 6, "of --wait: interrupted, and not confirmed yet")

enum exit_code {
#define X(id, number, text) id = number,
	EXIT_CODES(X)
#undef X
};

/* What a command returns that compares policies, and cannot: 1 says that they differ. */
static inline int exit_uncompared(int code)
{
	return code == EXIT_FAILED ? EXIT_USAGE : code;
}

#define MAX_PACKET_OPTIONS 20

struct options {
	const char *socket;
	const char *pin_dir;
	const char *interface; /* stats: only this one; NULL: all */
	bool json;
	bool no_color;
	bool watch;
	unsigned int interval_msec; /* of --watch */
	const char *self;           /* check: local addresses, by commas; NULL: those of here */
	bool result;                /* reload: do not reload, tell how the last one went */
	bool accept_shrink;         /* reload, apply: list files may have lost what they like */
	bool if_changed;            /* reload: do nothing if just this is in force */
	const char *confirm; /* reload, rollback, apply: undone after so long; NULL: it stays */
	const char *message; /* likewise: what the history shall say; NULL: nothing */
	bool force;          /* likewise: even if it was undone; and set: whatever the guard says */
	bool wait;           /* likewise: stay until it is confirmed or undone */
	const char *builtin; /* check: no file; show this one, "": list them; or NULL */
	const char *against; /* check: "live": compare with what is in force; or NULL */
	bool print;          /* check: print the normalised policy */
	bool verbose;        /* check: tell of the tables, too */
	const char *timeout; /* set: how long entries shall hold; NULL: as the set says */
	const char *comment; /* set: of entries that have none; NULL: none */
	const char *file;    /* set: entries are there, "-": on standard input; or NULL */
	const char *guard;   /* set: which connections are not to be cut; NULL: all */
	bool quiet;          /* set: tell failures only */
	const char *config;  /* doctor: the policy file; NULL: the daemon's, or the usual */
	bool try_attach;     /* doctor: attach a program for a moment */
	const char *in;      /* where packets arrive; NULL: at the only interface */
	enum engine engine;  /* replay, explain: who judges */
	const char *hex;     /* explain: the whole frame; NULL: what the others say */
	const char *packet[MAX_PACKET_OPTIONS]; /* likewise, by place in packet_options */
	bool each;                              /* replay: tell of each packet */
	const char *expect;   /* replay: compare with this file; NULL: with nothing */
	const char *duration; /* trial: for so long; NULL: as usual */
	const char *rate;     /* trial: so many samples a second at most; NULL: as usual */
};

/* Options that only some commands know; the others are for all. */
enum own_option {
	OWN_PIN_DIR = 1,
	OWN_WATCH = 2,
	OWN_INTERFACE = 4,
	OWN_RESULT = 8,
	OWN_BUILTIN = 16,
	OWN_PRINT = 32,
	OWN_VERBOSE = 64,
	OWN_SELF = 128,
	OWN_SET = 256,
	OWN_ACCEPT_SHRINK = 512,
	OWN_IN = 1024,
	OWN_REPLAY = 2048,
	OWN_ENGINE = 4096,
	OWN_PACKET = 8192,
	OWN_DOCTOR = 16384,
	OWN_AGAINST = 32768,
	OWN_CHANGE = 65536,
	OWN_IF_CHANGED = 131072,
	OWN_TRIAL = 262144,
};

struct command {
	const char *name;
	const char *arguments; /* as usage shows them, "" for none */
	const char *help;      /* one line */
	int min_arguments, max_arguments;
	unsigned int own_options; /* of enum own_option */
	/* Returns an enum exit_code, having said what there is to say. */
	int (*run)(const struct options *options, int n, char **arguments);
};

extern const struct command commands[];
extern const size_t n_commands;
const struct command *command_find(const char *name);

/* arguments.c: fills *options in (defaults, environment, command line) and moves the other
 * words to words[0 .. *n_words). EXIT_OK, or another code after it has said why; or -1 when
 * --help or --version was asked for and answered. */
int arguments_parse(int argc, char **argv, struct options *options, char **words, int *n_words);
/* SECONDS of --watch. False: not a number from 0.1 to 3600. */
bool interval_parse(const char *text, unsigned int *msec);

/* help.c */
void help_print(void);
void help_print_command(const struct command *command);
struct option_help {
	const char *name, *argument, *help;
	unsigned int own; /* enum own_option, 0: for all commands */
	char letter;      /* its short form, or 0 */
};
extern const struct option_help option_table[];
extern const size_t n_options;

/* set.c: the commands behind `set`, one a line. */
void help_print_set(void);

/* builtins.c: check --builtin. */
int show_builtin(const struct options *options);

/* The commands. */
int run_status(const struct options *options, int n, char **arguments);
int run_stats(const struct options *options, int n, char **arguments);
int run_rules(const struct options *options, int n, char **arguments);
int run_reload(const struct options *options, int n, char **arguments);
int run_confirm(const struct options *options, int n, char **arguments);
int run_rollback(const struct options *options, int n, char **arguments);
int run_history(const struct options *options, int n, char **arguments);
int run_apply(const struct options *options, int n, char **arguments);
int run_check(const struct options *options, int n, char **arguments);
int run_diff(const struct options *options, int n, char **arguments);
int run_fields(const struct options *options, int n, char **arguments);
int run_schema(const struct options *options, int n, char **arguments);
int run_off(const struct options *options, int n, char **arguments);
int run_on(const struct options *options, int n, char **arguments);
int run_detach(const struct options *options, int n, char **arguments);
int run_set(const struct options *options, int n, char **arguments);
int run_doctor(const struct options *options, int n, char **arguments);
int run_replay(const struct options *options, int n, char **arguments);
int run_explain(const struct options *options, int n, char **arguments);
int run_trial(const struct options *options, int n, char **arguments);
int run_help(const struct options *options, int n, char **arguments);
