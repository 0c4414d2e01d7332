/* SPDX-License-Identifier: GPL-2.0-only */
/* replay.h: what the parts of `xdpgate replay` share. */
#pragma once

#include <jansson.h>

#include "candidate.h"
#include "capture.h"
#include "ctl.h"
#include "judge.h"

/* A replay while it goes on. */
struct replay {
	const struct options *options;
	const char *policy_path, *capture_path;
	struct candidate candidate;
	struct judge *judge;
	size_t interface;       /* on whose port the packets arrive */
	struct counter packets; /* all that were read */
	uint64_t n_cut;         /* that the capture has a part of */
	uint64_t n_too_large;   /* that no program can be given */
	struct labels *labels;  /* NULL: what becomes of each packet is not asked for */
	json_t *each;           /* likewise; or when it is printed at once */
};

/* --- replay_each.c: one packet --- */

/* "drop/bcp38", "pass/default"; where several interfaces share the port, "transit-a:drop/bcp38". */
struct labels;
struct labels *labels_new(const struct replay *replay); /* NULL: out of memory */
struct labels *labels_free(struct labels *labels);      /* NULL is fine; returns NULL */
/* judged NULL: no program can be given the packet. A string of JSON, still the labels'; NULL: out of
 * memory. */
json_t *label_of(struct labels *labels, const struct judged *judged);
/* Print the packet on a line. */
void print_packet(uint64_t number, const struct captured *captured, const char *label);

/* --- replay_view.c: all packets --- */

/* All that there is to tell. NULL: out of memory. */
json_t *replay_answer(const struct replay *replay);
/* For people. */
void replay_print(const json_t *answer, bool color);

/* --- replay_expect.c --- */

/* A file of --expect. EXIT_OK, or EXIT_FAILED having said what is wrong with it. */
int expected_read(const char *path, json_t **ret);
/* Compare what the expectation names with the answer. True: it is all as expected; else the
 * differences were printed on standard error. */
bool expected_compare(const char *path, const json_t *expected, const json_t *answer);
