/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h: what was measured, as a table for people while it goes on, and as JSON at the end.
 * A goal that is missed is said to be; it fails nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate-load.h"

/* Nanoseconds a packet above the empty program: median and quartiles of the rounds. */
struct figure {
	bool measured;
	double ns, low, high;
	uint32_t packets; /* a run */
	char note[400];   /* why it was not measured, or what else must be known */
};

struct row {
	const char *section; /* "packet", "prefixes", "countries", "rules" */
	char name[64];
	const char *traffic;
	size_t n_prefixes, n_rules;
	struct figure gate;
	const char *peer_name; /* NULL: none */
	struct figure peer;
	double goal_ns, goal_ratio; /* 0: none */
	struct gate_cost cost;
};

struct reload_row {
	char name[64];
	size_t n_prefixes, n_rules;
	char refused[400];
	double read_ms, swap_ms;
	struct gate_cost cost;
	double goal_ms, goal_mb; /* 0: none */
};

struct report;

/* NULL: out of memory. */
struct report *report_open(bool quick, uint32_t n_frames, uint32_t n_packets, unsigned int rounds);
struct report *report_close(struct report *report); /* NULL is fine; returns NULL */

void report_section(struct report *report, const char *title, const char *text);
void report_note(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_empty(struct report *report, const struct figure *empty);
void report_row(struct report *report, const struct row *row);
/* How the cost grows from one number of rules to another; 0 where one was refused. */
void report_growth(struct report *report, const char *name, double ratio, double goal);
void report_reload(struct report *report, const struct reload_row *row);

/* 0 or negative errno. */
int report_write(const struct report *report, const char *path);
