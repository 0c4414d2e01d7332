/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * change.h: what the commands share that decide which policy is in force: reload, confirm, rollback,
 * apply.
 */
#pragma once

#include <jansson.h>

#include "ctl.h"

/* Are --confirm, --wait and --message right? EXIT_OK, or EXIT_USAGE after having said what is wrong. */
int change_check(const struct options *options);

/* The parameters of Reload and Rollback that the options ask for. NULL: out of memory. */
json_t *change_parameters(const struct options *options);

/* What came of it, for people: what there is to say of the policy, which is in force now, and how it is
 * kept. done: "rolled back", or NULL. */
void change_print(const json_t *answer, const char *done);

/* --wait: stay until the policy is confirmed or undone; EXIT_OK, EXIT_FAILED, EXIT_PENDING if
 * interrupted. Says what became of it, or, for --json, has it in *ret_outcome (of static storage). */
int change_wait(const struct options *options, const json_t *answer, const char **ret_outcome);

/* All that is left to do after the change was done: print, maybe wait. */
int change_conclude(const struct options *options, json_t *answer, const char *done);
