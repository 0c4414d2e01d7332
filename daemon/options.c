// SPDX-License-Identifier: GPL-2.0-only
/*
 * options.c: the command line; see options.h. Options are written in full, with their
 * value behind "=" or as the next argument; abbreviations are refused, so that a script written
 * today means the same tomorrow.
 */
#include <string.h>
#include <sys/un.h>

#include "diag.h"
#include "log.h"
#include "options.h"
#include "util.h"

static int set_config(struct options *options, const char *value);
static int set_socket(struct options *options, const char *value);
static int set_pin_dir(struct options *options, const char *value);
static int set_state_dir(struct options *options, const char *value);
static int set_log_level(struct options *options, const char *value);
static int print_help(struct options *options, const char *value);
static int print_version(struct options *options, const char *value);

static const struct option_spec {
	const char *name;
	const char *value;    /* what to call its value in --help; NULL: it takes none */
	const char *fallback; /* value if not given */
	int (*apply)(struct options *options, const char *value);
	const char *help;
} specs[] = {
	{ "config", "FILE", "/etc/xdpgate/xdpgate.yaml", set_config, "the policy file" },
	{ "socket", "PATH", "/run/xdpgate/xdpgate.sock", set_socket, "the control socket" },
	{ "pin-dir", "DIR", "/sys/fs/bpf/xdpgate", set_pin_dir,
	  "where state lives, in a BPF file system" },
	{ "state-dir", "DIR", "/var/lib/xdpgate", set_state_dir,
	  "what outlives a reboot: the history, list copies" },
	{ "log-level", "LEVEL", "info", set_log_level,
	  "what to log: error, warning, notice, info or debug" },
	{ "help", NULL, NULL, print_help, "show this help" },
	{ "version", NULL, NULL, print_version, "show the version" },
};

/* --- values ------------------------------------------------------------------------------ */

/* Caller frees; NULL with errno set. */
static char *make_absolute(const char *path)
{
	_cleanup_free_ char *cwd = NULL;
	char *absolute;
	size_t size;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return NULL;
	size = strlen(cwd) + strlen(path) + 2;
	absolute = malloc(size);
	if (absolute)
		snprintf(absolute, size, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path);
	return absolute;
}

static int set_path(char **path, const char *value)
{
	char *absolute = make_absolute(value);

	if (!absolute) {
		log_error("cannot take the path '%s': %m", value);
		return -ENOMEM; /* or the folder we are in is gone; no usage error either way */
	}
	free(*path);
	*path = absolute;
	return 0;
}

static int set_config(struct options *options, const char *value)
{
	return set_path(&options->config, value);
}

static int set_socket(struct options *options, const char *value)
{
	const size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	int r = set_path(&options->socket, value);

	if (r < 0)
		return r;
	if (strlen(options->socket) > longest)
		return log_error_errno(EINVAL,
				       "--socket: the path has %zu bytes, a UNIX socket's"
				       " may have %zu: %s",
				       strlen(options->socket), longest, options->socket);
	return 0;
}

static int set_pin_dir(struct options *options, const char *value)
{
	return set_path(&options->pin_dir, value);
}

static int set_state_dir(struct options *options, const char *value)
{
	return set_path(&options->state_dir, value);
}

static int set_log_level(struct options *options, const char *value)
{
	int level = log_level_from_name(value);

	if (level < 0)
		return log_error_errno(level,
				       "--log-level: unknown level '%s'; known are error,"
				       " warning, notice, info, debug",
				       value);
	options->log_level = level;
	return 0;
}

/* 1 for "answered", unless nobody could read the answer. */
static int finish_stdout(void)
{
	if (fflush(stdout) != 0)
		return log_error_errno(EIO, "cannot write to standard output");
	return 1;
}

static int print_help(struct options *options, const char *value)
{
	printf("Usage: xdpgated [OPTION]...\n\n"
	       "The daemon of xdpgate: turns a policy file into an XDP packet gate, and keeps it.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		char left[32];

		snprintf(left, sizeof(left), "--%s %s", specs[i].name,
			 specs[i].value ? specs[i].value : "");
		printf("  %-20s %s", left, specs[i].help);
		if (specs[i].fallback)
			printf("\n%23s[%s]", "", specs[i].fallback);
		printf("\n");
	}
	printf("\nSIGHUP reads the policy file again; SIGTERM and SIGINT stop the daemon and disarm\n"
	       "the gate: it stays attached, but every packet passes. See xdpgated(8).\n");
	return finish_stdout();
}

static int print_version(struct options *options, const char *value)
{
	printf("xdpgated %s\n", XDPGATE_VERSION);
	return finish_stdout();
}

/* --- parser ------------------------------------------------------------------------------ */

static const struct option_spec *find_spec(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (strncmp(specs[i].name, name, length) == 0 && specs[i].name[length] == '\0')
			return &specs[i];
	return NULL;
}

static int refuse_unknown(const char *argument, size_t name_length)
{
	const char *names[ARRAY_SIZE(specs) + 1] = { NULL };
	char word[32];
	const char *near;

	if (strncmp(argument, "--", 2) != 0)
		return log_error_errno(EINVAL, "unexpected argument '%s'; see xdpgated --help",
				       argument);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		names[i] = specs[i].name;
	snprintf(word, sizeof(word), "%.*s", (int)(name_length < 31 ? name_length : 31),
		 argument + 2);
	near = suggest(word, names);
	if (near)
		return log_error_errno(EINVAL, "unknown option '%s'; did you mean '--%s'?",
				       argument, near);
	return log_error_errno(EINVAL, "unknown option '%s'; see xdpgated --help", argument);
}

/* Applies argv[*i] and moves *i past the value, if that is an argument of its own. */
static int parse_one(int argc, char *argv[], int *i, struct options *options)
{
	const char *argument = argv[*i];
	const char *name = argument + 2, *value = NULL;
	const struct option_spec *spec = NULL;
	size_t length = 0;

	if (strncmp(argument, "--", 2) == 0) {
		length = strcspn(name, "=");
		spec = find_spec(name, length);
	}
	if (!spec)
		return refuse_unknown(argument, length);
	if (name[length] == '=')
		value = name + length + 1;
	if (!spec->value && value)
		return log_error_errno(EINVAL, "option '--%s' takes no value", spec->name);
	if (spec->value && !value && *i + 1 < argc && argv[*i + 1][0] != '-')
		value = argv[++*i];
	if (spec->value && (!value || !*value))
		return log_error_errno(EINVAL, "option '--%s' needs a value: --%s %s", spec->name,
				       spec->name, spec->value);
	return spec->apply(options, value);
}

int options_parse(int argc, char *argv[], struct options *ret)
{
	_cleanup_(options_free) struct options options = { 0 };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		r = specs[i].fallback ? specs[i].apply(&options, specs[i].fallback) : 0;
		if (r < 0)
			return r;
	}
	for (int i = 1; i < argc; i++) {
		r = parse_one(argc, argv, &i, &options);
		if (r != 0)
			return r;
	}
	*ret = options;
	options = (struct options){ 0 };
	return 0;
}

void options_free(struct options *options)
{
	free(options->config);
	free(options->socket);
	free(options->pin_dir);
	free(options->state_dir);
	*options = (struct options){ 0 };
}
