/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h: one way for every part of the daemon to say something. Each message is one record:
 * to the journal with structured fields when stderr is connected to it (JOURNAL_STREAM), else
 * to stderr as "xdpgated: level: message". Before log_open() messages of level info and above
 * go to stderr, so libraries and tests may log without preparation.
 *
 * Messages are one line. Control characters and invalid UTF-8 are escaped as \xNN, so
 * nothing that came from a file, a socket or the kernel can forge a second record. errno is left
 * as it was; %m works.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <syslog.h>

#include "diag.h"

struct log_place {
	const char *file;
	int line;
	const char *function;
};

#define LOG_HERE (&(const struct log_place){ __FILE__, __LINE__, __func__ })

/* Levels are LOG_ERR .. LOG_DEBUG of <syslog.h>; interface (XDPGATE_INTERFACE=) may be NULL. */
#define log_full(level, interface, ...) log_write(LOG_HERE, level, interface, 0, __VA_ARGS__)

#define log_error(...) log_full(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_full(LOG_DEBUG, NULL, __VA_ARGS__)

#define log_interface(level, interface, ...) log_full(level, interface, __VA_ARGS__)

/* `return log_error_errno(r, "cannot open %s: %m", path)`: %m is the text of r, a negative (or
 * positive) errno; evaluates to the negative one, whether or not the level is logged. */
#define log_full_errno(level, interface, error, ...)                                               \
	({                                                                                         \
		int _error = abs(error);                                                           \
		log_write(LOG_HERE, level, interface, _error, __VA_ARGS__);                        \
		-_error; /* here, where the compiler sees that it is negative */                   \
	})
#define log_error_errno(error, ...) log_full_errno(LOG_ERR, NULL, error, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full_errno(LOG_WARNING, NULL, error, __VA_ARGS__)
#define log_debug_errno(error, ...) log_full_errno(LOG_DEBUG, NULL, error, __VA_ARGS__)

/* One record for each diagnostic: "file:line:col: error: message", then the source line and
 * the caret. Errors are LOG_ERR, warnings LOG_WARNING. */
void log_diags(const struct diags *diags);

/* From now on log messages up to max_level, to the journal if stderr leads there. */
void log_open(int max_level);

/* The generation in force: XDPGATE_GENERATION= of every record that follows; 0: none. */
void log_set_generation(uint64_t generation);

/* "error", "warning", "notice", "info", "debug" and back; -EINVAL for any other name. */
const char *log_level_name(int level);
int log_level_from_name(const char *name);

/*
 * log_escape() - copy text, control characters (but newlines and tabs if keep_newlines) and bytes
 * that are not UTF-8 as \xNN. Cuts at a whole character and ends with "..." if size is too small;
 * size must be at least 8. Returns the length of what is in out.
 */
size_t log_escape(char *out, size_t size, const char *text, bool keep_newlines);

/* error: 0, or what %m tells, an errno of either sign. */
void log_write(const struct log_place *place, int level, const char *interface, int error,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));
