/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_gate.h: what the fake has beyond daemon/gate.h. */
#pragma once

#include "gate.h"

struct gate *fake_gate_new(const char *scenario); /* gate_free() */

/* Append a line to SCENARIO/calls. */
void fake_gate_note(struct gate *gate, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
