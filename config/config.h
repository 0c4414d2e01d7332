/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h: from a policy file to a policy. All errors of all files are found in one go and
 * reported with their place; nothing is printed.
 */
#pragma once

#include "diag.h"
#include "policy.h"

/* Limits on what a file may make us do. Past one: an error that names it. */
#define CONFIG_MAX_FILE_BYTES (16UL << 20)  /* of a policy file */
#define CONFIG_MAX_LIST_BYTES (512UL << 20) /* of a list file */
#define CONFIG_MAX_DEPTH 32                 /* nesting of YAML collections */
#define CONFIG_MAX_PREFIXES 4000000UL       /* of all sets together */
#define CONFIG_MAX_SETS 4096
#define CONFIG_MAX_INTERFACES 256
#define CONFIG_MAX_RANGES 4096              /* of one condition, of one set of ports */
#define CONFIG_MAX_ALL_RANGES 4000000UL     /* of all conditions together */
#define CONFIG_MAX_MACS 16384               /* of all conditions together */

/*
 * policy_load() - read the policy file at path and every list file it names (relative names
 * are relative to the file that names them).
 * Returns 0 with *ret owned by the caller (policy_free()); diags may then hold warnings.
 * -EINVAL: diags holds at least one error. -ENOMEM. *ret is untouched on failure.
 */
int policy_load(const char *path, struct policy **ret, struct diags *diags);

/* The same from memory; path is what diagnostics call it and what relative names start
 * from. text need not end in NUL. */
int policy_load_text(const char *path, const char *text, size_t len, struct policy **ret,
		     struct diags *diags);
