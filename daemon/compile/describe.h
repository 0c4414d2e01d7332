/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * describe.h: what the tables of a policy are made of, for people who want to know what it costs.
 */
#pragma once

#include <stdio.h>

#include "compile.h"

/* Some lines: the memory of each table, and for each interface, what its program looks at and how
 * the scalar fields were folded. The tables are of the policy. */
void tables_describe(const struct policy *policy, const struct tables *tables, FILE *stream);
