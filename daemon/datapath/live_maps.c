/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_maps.c: which slot is whose, what is in it, and all of it replaced in one moment.
 */
#include "live_maps_internal.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "kernel.h"
#include "pinned.h"
#include "util.h"

/* Value of the registry. */
struct live_owner {
	uint32_t slot;
	uint32_t restored; /* bool */
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

/* --- slots ------------------------------------------------------------------------------- */

static uint32_t bank_of(const struct live_maps *maps, uint32_t slot)
{
	return maps->state->banks >> slot & 1;
}

/* The tables that are there. */
static int open_slot(struct live_maps *maps, uint32_t slot, struct diags *diags)
{
	struct tables_of *tables = &maps->tables[slot];
	uint32_t bank = bank_of(maps, slot);
	int r = tables_find(maps, LIVE_INDEX(slot, bank), tables);

	/* What a replacement that was interrupted has left. */
	if (r >= 0)
		r = tables_remove(maps, LIVE_INDEX(slot, !bank));
	if (r < 0)
		return kernel_error(diags, r, "cannot open the live set '%s'",
				    maps->names[slot].text);
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		tables->filled[table] = maps->state->filled[table] >> slot & 1;
	return 0;
}

static void close_slot(struct live_maps *maps, uint32_t slot)
{
	tables_close(&maps->tables[slot]);
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
	if (maps->view) {
		*ret_slot = slot;
		return 0;
	}
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

	if (maps->view)
		return -EROFS;
	if (!live_maps_name(maps, slot))
		return -ENOENT;
	for (enum family family = 0; family < N_FAMILIES; family++)
		live_maps_is_empty(maps, slot, family);
	r = bpf_map_delete_elem(maps->registry_fd, &maps->names[slot]);
	for (uint32_t bank = 0; r >= 0 && bank < LIVE_BANKS; bank++)
		r = tables_remove(maps, LIVE_INDEX(slot, bank));
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
		if (table_family(table) == family)
			set_filled(maps, slot, table, false);
}

static uint64_t until(const struct live_maps *maps, uint32_t end)
{
	return end == LIVE_FOREVER ? LIVE_UNTIL_FOREVER
				   : jiffies_at(&maps->clock, end * UINT64_C(1000000000));
}

static int put_entry(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		     const struct live_entry *entry)
{
	enum live_table table = live_table_of(prefix);

	if (maps->new_slot == slot) {
		maps->new.filled[table] = true;
		return tables_put(maps, &maps->new, NO_SLOT, prefix, entry);
	}
	set_filled(maps, slot, table, true);
	return tables_put(maps, &maps->tables[slot], LIVE_INDEX(slot, bank_of(maps, slot)), prefix,
			  entry);
}

int live_maps_put(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		  const struct live_times *times, uint32_t effective_end, const char *comment)
{
	const struct live_entry entry = {
		.until = until(maps, effective_end),
		.end = times->end,
		.since = times->since,
	};
	int r = 0;

	if (maps->view)
		return -EROFS;
	if (!live_maps_name(maps, slot))
		return -ENOENT;
	if (comment && comment[0])
		r = comment_put(maps, slot, prefix, comment);
	if (r >= 0)
		r = put_entry(maps, slot, prefix, &entry);
	if (r >= 0 && comment && !comment[0])
		comment_put(maps, slot, prefix, "");
	return r;
}

int live_maps_remove(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		     bool has_comment)
{
	int r;

	if (maps->view)
		return -EROFS;
	if (!live_maps_name(maps, slot))
		return -ENOENT;
	r = tables_delete(maps->new_slot == slot ? &maps->new : &maps->tables[slot], prefix);
	if (r >= 0 && has_comment)
		comment_put(maps, slot, prefix, "");
	return r;
}

struct reading {
	const struct live_maps *maps;
	uint32_t slot;
	live_maps_visit *visit;
	void *context;
};

static int visit_entry(void *context, const struct live_prefix *prefix,
		       const struct live_entry *entry)
{
	const struct reading *reading = context;
	const struct live_times times = { .end = entry->end, .since = entry->since };
	char comment[LIVE_COMMENT_MAX + 1];
	bool has_comment = comment_get(reading->maps, reading->slot, prefix, comment);

	return reading->visit(reading->context, prefix, &times, has_comment ? comment : NULL);
}

int live_maps_each(struct live_maps *maps, uint32_t slot, live_maps_visit *visit, void *context)
{
	struct reading reading = { maps, slot, visit, context };

	return tables_each(&maps->tables[slot], visit_entry, &reading);
}

/* --- replacing --------------------------------------------------------------------------- */

void live_maps_begin(struct live_maps *maps, uint32_t slot, const size_t expected[N_FAMILIES])
{
	live_maps_abort(maps);
	if (expected)
		tables_expect(&maps->new, expected);
	maps->new_slot = slot;
}

/*
 * Tables are entered in the bank that packets do not use, then one bit changes. Before that, packets
 * are told to ask all tables that either bank has entries in; with each change of an array the
 * kernel has waited for those that were on their way, so none combines the one bank with what it
 * knows of the other. Nor is the old bank emptied under a packet that has just seen that it is to
 * ask there.
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
	r = tables_enter(maps, &maps->new, LIVE_INDEX(slot, !bank));
	if (r < 0) {
		live_maps_abort(maps);
		return kernel_error(diags, r, "cannot replace the entries of the live set '%s'",
				    maps->names[slot].text);
	}
	set_bit(&maps->state->banks, slot, !bank);
	kernel_wait_for_packets();
	/* Done: what follows is tidying up, of which the next start does what is left. */
	tables_remove(maps, LIVE_INDEX(slot, bank));
	for (enum live_table table = 0; table < N_LIVE_TABLES; table++)
		if (!maps->new.filled[table])
			set_filled(maps, slot, table, false);
	tables_close(&maps->tables[slot]);
	maps->tables[slot] = maps->new;
	maps->new = TABLES_NONE;
	maps->new_slot = NO_SLOT;
	return 0;
}

void live_maps_abort(struct live_maps *maps)
{
	tables_close(&maps->new);
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
	int r = tables_open_arrays(pins, maps, diags);

	if (r >= 0)
		r = maps->registry_fd =
			pinned_open(pins, LIVE_FOLDER, "registry", &registry_kind, 0, diags);
	if (r >= 0)
		r = maps->state_fd = pinned_open(pins, LIVE_FOLDER, "state", &state_kind, 0, diags);
	return r < 0 ? r : comments_open(pins, maps, diags);
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
		r = maps->view ? 0 : open_slot(maps, slot, diags);
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

static int view_maps(const struct pins *pins, struct live_maps *maps, struct diags *diags)
{
	int r = tables_view_arrays(pins, maps, diags);

	if (r >= 0)
		r = maps->registry_fd =
			pinned_view(pins, LIVE_FOLDER, "registry", &registry_kind, diags);
	if (r >= 0)
		r = maps->state_fd = pinned_view(pins, LIVE_FOLDER, "state", &state_kind, diags);
	return r;
}

int live_maps_view(const char *pin_dir, struct live_maps **ret, struct diags *diags)
{
	_cleanup_(live_maps_closep) struct live_maps *maps = live_maps_new();
	struct pins pins = { .lock_fd = -1 };
	int r;

	if (!maps)
		return -ENOMEM;
	if (snprintf(pins.path, sizeof(pins.path), "%s", pin_dir) >= (int)sizeof(pins.path))
		return -ENAMETOOLONG;
	maps->view = true;
	kernel_forget();
	r = view_maps(&pins, maps, diags);
	if (r >= 0)
		r = load_registry(maps, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(maps);
	return 0;
}
