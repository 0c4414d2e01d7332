/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_gate.h: what the fake has beyond daemon/gate.h. */
#pragma once

#include "gate.h"

struct gate *fake_gate_new(const char *scenario); /* gate_free() */

/* Is there a file of that name in the scenario? */
bool fake_gate_has(const struct gate *gate, const char *name);
FILE *fake_gate_open(const struct gate *gate, const char *name);

/* Fails as asked by files "fail-WHAT" or "fail-WHAT-silently". */
int fake_gate_fails(struct gate *gate, const char *what, struct diags *diags);

void fake_sets_free(void);

/* Append a line to SCENARIO/calls. */
void fake_gate_note(struct gate *gate, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
