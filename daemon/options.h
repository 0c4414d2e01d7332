/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h: xdpgated's command line, as one table in options.c from which the parser, the
 * defaults and --help are made; and the exit statuses.
 */
#pragma once

enum exit_status {
	STATUS_STOPPED = 0,     /* stopped cleanly, or --help and --version */
	STATUS_FAILED = 1,      /* anything that is none of the others */
	STATUS_USAGE = 2,       /* unknown option, missing value, stray argument */
	STATUS_PERMISSION = 77, /* a capability is missing (EX_NOPERM) */
	STATUS_CONFIG = 78,     /* bad policy file, and nothing to adopt (EX_CONFIG) */
};

/* Paths are absolute, so that they survive chdir("/"). */
struct options {
	char *config;
	char *socket;
	char *pin_dir;
	char *state_dir;
	int log_level; /* LOG_ERR .. LOG_DEBUG */
};

/*
 * options_parse() - 0: go on with *ret (options_free() it); 1: --help or --version has been
 * answered on stdout; negative errno: -EINVAL is a usage error. All errors are logged.
 */
int options_parse(int argc, char *argv[], struct options *ret);

void options_free(struct options *options); /* frees what it owns and empties it */
