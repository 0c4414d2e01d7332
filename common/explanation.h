/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explanation.h: what the program made of one packet, in words: how it was read, which sets hold what
 * is in it, which rules matched, and what became of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

struct explained_field {
	char *name, *value; /* as a test of the policy file would say it */
};

struct explained_set {
	char name[NAME_LEN];
	const char *field; /* "src", ...: whose value it holds; static storage */
	bool live;
};

enum explained_effect {
	EFFECT_COUNTS,  /* it counted, and the judging went on */
	EFFECT_SHADOW,  /* likewise, because it is a shadow */
	EFFECT_WOULD,   /* likewise; of all rules it would have been the first to decide */
	EFFECT_DECIDES, /* and that was it */
};

struct explained_rule {
	char name[NAME_LEN];
	char *match, *action; /* normalised */
	char *place;          /* "edge.yaml:12"; NULL: not known */
	enum explained_effect effect;
};

struct explanation {
	uint64_t generation;      /* 0: of no generation, but of a policy file */
	char interface[NAME_LEN]; /* that judged; "": none does, it passes */
	char policy[NAME_LEN];    /* likewise */
	enum verdict verdict;
	enum reason reason;  /* REASON_NONE: a rule decided */
	char rule[NAME_LEN]; /* that rule; "": none */
	char *redirect;      /* VERDICT_REDIRECT: the device; else NULL */
	struct explained_field *fields;
	size_t n_fields;
	struct explained_set *sets;
	size_t n_sets;
	bool sets_known;              /* false: what compiled sets hold cannot be told */
	struct explained_rule *rules; /* in order */
	size_t n_rules;
	char *note; /* what is to be known besides; NULL: nothing */
};

void explanation_done(struct explanation *explanation); /* an empty one is fine */
