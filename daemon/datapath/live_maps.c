/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_maps.c: crash by crash: a comment is written before its entry and removed after it, so at
 * any moment each entry has its own; comments without an entry are dropped when entries are read.
 */
#include "live_maps.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "jiffies.h"
#include "kernel.h"
#include "pinned.h"
#include "util.h"

#define FOLDER "live"
#define MAX_ENTRIES (64U << 20) /* of a trie, which takes memory for those only that it has */
#define FIRST_CAPACITY 1024
#define GROWTH 4
#define COMMENT_KEY_BITS_AHEAD 16

/* Of the map of comments, an LPM_TRIE since it takes no memory for what it does not hold. Found is
 * the longest that covers the key, so the value says whose it is. */
struct comment_key {
	uint32_t len; /* COMMENT_KEY_BITS_AHEAD + prefix length */
	uint8_t slot, family, addr[16];
};
#define COMMENT_KEY_SIZE 22

struct comment {
	uint32_t len; /* as of its key */
	char text[LIVE_COMMENT_MAX + 1];
};

struct live_name {
	char text[NAME_LEN]; /* zeros behind it */
};

/* The tables of a set. A hash table takes memory for as many entries as it may have, so it is made
 * anew, larger, when it is full. */
struct tables_of {
	int fds[N_LIVE_TABLES]; /* -1: there is none */
	uint32_t capacity[N_LIVE_TABLES];
	bool filled[N_LIVE_TABLES];
};

/* Value of the registry. */
struct live_owner {
	uint32_t slot;
	uint32_t restored; /* bool */
};

struct live_maps {
	int registry_fd; /* name to slot */
	int state_fd, comments_fd;
	int arrays_fd[N_LIVE_TABLES]; /* ARRAY_OF_MAPS, by LIVE_INDEX() */
	struct live_state *state;     /* mapped */
	struct jiffies_clock clock;
	struct live_name names[MAX_LIVE_SETS];
	bool restored[MAX_LIVE_SETS];
	struct tables_of tables[MAX_LIVE_SETS]; /* in the bank that packets use */
	struct tables_of new;                   /* between begin and commit */
	uint32_t new_slot;                      /* NO_SLOT: no replacement is under way */
};

#define NO_SLOT UINT32_MAX
#define TABLES_NONE ((struct tables_of){ .fds = { -1, -1, -1, -1, -1 } })
_Static_assert(N_LIVE_TABLES == 5, "as many as are in TABLES_NONE");

static const struct bpf_map_info table_kinds[N_LIVE_TABLES] = {
#define X(id, array, table_type, table_key_size)                                                   \
	[id] = { .type = (table_type),                                                             \
		 .name = "xdpgate_live",                                                           \
		 .key_size = (table_key_size),                                                     \
		 .value_size = sizeof(struct live_entry),                                          \
		 .max_entries = MAX_ENTRIES,                                                       \
		 .map_flags = BPF_F_NO_PREALLOC },
	LIVE_TABLES(X)
#undef X
};
static const char *const array_names[N_LIVE_TABLES] = {
#define X(id, array, table_type, table_key_size) [id] = #array,
	LIVE_TABLES(X)
#undef X
};
static const struct bpf_map_info array_kind = {
	.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
	.name = "xdpgate_banks",
	.key_size = sizeof(uint32_t),
	.value_size = sizeof(uint32_t),
	.max_entries = MAX_LIVE_SETS * LIVE_BANKS,
};
static const struct bpf_map_info registry_kind = {
	.type = BPF_MAP_TYPE_HASH,
	.name = "xdpgate_sets",
	.key_size = sizeof(struct live_name),
	.value_size = sizeof(struct live_owner),
	.max_entries = MAX_LIVE_SETS,
	.map_flags = BPF_F_NO_PREALLOC,
};
static const struct bpf_map_info state_kind = {
	.type = BPF_MAP_TYPE_ARRAY,
	.name = "xdpgate_filled",
	.key_size = sizeof(uint32_t),
	.value_size = sizeof(struct live_state),
	.max_entries = 1,
	.map_flags = BPF_F_MMAPABLE,
};
static const struct bpf_map_info comments_kind = {
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.name = "xdpgate_notes",
	.key_size = COMMENT_KEY_SIZE,
	.value_size = sizeof(struct comment),
	.max_entries = MAX_ENTRIES,
	.map_flags = BPF_F_NO_PREALLOC,
};

/* --- keys -------------------------------------------------------------------------------- */

enum live_table live_table_of(const struct live_prefix *prefix)
{
	if (prefix->family == FAMILY_V4)
		return prefix->len == 32 ? LIVE_HOSTS_V4 : LIVE_NETS_V4;
	return prefix->len == 128  ? LIVE_HOSTS_V6
	       : prefix->len == 64 ? LIVE_SITES_V6
				   : LIVE_NETS_V6;
}

static bool is_hash(enum live_table table)
{
	return table_kinds[table].type == BPF_MAP_TYPE_HASH;
}

static enum family family_of(enum live_table table)
{
	return table == LIVE_HOSTS_V4 || table == LIVE_NETS_V4 ? FAMILY_V4 : FAMILY_V6;
}

/* What a table has as the key of a prefix: the address, behind the length unless all have the same. */
static const void *table_key(enum live_table table, const struct live_prefix *prefix,
			     struct live_key *buffer)
{
	*buffer = (struct live_key){ .len = prefix->len };
	memcpy(buffer->addr, prefix->addr, sizeof(buffer->addr));
	return is_hash(table) ? (const void *)buffer->addr : buffer;
}

static struct comment_key comment_key(uint32_t slot, const struct live_prefix *prefix)
{
	struct comment_key key = {
		.len = COMMENT_KEY_BITS_AHEAD + prefix->len,
		.slot = slot,
		.family = prefix->family,
	};

	memcpy(key.addr, prefix->addr, sizeof(key.addr));
	return key;
}

/* --- tables ------------------------------------------------------------------------------ */

static int create_table(enum live_table table, uint32_t capacity)
{
	const struct bpf_map_info *kind = &table_kinds[table];
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kind->map_flags);

	return bpf_map_create(kind->type, kind->name, kind->key_size, kind->value_size, capacity,
			      &options);
}

static void close_tables(struct tables_of *tables)
{
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		close_fd(&tables->fds[table]);
	*tables = TABLES_NONE;
}

/* As if it had grown to hold so many. */
static uint32_t capacity_for(size_t expected)
{
	uint32_t capacity = FIRST_CAPACITY;

	while (capacity < expected && capacity <= MAX_ENTRIES / GROWTH)
		capacity *= GROWTH;
	return capacity;
}

/* All four, empty. */
static int create_tables(struct tables_of *tables, const size_t expected[N_FAMILIES])
{
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++) {
		tables->capacity[table] =
			!is_hash(table) ? MAX_ENTRIES
					: capacity_for(expected ? expected[family_of(table)] : 0);
		tables->fds[table] = create_table(table, tables->capacity[table]);
		if (tables->fds[table] < 0)
			return tables->fds[table];
	}
	return 0;
}

static uint32_t bank_of(const struct live_maps *maps, uint32_t slot)
{
	return maps->state->banks >> slot & 1;
}

/* Into a bank; the kernel waits until no packet that saw what was there is on its way. */
static int enter_tables(struct live_maps *maps, const struct tables_of *tables, uint32_t index)
{
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++)
		r = bpf_map_update_elem(maps->arrays_fd[table], &index, &tables->fds[table],
					BPF_ANY);
	return r;
}

static int remove_tables(struct live_maps *maps, uint32_t index)
{
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++) {
		r = bpf_map_delete_elem(maps->arrays_fd[table], &index);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* The table that stands at the index; -ENOENT: none. */
static int open_table(const struct live_maps *maps, uint32_t index, enum live_table table,
		      uint32_t *ret_capacity)
{
	_cleanup_close_ int fd = -1;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	uint32_t id;
	int r = bpf_map_lookup_elem(maps->arrays_fd[table], &index, &id);

	if (r < 0)
		return r;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	*ret_capacity = info.max_entries;
	return TAKE_FD(fd);
}

/* Of a slot: as they are in its bank, made where they are not there. */
static int open_slot(struct live_maps *maps, uint32_t slot, struct diags *diags)
{
	struct tables_of *tables = &maps->tables[slot];
	uint32_t index = LIVE_INDEX(slot, bank_of(maps, slot));
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++) {
		int fd = open_table(maps, index, table, &tables->capacity[table]);

		if (fd == -ENOENT) {
			tables->capacity[table] = is_hash(table) ? FIRST_CAPACITY : MAX_ENTRIES;
			fd = create_table(table, tables->capacity[table]);
			if (fd >= 0)
				r = bpf_map_update_elem(maps->arrays_fd[table], &index, &fd,
							BPF_ANY);
		}
		tables->fds[table] = fd;
		if (fd < 0)
			r = fd;
		tables->filled[table] = maps->state->filled[table] >> slot & 1;
	}
	/* What a replacement that was interrupted has left. */
	if (r >= 0)
		r = remove_tables(maps, LIVE_INDEX(slot, !bank_of(maps, slot)));
	return r < 0 ? kernel_error(diags, r, "cannot open the live set '%s'",
				    maps->names[slot].text)
		     : 0;
}

/* --- slots ------------------------------------------------------------------------------- */

static void close_slot(struct live_maps *maps, uint32_t slot)
{
	close_tables(&maps->tables[slot]);
	maps->names[slot] = (struct live_name){};
	maps->restored[slot] = false;
}

int live_maps_find(const struct live_maps *maps, const char *name, uint32_t *ret_slot)
{
	for (uint32_t slot = 0; slot < MAX_LIVE_SETS; slot++)
		if (maps->names[slot].text[0] && strcmp(maps->names[slot].text, name) == 0) {
			*ret_slot = slot;
			return 0;
		}
	return -ENOENT;
}

const char *live_maps_name(const struct live_maps *maps, uint32_t slot)
{
	return slot < MAX_LIVE_SETS && maps->names[slot].text[0] ? maps->names[slot].text : NULL;
}

static int write_registry(struct live_maps *maps, uint32_t slot, bool restored)
{
	const struct live_owner owner = { .slot = slot, .restored = restored };

	return bpf_map_update_elem(maps->registry_fd, &maps->names[slot], &owner, BPF_ANY);
}

bool live_maps_is_restored(const struct live_maps *maps, uint32_t slot)
{
	return maps->restored[slot];
}

int live_maps_set_restored(struct live_maps *maps, uint32_t slot)
{
	int r = write_registry(maps, slot, true);

	if (r >= 0)
		maps->restored[slot] = true;
	return r;
}

int live_maps_assign(struct live_maps *maps, const char *name, uint32_t *ret_slot,
		     struct diags *diags)
{
	uint32_t slot;
	int r;

	if (live_maps_find(maps, name, ret_slot) == 0)
		return 0;
	for (slot = 0; slot < MAX_LIVE_SETS && maps->names[slot].text[0]; slot++)
		;
	if (slot == MAX_LIVE_SETS) {
		diag_error(
			diags, NULL,
			"no place is left for the live set '%s': there are %u, those that no "
			"policy names any more but that still have entries among them; flush one "
			"that is not needed",
			name, MAX_LIVE_SETS);
		return -ENOSPC;
	}
	kernel_forget();
	snprintf(maps->names[slot].text, NAME_LEN, "%s", name);
	r = open_slot(maps, slot, diags);
	if (r >= 0) {
		r = write_registry(maps, slot, false);
		if (r < 0)
			kernel_error(diags, r, "cannot enter the live set '%s'", name);
	}
	if (r < 0) {
		close_slot(maps, slot);
		return r;
	}
	*ret_slot = slot;
	return 0;
}

int live_maps_forget(struct live_maps *maps, uint32_t slot)
{
	int r;

	if (!live_maps_name(maps, slot))
		return -ENOENT;
	for (enum family family = 0; family < N_FAMILIES; family++)
		live_maps_is_empty(maps, slot, family);
	r = bpf_map_delete_elem(maps->registry_fd, &maps->names[slot]);
	for (uint32_t bank = 0; r >= 0 && bank < LIVE_BANKS; bank++)
		r = remove_tables(maps, LIVE_INDEX(slot, bank));
	if (r >= 0)
		close_slot(maps, slot);
	return r;
}

/* --- entries ----------------------------------------------------------------------------- */

/* Atomic: programs read the words at any time. */
static void set_bit(__u64 *word, uint32_t slot, bool value)
{
	uint64_t bit = UINT64_C(1) << slot;

	if (value)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

static void set_filled(struct live_maps *maps, uint32_t slot, enum live_table table, bool filled)
{
	if (maps->tables[slot].filled[table] == filled)
		return;
	maps->tables[slot].filled[table] = filled;
	set_bit(&maps->state->filled[table], slot, filled);
}

void live_maps_is_empty(struct live_maps *maps, uint32_t slot, enum family family)
{
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		if (family_of(table) == family)
			set_filled(maps, slot, table, false);
}

/* Where entries of the slot go. */
static struct tables_of *tables_of(struct live_maps *maps, uint32_t slot)
{
	return maps->new_slot == slot ? &maps->new : &maps->tables[slot];
}

static int put_comment(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		       const char *text)
{
	struct comment_key key = comment_key(slot, prefix);
	struct comment comment = { .len = key.len };
	int r;

	if (!text[0]) {
		r = bpf_map_delete_elem(maps->comments_fd, &key);
		return r == -ENOENT ? 0 : r;
	}
	snprintf(comment.text, sizeof(comment.text), "%s", text);
	return bpf_map_update_elem(maps->comments_fd, &key, &comment, BPF_ANY);
}

static uint64_t until(const struct live_maps *maps, uint32_t end)
{
	return end == LIVE_FOREVER ? LIVE_UNTIL_FOREVER
				   : jiffies_at(&maps->clock, end * UINT64_C(1000000000));
}

/* All entries of the one into the other, which is larger. */
static int copy_table(int from, int to)
{
	struct live_key key, next, *previous = NULL; /* large enough for a key of any table */
	struct live_entry entry;
	int r;

	while ((r = bpf_map_get_next_key(from, previous, &next)) == 0) {
		r = bpf_map_lookup_elem(from, &next, &entry);
		if (r >= 0)
			r = bpf_map_update_elem(to, &next, &entry, BPF_ANY);
		if (r < 0)
			return r;
		key = next;
		previous = &key;
	}
	return r == -ENOENT ? 0 : r;
}

/* A table with more room takes the place of the one that is full, with the same entries. */
static int grow(struct live_maps *maps, uint32_t slot, enum live_table table)
{
	struct tables_of *tables = tables_of(maps, slot);
	uint32_t capacity = tables->capacity[table] * GROWTH;
	uint32_t index = LIVE_INDEX(slot, bank_of(maps, slot));
	_cleanup_close_ int fd = -1;
	int r;

	if (capacity > MAX_ENTRIES)
		return -E2BIG;
	fd = create_table(table, capacity);
	if (fd < 0)
		return fd;
	r = copy_table(tables->fds[table], fd);
	if (r >= 0 && tables != &maps->new)
		r = bpf_map_update_elem(maps->arrays_fd[table], &index, &fd, BPF_ANY);
	if (r < 0)
		return r;
	close_fd(&tables->fds[table]);
	tables->fds[table] = TAKE_FD(fd);
	tables->capacity[table] = capacity;
	return 0;
}

static int put_entry(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		     const struct live_entry *entry)
{
	enum live_table table = live_table_of(prefix);
	struct tables_of *tables = tables_of(maps, slot);
	struct live_key buffer;
	const void *key = table_key(table, prefix, &buffer);
	int r = bpf_map_update_elem(tables->fds[table], key, entry, BPF_ANY);

	if (r != -E2BIG || !is_hash(table))
		return r;
	r = grow(maps, slot, table);
	return r < 0 ? r : bpf_map_update_elem(tables->fds[table], key, entry, BPF_ANY);
}

int live_maps_put(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		  const struct live_times *times, uint32_t effective_end, const char *comment)
{
	const struct live_entry entry = {
		.until = until(maps, effective_end),
		.end = times->end,
		.since = times->since,
	};
	enum live_table table = live_table_of(prefix);
	int r;

	if (!live_maps_name(maps, slot))
		return -ENOENT;
	if (comment && comment[0]) {
		r = put_comment(maps, slot, prefix, comment);
		if (r < 0)
			return r;
	}
	if (maps->new_slot == slot)
		maps->new.filled[table] = true;
	else
		set_filled(maps, slot, table, true);
	r = put_entry(maps, slot, prefix, &entry);
	if (r >= 0 && comment && !comment[0])
		put_comment(maps, slot, prefix, "");
	return r;
}

int live_maps_remove(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		     bool has_comment)
{
	enum live_table table = live_table_of(prefix);
	struct live_key buffer;
	int r;

	if (!live_maps_name(maps, slot))
		return -ENOENT;
	r = bpf_map_delete_elem(tables_of(maps, slot)->fds[table],
				table_key(table, prefix, &buffer));
	if (r >= 0 && has_comment)
		put_comment(maps, slot, prefix, "");
	return r;
}

/* --- reading ----------------------------------------------------------------------------- */

/* The prefix of a key; false: it is none that we write. */
static bool prefix_of(enum live_table table, const struct live_key *key, struct live_prefix *ret)
{
	enum family family = family_of(table);
	unsigned int width = family == FAMILY_V4 ? 32 : 128;
	struct live_prefix prefix = { .family = family };

	if (is_hash(table)) {
		prefix.len = (uint8_t)(8 * table_kinds[table].key_size);
		memcpy(prefix.addr, key, table_kinds[table].key_size);
	} else {
		if (key->len > width)
			return false;
		prefix.len = (uint8_t)key->len;
		memcpy(prefix.addr, key->addr, width / 8);
	}
	if (live_table_of(&prefix) != table)
		return false;
	for (unsigned int bit = prefix.len; bit < 128; bit++)
		if (prefix.addr[bit / 8] & 0x80 >> bit % 8)
			return false;
	*ret = prefix;
	return true;
}

static int visit_entry(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		       const struct live_entry *entry, live_maps_visit *visit, void *context)
{
	const struct live_times times = { .end = entry->end, .since = entry->since };
	struct comment_key key = comment_key(slot, prefix);
	struct comment comment;
	bool has_comment = bpf_map_lookup_elem(maps->comments_fd, &key, &comment) == 0 &&
			   comment.len == key.len;

	comment.text[LIVE_COMMENT_MAX] = '\0';
	return visit(context, prefix, &times, has_comment ? comment.text : NULL);
}

static int each_of_table(struct live_maps *maps, uint32_t slot, enum live_table table,
			 live_maps_visit *visit, void *context)
{
	struct live_key key = {}, next = {}, *previous = NULL;
	int fd = maps->tables[slot].fds[table], r = 0;
	struct live_prefix prefix;
	struct live_entry entry;

	while (r == 0) {
		r = bpf_map_get_next_key(fd, previous, &next);
		if (r < 0)
			break;
		key = next;
		previous = &key;
		r = bpf_map_lookup_elem(fd, &key, &entry);
		if (r >= 0 && prefix_of(table, &key, &prefix))
			r = visit_entry(maps, slot, &prefix, &entry, visit, context);
	}
	return r == -ENOENT ? 0 : r;
}

int live_maps_each(struct live_maps *maps, uint32_t slot, live_maps_visit *visit, void *context)
{
	int r = 0;

	for (enum live_table table = 0; r == 0 && table < N_LIVE_TABLES; table++)
		r = each_of_table(maps, slot, table, visit, context);
	return r;
}

int live_maps_sweep_comments(struct live_maps *maps, live_maps_keep *keep, void *context)
{
	struct comment_key key = {}, next = {}, *previous = NULL;
	int r;

	while ((r = bpf_map_get_next_key(maps->comments_fd, previous, &next)) == 0) {
		struct live_prefix prefix = {
			.family = next.family,
			.len = next.len - COMMENT_KEY_BITS_AHEAD,
		};

		memcpy(prefix.addr, next.addr, sizeof(prefix.addr));
		if ((next.len < COMMENT_KEY_BITS_AHEAD || next.slot >= MAX_LIVE_SETS ||
		     next.family >= N_FAMILIES || !keep(context, next.slot, &prefix)) &&
		    bpf_map_delete_elem(maps->comments_fd, &next) == 0)
			continue; /* behind the last that was kept */
		key = next;
		previous = &key;
	}
	return r == -ENOENT ? 0 : r;
}

/* --- replacing --------------------------------------------------------------------------- */

int live_maps_begin(struct live_maps *maps, uint32_t slot, const size_t expected[N_FAMILIES],
		    struct diags *diags)
{
	int r;

	live_maps_abort(maps);
	kernel_forget();
	r = create_tables(&maps->new, expected);
	if (r < 0) {
		live_maps_abort(maps);
		return kernel_error(diags, r, "cannot make room for the live set '%s'",
				    maps->names[slot].text);
	}
	maps->new_slot = slot;
	return 0;
}

/*
 * Tables are entered in the bank that packets do not use, then one bit changes. Before that, packets
 * are told to ask all tables that either bank has entries in; with each change of an array the
 * kernel has waited for those that were on their way, so none combines the one bank with what it
 * knows of the other.
 */
int live_maps_commit(struct live_maps *maps, struct diags *diags)
{
	uint32_t slot = maps->new_slot;
	uint32_t bank = bank_of(maps, slot);
	int r;

	kernel_forget();
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		if (maps->new.filled[table])
			set_filled(maps, slot, table, true);
	r = enter_tables(maps, &maps->new, LIVE_INDEX(slot, !bank));
	if (r < 0) {
		live_maps_abort(maps);
		return kernel_error(diags, r, "cannot replace the entries of the live set '%s'",
				    maps->names[slot].text);
	}
	set_bit(&maps->state->banks, slot, !bank);
	/* Done: what follows is tidying up, of which the next start does what is left. */
	remove_tables(maps, LIVE_INDEX(slot, bank));
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		if (!maps->new.filled[table])
			set_filled(maps, slot, table, false);
	close_tables(&maps->tables[slot]);
	maps->tables[slot] = maps->new;
	maps->new = TABLES_NONE;
	maps->new_slot = NO_SLOT;
	return 0;
}

void live_maps_abort(struct live_maps *maps)
{
	close_tables(&maps->new);
	maps->new_slot = NO_SLOT;
}

uint64_t live_maps_jiffies(const struct live_maps *maps)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return jiffies_at(&maps->clock, now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
}

/* --- life -------------------------------------------------------------------------------- */

int live_maps_tables_fd(const struct live_maps *maps, enum live_table table)
{
	return maps->arrays_fd[table];
}

int live_maps_state_fd(const struct live_maps *maps)
{
	return maps->state_fd;
}

struct live_maps *live_maps_close(struct live_maps *maps)
{
	if (!maps)
		return NULL;
	live_maps_abort(maps);
	for (uint32_t slot = 0; slot < MAX_LIVE_SETS; slot++)
		close_slot(maps, slot);
	if (maps->state)
		munmap(maps->state, sizeof(*maps->state));
	close_fd(&maps->registry_fd);
	close_fd(&maps->state_fd);
	close_fd(&maps->comments_fd);
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		close_fd(&maps->arrays_fd[table]);
	free(maps);
	return NULL;
}

static void live_maps_closep(struct live_maps **maps)
{
	live_maps_close(*maps);
}

static struct live_maps *live_maps_new(void)
{
	struct live_maps *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return NULL;
	maps->registry_fd = maps->state_fd = maps->comments_fd = -1;
	maps->new_slot = NO_SLOT;
	maps->new = TABLES_NONE;
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		maps->arrays_fd[table] = -1;
	for (uint32_t slot = 0; slot < MAX_LIVE_SETS; slot++)
		maps->tables[slot] = TABLES_NONE;
	return maps;
}

static int open_maps(const struct pins *pins, struct live_maps *maps, struct diags *diags)
{
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++) {
		_cleanup_close_ int example = create_table(table, 1);

		if (example < 0)
			return kernel_error(diags, example, "cannot create live sets");
		r = maps->arrays_fd[table] =
			pinned_open(pins, FOLDER, array_names[table], &array_kind, example, diags);
	}
	if (r >= 0)
		r = maps->registry_fd =
			pinned_open(pins, FOLDER, "registry", &registry_kind, 0, diags);
	if (r >= 0)
		r = maps->state_fd = pinned_open(pins, FOLDER, "state", &state_kind, 0, diags);
	if (r >= 0)
		r = maps->comments_fd =
			pinned_open(pins, FOLDER, "comments", &comments_kind, 0, diags);
	return r;
}

static int map_state(struct live_maps *maps, struct diags *diags)
{
	void *memory = mmap(NULL, sizeof(*maps->state), PROT_READ | PROT_WRITE, MAP_SHARED,
			    maps->state_fd, 0);

	if (memory == MAP_FAILED)
		return kernel_error(diags, -errno, "cannot map the state of live sets");
	maps->state = memory;
	for (uint32_t slot = 0; slot < MAX_LIVE_SETS; slot++)
		maps->state->bits[slot] = UINT64_C(1) << slot;
	return 0;
}

/* Names and slots as they are pinned, believing only what can be. */
static int load_registry(struct live_maps *maps, struct diags *diags)
{
	struct live_name name, *previous = NULL;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < MAX_LIVE_SETS; i++) {
		struct live_owner owner;
		uint32_t slot, taken;

		r = bpf_map_get_next_key(maps->registry_fd, previous, &name);
		if (r == -ENOENT)
			return 0;
		previous = &name;
		if (r >= 0)
			r = bpf_map_lookup_elem(maps->registry_fd, &name, &owner);
		if (r < 0)
			return kernel_error(diags, r, "cannot read the registry of live sets");
		slot = owner.slot;
		if (slot >= MAX_LIVE_SETS || !name.text[0] || !memchr(name.text, '\0', NAME_LEN) ||
		    maps->names[slot].text[0] || live_maps_find(maps, name.text, &taken) == 0)
			continue;
		maps->names[slot] = name;
		maps->restored[slot] = owner.restored == 1;
		r = open_slot(maps, slot, diags);
	}
	return r;
}

int live_maps_open(const struct pins *pins, struct live_maps **ret, struct diags *diags)
{
	_cleanup_(live_maps_closep) struct live_maps *maps = live_maps_new();
	int r;

	if (!maps)
		return -ENOMEM;
	kernel_forget();
	r = jiffies_clock_read(&maps->clock, diags);
	if (r >= 0)
		r = open_maps(pins, maps, diags);
	if (r >= 0)
		r = map_state(maps, diags);
	if (r >= 0)
		r = load_registry(maps, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(maps);
	return 0;
}
