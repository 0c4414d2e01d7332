/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * suggest.c: "did you mean …?": the nearest of a list of words by optimal string alignment,
 * that is the number of insertions, deletions, replacements and swaps of neighbours. Letters
 * that differ only in case count as equal, so that 'DPort' finds 'dport'.
 */
#include "diag.h"

#include <ctype.h>
#include <string.h>

#define MAX_WORD 63 /* names are no longer; longer words get no suggestion */

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Both words are at most MAX_WORD bytes long. Three rows of the usual table are enough: a swap
 * looks two rows back. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][MAX_WORD + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min(above[j - 1] + !same(a[i - 1], b[j - 1]),
				     min(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = min(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

const char *suggest(const char *word, const char *const *candidates)
{
	size_t len = strlen(word), best = len / 3 ? len / 3 + 1 : 2;
	const char *nearest = NULL;

	if (!len || len > MAX_WORD)
		return NULL;
	best = min(best, len); /* never one that has nothing in common with the word */
	for (; *candidates; candidates++) {
		size_t candidate_len = strlen(*candidates), d;

		if (!candidate_len || candidate_len > MAX_WORD)
			continue;
		d = distance(word, len, *candidates, candidate_len);
		if (d < best) {
			best = d;
			nearest = *candidates;
		}
	}
	return nearest;
}
