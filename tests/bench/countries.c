/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * countries.c: which prefixes belong to which country: 237 lists of very different lengths,
 * IPv4 and IPv6, disjoint; from the data folder or made up.
 */
#include <dirent.h>
#include <string.h>

#include "bench.h"
#include "util.h"

#define N_V4 175000
#define N_V6 68000

static int read_lists(struct countries *countries, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort), r = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		const char *end = strrchr(entries[i]->d_name, '.');
		char path[4096 + 256];

		if (r >= 0 && end && strcmp(end, ".txt") == 0 && countries->n < N_COUNTRIES) {
			snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
			r = prefix_list_read(&countries->lists[countries->n++], path);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* Shared out so that the first have most, as it is with countries. */
static int share_out(struct countries *countries, enum list_kind kind, size_t n)
{
	struct prefix_list list = {};
	struct rng rng = { .state = kind };
	int r = prefix_list_make(&list, kind, n, 1);

	for (size_t i = 0; r >= 0 && i < list.n; i++) {
		const struct list_prefix *prefix = &list.prefixes[i];
		uint32_t country = rng_below(&rng, 1 + rng_below(&rng, 1 + rng_below(&rng, 237)));

		r = prefix_list_add(&countries->lists[country], prefix->family, prefix->addr,
				    prefix->len);
	}
	prefix_list_free(&list);
	return r;
}

int countries_make(struct countries *countries, const char *data)
{
	int r = -ENOENT;

	if (data) {
		char folder[4096];

		snprintf(folder, sizeof(folder), "%s/geo", data);
		r = read_lists(countries, folder);
	}
	if (r == -ENOENT && countries->n == 0) {
		countries->made_up = true;
		countries->n = N_COUNTRIES;
		r = share_out(countries, LIST_V4_ROUTES, N_V4);
		if (r >= 0)
			r = share_out(countries, LIST_V6_ROUTES, N_V6);
	}
	for (size_t i = 0; r >= 0 && i < countries->n; i++) {
		const struct prefix_list *list = &countries->lists[i];

		for (size_t j = 0; r >= 0 && j < list->n; j++)
			r = prefix_list_add(&countries->all, list->prefixes[j].family,
					    list->prefixes[j].addr, list->prefixes[j].len);
	}
	return r < 0 ? r : prefix_list_finish(&countries->all);
}

void countries_free(struct countries *countries)
{
	for (size_t i = 0; i < countries->n; i++)
		prefix_list_free(&countries->lists[i]);
	prefix_list_free(&countries->all);
}
