/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scratch.h: what the tests of the datapath share: a pin directory of their own, a network
 * namespace of their own, and looking at what was said.
 */
#pragma once

#include <stdbool.h>

#include "diag.h"
#include "pins.h"

/* cmocka group setup and teardown: a network namespace nobody else sees, bpffs mounted, and a
 * name for a pin directory that is not there yet; in the end nothing of that is left. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Path of the pin directory. */
extern char scratch_path[];

/* Open it (made if it is not there); fails the test if that fails. */
void scratch_open(struct pins *pins);
/* Remove all that is pinned there, and the directory. cmocka test teardown, too. */
int scratch_clear(void **state);

/* Run a command; fails the test if it fails. */
void scratch_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails the test unless an error says so; empties diags. */
void expect_error(struct diags *diags, const char *part);
/* Fails the test if anything was said. */
void expect_silence(struct diags *diags);
