/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * classes.h: the values of a scalar field, or the combinations of the values of several, put into
 * classes: those that satisfy the same rules. abi.h tells what the program makes of them.
 */
#pragma once

#include "compile_internal.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

struct classes {
	struct rows rows; /* what each class satisfies, of all rules; class = number of the row */
	/* From an index to a class. Of a field: element 0 is for packets that lack it, 1 + value
	 * for the others. Of a fold: left class * classes of the right side + right class. */
	uint16_t *array;
	uint32_t n_array;
};

/* Room for an array of n, and for rows of max_words in all. 0 or -ENOMEM; to be freed by
 * classes_done() even then. */
int classes_init(struct classes *classes, uint32_t row_words, size_t max_words, uint32_t n);
void classes_done(struct classes *classes);

/* fold.c: the places of a fold's sides, as FOLDS() has them. */
extern const uint8_t fold_lefts[N_FOLDS], fold_rights[N_FOLDS];

/* scalars.c: of a field. 0, -ENOMEM, or -E2BIG past what 16 bits and memory hold. */
int scalar_classes(struct compiler *compiler, enum scalar_field field, struct classes *classes);
