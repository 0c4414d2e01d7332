/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list_cache.c: what list files held, see list_cache.h.
 */
#include "list_cache.h"

#include <string.h>

#include "names.h"
#include "util.h"

#define PIECE_BYTES (256U << 10)

struct text_entry {
	char *name, *text;
	size_t len;
};

struct list_table {
	struct text_entry *texts;
	size_t n_texts, texts_capacity;
	struct list_entry **items;
	size_t n, capacity;
	struct name_index index; /* of the paths, by position in items */
};

struct list_cache {
	struct list_table kept;  /* of the last policy that was made */
	struct list_table fresh; /* read for the one that is being made */
	struct list_cache_stats stats;
	char *copies;    /* the folder of copies; NULL: none are kept */
	bool refreshing; /* what is in fresh is to go over what is kept */
};

/* --- entries ----------------------------------------------------------------------------- */

static size_t entry_bytes(const struct list_entry *entry)
{
	return (entry->n_v6 + entry->n_long) * sizeof(uint64_t) + entry->n_v4 * sizeof(uint32_t) +
	       entry->n_v4 + entry->n_v6;
}

static struct list_entry *entry_free(struct list_entry *entry)
{
	if (!entry)
		return NULL;
	free(entry->path);
	free(entry->memory);
	free(entry);
	return NULL;
}

static void entry_freep(struct list_entry **entry)
{
	entry_free(*entry);
}

/* Widest elements first, so that all are aligned. */
static int lay_out(struct list_entry *entry)
{
	entry->memory = malloc(entry_bytes(entry) + 1);
	if (!entry->memory)
		return -ENOMEM;
	entry->v6_upper = entry->memory;
	entry->v6_lower = entry->v6_upper + entry->n_v6;
	entry->v4 = (uint32_t *)(entry->v6_lower + entry->n_long);
	entry->v4_lens = (uint8_t *)(entry->v4 + entry->n_v4);
	entry->v6_lens = entry->v4_lens + entry->n_v4;
	return 0;
}

static void pack(struct list_entry *entry, const struct prefix_v4 *v4, const struct prefix_v6 *v6)
{
	uint64_t *lower = entry->v6_lower;

	entry->widest_v4 = 32;
	entry->widest_v6 = 128;
	for (size_t i = 0; i < entry->n_v4; i++) {
		if (v4[i].len < entry->widest_v4)
			entry->widest_v4 = v4[i].len;
		entry->v4[i] = v4[i].addr;
		entry->v4_lens[i] = v4[i].len;
	}
	for (size_t i = 0; i < entry->n_v6; i++) {
		if (v6[i].len < entry->widest_v6)
			entry->widest_v6 = v6[i].len;
		entry->v6_upper[i] = v6[i].hi;
		entry->v6_lens[i] = v6[i].len;
		if (v6[i].len > 64)
			*lower++ = v6[i].lo;
	}
}

int list_entry_append(const struct list_entry *entry, struct prefix_set *set)
{
	size_t v4_capacity = set->n_v4, v6_capacity = set->n_v6;
	const uint64_t *lower = entry->v6_lower;

	if (array_reserve((void **)&set->v4, &v4_capacity, set->n_v4 + entry->n_v4,
			  sizeof(*set->v4)) < 0 ||
	    array_reserve((void **)&set->v6, &v6_capacity, set->n_v6 + entry->n_v6,
			  sizeof(*set->v6)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < entry->n_v4; i++)
		set->v4[set->n_v4++] = (struct prefix_v4){ entry->v4[i], entry->v4_lens[i] };
	for (size_t i = 0; i < entry->n_v6; i++)
		set->v6[set->n_v6++] = (struct prefix_v6){ entry->v6_upper[i],
							   entry->v6_lens[i] > 64 ? *lower++ : 0,
							   entry->v6_lens[i] };
	return 0;
}

int list_entry_use(struct list_entry *entry, struct prefix_set *set)
{
	entry->used = true;
	return list_entry_append(entry, set);
}

/* --- tables ------------------------------------------------------------------------------ */

static struct list_entry *table_find(const struct list_table *table, const char *path)
{
	long position = name_index_find(&table->index, path);

	return position < 0 ? NULL : table->items[position];
}

/* The entry becomes the table's, in the place of one of the same path. */
static int table_put(struct list_table *table, struct list_entry *entry)
{
	long position = name_index_find(&table->index, entry->path);

	if (position >= 0) {
		/* The index refers to the old path: that one stays. */
		char *path = table->items[position]->path;

		table->items[position]->path = entry->path;
		entry->path = path;
		entry_free(table->items[position]);
		table->items[position] = entry;
		return 0;
	}
	if (array_reserve((void **)&table->items, &table->capacity, table->n + 1,
			  sizeof(struct list_entry *)) < 0 ||
	    name_index_add(&table->index, entry->path) < 0)
		return -ENOMEM;
	table->items[table->n++] = entry;
	return 0;
}

static void text_done(struct text_entry *entry)
{
	free(entry->name);
	free(entry->text);
	*entry = (struct text_entry){ 0 };
}

static void table_done(struct list_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		entry_free(table->items[i]);
	for (size_t i = 0; i < table->n_texts; i++)
		text_done(&table->texts[i]);
	free(table->texts);
	free(table->items);
	name_index_done(&table->index);
	*table = (struct list_table){ 0 };
}

/* --- the cache --------------------------------------------------------------------------- */

struct list_cache *list_cache_new(void)
{
	return calloc(1, sizeof(struct list_cache));
}

struct list_cache *list_cache_free(struct list_cache *cache)
{
	if (!cache)
		return NULL;
	table_done(&cache->kept);
	table_done(&cache->fresh);
	free(cache->copies);
	free(cache);
	return NULL;
}

int list_cache_set_copies(struct list_cache *cache, const char *folder)
{
	char *copy = strdup(folder);

	if (!copy)
		return -ENOMEM;
	free(cache->copies);
	cache->copies = copy;
	return 0;
}

const char *list_cache_copies(const struct list_cache *cache)
{
	return cache->copies;
}

struct list_entry *list_cache_find(struct list_cache *cache, const char *path)
{
	struct list_entry *entry = table_find(&cache->fresh, path);

	return entry ? entry : table_find(&cache->kept, path);
}

const struct list_entry *list_cache_find_kept(const struct list_cache *cache, const char *path)
{
	return table_find(&cache->kept, path);
}

bool list_cache_tell(const struct list_cache *cache, const char *path, size_t *ret_prefixes,
		     uint64_t *ret_usec)
{
	const struct list_entry *entry = table_find(&cache->kept, path);

	if (!entry)
		return false;
	*ret_prefixes = entry->n_v4 + entry->n_v6;
	*ret_usec = entry->copy_usec ? entry->copy_usec
				     : (uint64_t)entry->state.mtime.tv_sec * 1000000 +
					       (uint64_t)entry->state.mtime.tv_nsec / 1000;
	return true;
}

int list_cache_add(struct list_cache *cache, const char *path, const struct file_state *state,
		   const uint8_t *digest, uint64_t copy_usec, const struct prefix_set *set,
		   size_t first_v4, size_t first_v6)
{
	_cleanup_(entry_freep) struct list_entry *entry = calloc(1, sizeof(*entry));
	int r;

	if (!entry)
		return -ENOMEM;
	entry->state = *state;
	entry->used = true;
	entry->copy_usec = copy_usec;
	memcpy(entry->digest, digest, sizeof(entry->digest));
	entry->n_v4 = set->n_v4 - first_v4;
	entry->n_v6 = set->n_v6 - first_v6;
	for (size_t i = first_v6; i < set->n_v6; i++)
		entry->n_long += set->v6[i].len > 64;
	entry->path = strdup(path);
	if (!entry->path || lay_out(entry) < 0)
		return -ENOMEM;
	pack(entry, set->v4 + first_v4, set->v6 + first_v6);
	cache->stats.n_read += !copy_usec;
	r = table_put(&cache->fresh, entry);
	if (!r)
		TAKE_PTR(entry);
	return r;
}

static struct text_entry *table_find_text(const struct list_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_texts; i++)
		if (!strcmp(table->texts[i].name, name))
			return &table->texts[i];
	return NULL;
}

int list_cache_add_text(struct list_cache *cache, const char *name, const char *text, size_t len)
{
	struct list_table *fresh = &cache->fresh;
	struct text_entry entry = { .len = len }, *old = table_find_text(fresh, name);

	if (!old && array_reserve((void **)&fresh->texts, &fresh->texts_capacity,
				  fresh->n_texts + 1, sizeof(entry)) < 0)
		return -ENOMEM;
	entry.name = strdup(name);
	entry.text = malloc(len + 1);
	if (!entry.name || !entry.text) {
		text_done(&entry);
		return -ENOMEM;
	}
	memcpy(entry.text, text, len);
	if (old)
		text_done(old);
	else
		old = &fresh->texts[fresh->n_texts++];
	*old = entry;
	return 0;
}

const char *list_cache_find_text(const struct list_cache *cache, const char *name, size_t *ret_len)
{
	const struct text_entry *entry =
		cache->refreshing ? table_find_text(&cache->fresh, name) : NULL;

	if (!entry)
		entry = table_find_text(&cache->kept, name);
	if (!entry)
		return NULL;
	*ret_len = entry->len;
	return entry->text;
}

static bool digest_is(int fd, const uint8_t *expected)
{
	_cleanup_free_ uint8_t *buffer = malloc(PIECE_BYTES);
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;

	if (!buffer)
		return false;
	sha256_init(&hash);
	for (;;) {
		ssize_t n = read(fd, buffer, PIECE_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (!n)
			break;
		sha256_update(&hash, (size_t)n, buffer);
	}
	sha256_digest(&hash, sizeof(digest), digest);
	return memcmp(digest, expected, sizeof(digest)) == 0;
}

bool list_entry_is_current(struct list_cache *cache, struct list_entry *entry, int fd,
			   const struct file_state *state)
{
	const struct file_state *old = &entry->state;

	if (file_state_is_sure(old, state)) {
		cache->stats.n_unchanged++;
	} else if (old->size == state->size && digest_is(fd, entry->digest)) {
		entry->state = *state;
		cache->stats.n_hashed++;
	} else {
		return false;
	}
	entry->used = true;
	return true;
}

void list_cache_refresh_begin(struct list_cache *cache)
{
	cache->refreshing = true;
}

int list_cache_refresh_pattern(struct list_cache *cache, const char *pattern, const char *path)
{
	_cleanup_free_ char *name = list_pattern_name(pattern), *text = NULL;
	size_t len, at = 0, size = strlen(path) + 1;
	const char *old;

	old = name ? list_cache_find_text(cache, name, &len) : NULL;
	if (!name)
		return -ENOMEM;
	if (!old) /* the policy in force has no such pattern */
		return 0;
	text = malloc(len + size);
	if (!text)
		return -ENOMEM;
	while (at < len && strcmp(old + at, path) < 0)
		at += strlen(old + at) + 1;
	memcpy(text, old, at);
	memcpy(text + at, path, size);
	memcpy(text + at + size, old + at, len - at);
	return list_cache_add_text(cache, name, text, len + size);
}

void list_cache_begin(struct list_cache *cache)
{
	cache->stats = (struct list_cache_stats){ 0 };
	for (size_t i = 0; i < cache->kept.n; i++)
		cache->kept.items[i]->used = false;
}

/* Texts that were refreshed go over those of before. */
static void merge_texts(struct list_table *from, struct list_table *to)
{
	for (size_t i = 0; i < from->n_texts; i++) {
		struct text_entry *old = table_find_text(to, from->texts[i].name);

		if (!old)
			continue;
		text_done(old);
		*old = from->texts[i];
		from->texts[i] = (struct text_entry){ 0 };
	}
}

static void move_texts(struct list_table *from, struct list_table *to)
{
	to->texts = TAKE_PTR(from->texts);
	to->n_texts = from->n_texts;
	to->texts_capacity = from->texts_capacity;
	from->n_texts = from->texts_capacity = 0;
}

/* What was used moves to a table of its own; out of memory, the cache is just smaller. The texts
 * are those that were read, or, if the policy was made again, those of before. */
void list_cache_end(struct list_cache *cache, bool in_force)
{
	struct list_table used = { 0 };

	if (in_force && cache->refreshing)
		merge_texts(&cache->fresh, &cache->kept);
	if (in_force)
		move_texts(cache->fresh.n_texts && !cache->refreshing ? &cache->fresh
								      : &cache->kept,
			   &used);
	cache->refreshing = false;
	for (size_t i = 0; in_force && i < cache->fresh.n; i++)
		if (!table_put(&used, cache->fresh.items[i]))
			cache->fresh.items[i] = NULL;
	for (size_t i = 0; in_force && i < cache->kept.n; i++) {
		struct list_entry *entry = cache->kept.items[i];

		if (entry->used && !table_find(&used, entry->path) && !table_put(&used, entry))
			cache->kept.items[i] = NULL;
	}
	table_done(&cache->fresh);
	if (!in_force)
		return;
	table_done(&cache->kept);
	cache->kept = used;
}

void list_cache_get_stats(const struct list_cache *cache, struct list_cache_stats *ret)
{
	*ret = cache->stats;
	ret->n_entries = cache->kept.n;
	for (size_t i = 0; i < cache->kept.n; i++)
		ret->bytes += sizeof(struct list_entry) + strlen(cache->kept.items[i]->path) + 1 +
			      entry_bytes(cache->kept.items[i]);
}
