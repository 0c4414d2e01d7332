/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mishap.h: something happens at the n-th of the calls that a test has wrapped: the process dies in front
 * of it, or in the middle of it, or it fails.
 */
#pragma once

#include <stdbool.h>

enum mishap { MISHAP_NONE, MISHAP_DIES, MISHAP_DIES_HALFWAY, MISHAP_FAILS };

struct mishaps {
	int calls_left; /* until the mishap; negative: never */
	enum mishap mishap;
	int error; /* MISHAP_FAILS */
	bool on;   /* calls are counted */
	bool happened;
};

#define MISHAP_STATUS 77 /* with which the process dies */

/* Is it this call's turn? Dies, or says that it fails, with errno; or, if it may be halved, that it is to
 * be done by half. */
bool mishap_strikes(struct mishaps *mishaps, bool may_halve);
/* Let it happen at the call behind so many. */
void mishap_prepare(struct mishaps *mishaps, enum mishap mishap, int error, int calls);
/* In a child that calls live(), which ends by _exit(0). Did it happen? */
bool mishap_in_child(struct mishaps *mishaps, void (*live)(void));
