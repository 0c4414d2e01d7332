/* SPDX-License-Identifier: GPL-2.0-only */
/* live_list.c: see live_list.h. */
#include "live_list.h"

#include <arpa/inet.h>
#include <string.h>

#include "util.h"

#define COMMENT "a comment"

void live_list_done(struct live_list *list)
{
	free(list->items);
	*list = (struct live_list){ 0 };
}

static bool covers(const struct live_prefix *prefix, const uint8_t *address)
{
	for (unsigned int bit = 0; bit < prefix->len; bit++)
		if ((prefix->addr[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool is_within(const struct live_prefix *inner, const struct live_prefix *outer)
{
	return inner->family == outer->family && inner->len >= outer->len &&
	       covers(outer, inner->addr);
}

static bool is_same(const struct live_prefix *a, const struct live_prefix *b)
{
	return is_within(a, b) && a->len == b->len;
}

static uint32_t effective_end(const struct live_list *list, const struct live_prefix *prefix)
{
	uint32_t end = 0;

	for (size_t i = 0; i < list->n; i++)
		if (is_within(prefix, &list->items[i].prefix) && list->items[i].times.end > end)
			end = list->items[i].times.end;
	return end; /* LIVE_FOREVER is above all others */
}

static int tell(const struct live_list *list, struct live_item *item)
{
	item->effective = effective_end(list, &item->prefix);
	return live_maps_put(list->maps, list->slot, &item->prefix, &item->times, item->effective,
			     item->has_comment ? COMMENT : "");
}

/* The entries within the prefix whose effective end is another now. */
static int tell_within(struct live_list *list, const struct live_prefix *prefix)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		struct live_item *item = &list->items[i];

		if (is_within(&item->prefix, prefix) &&
		    item->effective != effective_end(list, &item->prefix))
			r = tell(list, item);
	}
	return r;
}

int live_list_put(struct live_list *list, const struct live_prefix *prefix, uint32_t end,
		  const char *comment)
{
	struct live_item *item;
	size_t i = 0;
	int r;

	while (i < list->n && !is_same(&list->items[i].prefix, prefix))
		i++;
	if (array_reserve((void **)&list->items, &list->capacity, i + 1, sizeof(*list->items)) < 0)
		return -ENOMEM;
	item = &list->items[i];
	if (i == list->n) {
		*item = (struct live_item){ .prefix = *prefix };
		list->n++;
	}
	item->times = (struct live_times){ .end = end, .since = 1000 + (uint32_t)i };
	item->has_comment = comment != NULL;
	r = tell(list, item);
	return r < 0 ? r : tell_within(list, prefix);
}

int live_list_remove(struct live_list *list, size_t i)
{
	struct live_item gone = list->items[i];
	int r;

	list->items[i] = list->items[--list->n];
	r = tell_within(list, &gone.prefix); /* ahead of the removal: they hold no longer alone */
	if (r >= 0)
		r = live_maps_remove(list->maps, list->slot, &gone.prefix, gone.has_comment);
	return r;
}

int live_list_fill(struct live_list *list)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++)
		r = tell(list, &list->items[i]);
	return r;
}

bool live_list_holds(const struct live_list *list, enum family family, const uint8_t *address,
		     uint32_t now)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].prefix.family == family && list->items[i].times.end > now &&
		    covers(&list->items[i].prefix, address))
			return true;
	return false;
}

struct visit {
	const struct live_list *list;
	size_t n;
};

static int check_entry(void *context, const struct live_prefix *prefix,
		       const struct live_times *times, const char *comment)
{
	struct visit *visit = context;

	visit->n++;
	for (size_t i = 0; i < visit->list->n; i++) {
		const struct live_item *item = &visit->list->items[i];

		if (is_same(&item->prefix, prefix))
			return item->times.end == times->end && item->times.since == times->since &&
					       item->has_comment == (comment != NULL) &&
					       (!comment || !strcmp(comment, COMMENT))
				       ? 0
				       : -EINVAL;
	}
	return -EINVAL;
}

int live_list_check(const struct live_list *list)
{
	struct visit visit = { .list = list };
	int r = live_maps_each(list->maps, list->slot, check_entry, &visit);

	if (!r && visit.n == list->n)
		return 0;
	fprintf(stderr, "the kernel has %zu entries or more, the list %zu: %s\n", visit.n, list->n,
		r ? strerror(-r) : "as many");
	return -EINVAL;
}

void live_list_print(const struct live_list *list, uint32_t now, FILE *stream)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct live_item *item = &list->items[i];
		char text[INET6_ADDRSTRLEN];

		inet_ntop(item->prefix.family == FAMILY_V4 ? AF_INET : AF_INET6, item->prefix.addr,
			  text, sizeof(text));
		fprintf(stream, "  %s/%u: ", text, item->prefix.len);
		if (item->times.end == LIVE_FOREVER)
			fputs("for ever\n", stream);
		else
			fprintf(stream, "ends at %+ld s\n", (long)item->times.end - (long)now);
	}
}
