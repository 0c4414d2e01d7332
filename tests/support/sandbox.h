/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sandbox.h: what tests need that load programs. Not being allowed to is a failure, never a
 * silent skip: a check that did not run must not look like one that passed.
 */
#pragma once

#include <stdbool.h>

/* Tries a BPF system call. False, with reason and remedy on stderr, if the kernel refuses. */
bool can_load_programs(void);
