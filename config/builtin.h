/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * builtin.h: parts of policies that xdpgate brings along, for `include: builtin:NAME`: the files
 * of config/builtin/, which the build puts into the binary. A version never changes once it was
 * released; what is new gets the next number, so that `builtin:icmp@1` stays what it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct builtin {
	const char *name;
	unsigned int version;
	const char *text; /* a policy file; its first comment says in one line what it is */
};

/* By name, then by version. */
extern const struct builtin builtins[];
extern const size_t n_builtins;

/* "icmp": the newest; "icmp@1": that one. NULL: there is none. */
const struct builtin *builtin_find(const char *name);
/* The name that may be meant, or NULL. */
const char *builtin_suggest(const char *name);
/* "builtin:amplification, builtin:icmp, …". Caller frees; NULL when out of memory. */
char *builtin_names(void);
/* Is there no newer version? */
bool builtin_is_newest(const struct builtin *builtin);
/* What it is, out of its text; *ret_len bytes. */
const char *builtin_summary(const struct builtin *builtin, size_t *ret_len);
