/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * heap.c: the entries that will end, the earliest first.
 */
#include "store_internal.h"

static struct heap_item *item_at(const struct heap *heap, uint32_t place)
{
	return pool_at(&heap->items, place);
}

static void set(struct heap *heap, uint32_t place, struct heap_item item)
{
	struct entry *entry = pool_at(heap->entries, item.entry);

	*item_at(heap, place) = item;
	entry->place = place;
}

/* The item belongs at this place, or further up. */
static void rise(struct heap *heap, uint32_t place, struct heap_item item)
{
	while (place) {
		uint32_t parent = (place - 1) / 2;

		if (item_at(heap, parent)->end <= item.end)
			break;
		set(heap, place, *item_at(heap, parent));
		place = parent;
	}
	set(heap, place, item);
}

/* Or further down. */
static void sink(struct heap *heap, uint32_t place, struct heap_item item)
{
	const uint32_t n = heap->items.n;

	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child >= n)
			break;
		if (child + 1 < n && item_at(heap, child + 1)->end < item_at(heap, child)->end)
			child++;
		if (item_at(heap, child)->end >= item.end)
			break;
		set(heap, place, *item_at(heap, child));
		place = child;
	}
	set(heap, place, item);
}

void heap_insert(struct heap *heap, uint32_t entry, uint32_t end)
{
	rise(heap, heap->items.n++, (struct heap_item){ end, entry });
}

static void put(struct heap *heap, uint32_t place, struct heap_item item)
{
	if (place && item_at(heap, (place - 1) / 2)->end > item.end)
		rise(heap, place, item);
	else
		sink(heap, place, item);
}

void heap_change(struct heap *heap, uint32_t place, uint32_t end)
{
	put(heap, place, (struct heap_item){ end, item_at(heap, place)->entry });
}

void heap_remove(struct heap *heap, uint32_t place)
{
	struct entry *gone = pool_at(heap->entries, item_at(heap, place)->entry);
	struct heap_item last = *item_at(heap, --heap->items.n);

	gone->place = NONE;
	if (place < heap->items.n)
		put(heap, place, last);
}
