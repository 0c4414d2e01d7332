/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shapes.h: what may stand as the value of each key of the schema, for programs: what a human
 * reads of it in `form`, a JSON Schema and a list of fields need in parts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "names.h"
#include "schema.h"

enum shape_kind {
	SHAPE_TEXT,
	SHAPE_NAME,      /* of a thing of the policy */
	SHAPE_RULE_NAME, /* with '/' between others */
	SHAPE_PORT,      /* the name of a network device, or the mapping */
	SHAPE_RULES,     /* a list of the mapping */
	SHAPE_WIDTH,     /* a prefix length, or the mapping */
	SHAPE_SWITCH,    /* true, false, or the mapping */
	SHAPE_WORDS,     /* one of the words that `form` lists, or of words */
	SHAPE_BOOLEAN,   /* true or false */
	SHAPE_NUMBER,    /* least to most, or one of words */
	SHAPE_DURATION,  /* numbers with w, d, h, m, s behind them */
	SHAPE_COUNT,     /* least to most, maybe with k or M behind it */
	SHAPE_USER,      /* the name of a user */
	SHAPE_ICMP,      /* a word of icmp_words, icmp:TYPE/CODE, icmpv6:TYPE/CODE */
	SHAPE_ADDRESS,   /* one address */
	SHAPE_PREFIX,    /* an address or a prefix */
	SHAPE_MAC,       /* a MAC address */
	SHAPE_EXPECT,    /* VERDICT, VERDICT/RULE, VERDICT/REASON */
	SHAPE_ELEMENT,   /* of a set: a prefix, a port or a range, a MAC address, another set */
	SHAPE_SET,       /* a list of prefixes and sets, or the mapping */
	SHAPE_ACTION,    /* a word of the mapping, or one of its keys with a value */
	SHAPE_KEYWORD,   /* a key of schema_action that takes no value */
	SHAPE_MAPPING,   /* the mapping */
	SHAPE_TCP_FLAGS, /* a word of flag_groups, or the mapping */
};

enum shape_number {
	SHAPE_ONE,
	SHAPE_LIST,
	SHAPE_ONE_OR_LIST,
	SHAPE_BY_NAME /* a mapping from names */
};

struct shape {
	enum shape_kind kind;
	enum shape_number number;
	bool negatable; /* {not: ...} around it */
	bool ranges;    /* numbers: 5-9, too; of ICMP, groups of types as well */
	bool sets;      /* $name, too */
	uint32_t least, most;
	const struct word *words;
	const struct mapping_schema *mapping;
};

/* 0, or -ENOENT: a supported key that this table does not know, which a test finds. */
int shape_of(const struct key_schema *key, struct shape *ret);

/* The n-th word of a form such as "match, drop or pass", into buffer; NULL past the last. */
#define FORM_WORD 32
const char *form_word(const char *form, size_t n, char buffer[FORM_WORD]);
