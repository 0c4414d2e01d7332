/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_gate.h: what the fake has beyond daemon/gate.h. */
#pragma once

#include "gate.h"

#define FAKE_HISTORY_MAX 1024

/* A policy that was in force: what the file held. */
struct fake_policy {
	struct gate_history_entry entry;
	char *text;
};

struct gate {
	char *scenario;
	uint64_t generation, n_reloads, n_failed, n_stats;
	bool last_failed, off;
	/* fake_choices.c */
	struct fake_policy history[FAKE_HISTORY_MAX]; /* number i + 1 */
	size_t n_history, in_force, before;           /* as numbers; 0: none */
	uint64_t deadline_usec;
};

/* The policy file: as the scenario's file "config" says, else one that is not read. */
char *fake_gate_config(const struct gate *gate);
/* What is overdue is undone. */
void fake_gate_tick(struct gate *gate);
void fake_choices_free(struct gate *gate);

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
