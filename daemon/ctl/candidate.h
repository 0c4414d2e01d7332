/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * candidate.h: a policy file, read and compiled here as the daemon would, for commands that say what
 * it would do.
 */
#pragma once

#include "compile.h"
#include "ctl.h"
#include "diag.h"
#include "policy.h"

struct candidate {
	struct policy *policy;
	struct tables *tables;
	struct diags diags;
};

/* As far as it comes; diags says what is wrong. $self is as the options say. EXIT_OK, EXIT_FAILED, or
 * EXIT_USAGE after having said why. */
int candidate_load(const struct options *options, const char *path, struct candidate *ret);
/* Likewise, out of this text, as if it were the file. */
int candidate_load_text(const struct options *options, const char *path, const char *text,
			size_t len, struct candidate *ret);
/* The policy in force, as the daemon tells it. EXIT_OK, or the exit code after having said why. */
int candidate_load_live(const struct options *options, struct candidate *ret,
			long long *ret_generation);
void candidate_done(struct candidate *candidate); /* empty ones are fine */

/* As wants_color(), for diagnostics. */
bool wants_color_on_stderr(const struct options *options);
/* What `$self` holds: by --self, or of this machine. -EINVAL: --self is wrong, which was said. */
int read_self(const struct options *options, struct local_addresses *self);
/* Print on standard error what came up, in colour where that is wanted. */
void print_diags(const struct options *options, const struct diags *diags);

/* The interface of this name; NULL: the only one. EXIT_OK; or EXIT_USAGE, or EXIT_FAILED, after having
 * said which there are. */
int candidate_interface(const struct candidate *candidate, const char *path, const char *name,
			size_t *ret);
