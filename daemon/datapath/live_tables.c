/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_tables.c: the tables of a live set; see abi.h.
 */
#include "live_maps_internal.h"

#include <bpf/bpf.h>
#include <string.h>

#include "kernel.h"
#include "pinned.h"
#include "util.h"

#define MAX_ENTRIES (64U << 20) /* of a trie, which takes memory for those only that it has */
#define FIRST_CAPACITY 1024
#define GROWTH 4

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

enum family table_family(enum live_table table)
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

/* The prefix of a key; false: it is none that we write. */
static bool prefix_of(enum live_table table, const struct live_key *key, struct live_prefix *ret)
{
	enum family family = table_family(table);
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

/* --- tables ------------------------------------------------------------------------------ */

static int create_table(enum live_table table, uint32_t capacity)
{
	const struct bpf_map_info *kind = &table_kinds[table];
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kind->map_flags);

	return bpf_map_create(kind->type, kind->name, kind->key_size, kind->value_size, capacity,
			      &options);
}

void tables_close(struct tables_of *tables)
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

void tables_expect(struct tables_of *tables, const size_t expected[N_FAMILIES])
{
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		if (is_hash(table))
			tables->capacity[table] = capacity_for(expected[table_family(table)]);
}

int tables_enter(const struct live_maps *maps, const struct tables_of *tables, uint32_t index)
{
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++)
		if (tables->fds[table] >= 0)
			r = bpf_map_update_elem(maps->arrays_fd[table], &index, &tables->fds[table],
						BPF_ANY);
	return r;
}

int tables_remove(const struct live_maps *maps, uint32_t index)
{
	uint32_t id;
	int r = 0;

	/* A look costs nothing, where removing has the kernel wait even if there is nothing. */
	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++) {
		r = bpf_map_lookup_elem(maps->arrays_fd[table], &index, &id);
		if (r >= 0)
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

int tables_find(const struct live_maps *maps, uint32_t index, struct tables_of *ret)
{
	struct tables_of tables = TABLES_NONE;

	for (enum live_table table = 0; table < N_LIVE_TABLES; table++) {
		int fd = open_table(maps, index, table, &tables.capacity[table]);

		if (fd == -ENOENT)
			continue;
		if (fd < 0) {
			tables_close(&tables);
			return fd;
		}
		tables.fds[table] = fd;
	}
	*ret = tables;
	return 0;
}

/* --- entries ----------------------------------------------------------------------------- */

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

/* A table with more room takes the place of the one that is full, with the same entries; or the first
 * comes. */
static int make_table(const struct live_maps *maps, struct tables_of *tables, uint32_t index,
		      enum live_table table, uint32_t capacity)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (capacity > MAX_ENTRIES)
		return -E2BIG;
	fd = r = create_table(table, capacity);
	if (r >= 0 && tables->fds[table] >= 0)
		r = copy_table(tables->fds[table], fd);
	if (r >= 0 && index != NO_SLOT)
		r = bpf_map_update_elem(maps->arrays_fd[table], &index, &fd, BPF_ANY);
	if (r < 0)
		return r;
	close_fd(&tables->fds[table]);
	tables->fds[table] = TAKE_FD(fd);
	tables->capacity[table] = capacity;
	return 0;
}

static uint32_t first_capacity(const struct tables_of *tables, enum live_table table)
{
	if (!is_hash(table))
		return MAX_ENTRIES;
	return tables->capacity[table] ? tables->capacity[table] : FIRST_CAPACITY;
}

int tables_put(const struct live_maps *maps, struct tables_of *tables, uint32_t index,
	       const struct live_prefix *prefix, const struct live_entry *entry)
{
	enum live_table table = live_table_of(prefix);
	struct live_key buffer;
	const void *key = table_key(table, prefix, &buffer);
	int r = 0;

	if (tables->fds[table] < 0)
		r = make_table(maps, tables, index, table, first_capacity(tables, table));
	if (r >= 0)
		r = bpf_map_update_elem(tables->fds[table], key, entry, BPF_ANY);
	if (r != -E2BIG || !is_hash(table))
		return r;
	r = make_table(maps, tables, index, table, tables->capacity[table] * GROWTH);
	return r < 0 ? r : bpf_map_update_elem(tables->fds[table], key, entry, BPF_ANY);
}

int tables_delete(const struct tables_of *tables, const struct live_prefix *prefix)
{
	enum live_table table = live_table_of(prefix);
	struct live_key buffer;

	if (tables->fds[table] < 0)
		return -ENOENT;
	return bpf_map_delete_elem(tables->fds[table], table_key(table, prefix, &buffer));
}

static int each_of_table(int fd, enum live_table table, table_visit *visit, void *context)
{
	struct live_key key = {}, next = {}, *previous = NULL;
	struct live_prefix prefix;
	struct live_entry entry;
	int r = 0;

	while (r == 0) {
		r = bpf_map_get_next_key(fd, previous, &next);
		if (r < 0)
			break;
		key = next;
		previous = &key;
		r = bpf_map_lookup_elem(fd, &key, &entry);
		if (r >= 0 && prefix_of(table, &key, &prefix))
			r = visit(context, &prefix, &entry);
	}
	return r == -ENOENT ? 0 : r;
}

int tables_each(const struct tables_of *tables, table_visit *visit, void *context)
{
	int r = 0;

	for (enum live_table table = 0; r == 0 && table < N_LIVE_TABLES; table++)
		if (tables->fds[table] >= 0)
			r = each_of_table(tables->fds[table], table, visit, context);
	return r;
}

int tables_open_arrays(const struct pins *pins, struct live_maps *maps, struct diags *diags)
{
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++) {
		_cleanup_close_ int example = create_table(table, 1);

		if (example < 0)
			return kernel_error(diags, example, "cannot create live sets");
		r = maps->arrays_fd[table] = pinned_open(pins, LIVE_FOLDER, array_names[table],
							 &array_kind, example, diags);
	}
	return r;
}

int tables_view_arrays(const struct pins *pins, struct live_maps *maps, struct diags *diags)
{
	int r = 0;

	for (enum live_table table = 0; r >= 0 && table < N_LIVE_TABLES; table++)
		r = maps->arrays_fd[table] =
			pinned_view(pins, LIVE_FOLDER, array_names[table], &array_kind, diags);
	return r;
}
