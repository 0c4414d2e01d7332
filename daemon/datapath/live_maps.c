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

struct live_maps {
	int registry_fd;          /* name to slot */
	int tries_fd[N_FAMILIES]; /* ARRAY_OF_MAPS by slot */
	int state_fd, comments_fd;
	struct live_state *state; /* mapped */
	struct jiffies_clock clock;
	struct live_name names[MAX_LIVE_SETS];
	int fds[MAX_LIVE_SETS][N_FAMILIES]; /* the tries; -1 */
	int new_fds[N_FAMILIES];            /* between begin and commit */
	uint32_t new_slot;                  /* NO_SLOT: no replacement is under way */
	bool new_filled[N_FAMILIES];
};

#define NO_SLOT UINT32_MAX

static const struct bpf_map_info trie_kinds[N_FAMILIES] = {
	[FAMILY_V4] = {
		.type = BPF_MAP_TYPE_LPM_TRIE,
		.name = "xdpgate_live4",
		.key_size = LIVE_KEY_SIZE_V4,
		.value_size = sizeof(struct live_entry),
		.max_entries = MAX_ENTRIES,
		.map_flags = BPF_F_NO_PREALLOC,
	},
	[FAMILY_V6] = {
		.type = BPF_MAP_TYPE_LPM_TRIE,
		.name = "xdpgate_live6",
		.key_size = LIVE_KEY_SIZE_V6,
		.value_size = sizeof(struct live_entry),
		.max_entries = MAX_ENTRIES,
		.map_flags = BPF_F_NO_PREALLOC,
	},
};
static const struct bpf_map_info tries_kind = {
	.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
	.name = "xdpgate_tries",
	.key_size = sizeof(uint32_t),
	.value_size = sizeof(uint32_t),
	.max_entries = MAX_LIVE_SETS,
};
static const struct bpf_map_info registry_kind = {
	.type = BPF_MAP_TYPE_HASH,
	.name = "xdpgate_sets",
	.key_size = sizeof(struct live_name),
	.value_size = sizeof(uint32_t),
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

static const char *const tries_names[N_FAMILIES] = { [FAMILY_V4] = "v4", [FAMILY_V6] = "v6" };

/* --- keys -------------------------------------------------------------------------------- */

static struct live_key live_key(const struct live_prefix *prefix)
{
	struct live_key key = { .len = prefix->len };

	memcpy(key.addr, prefix->addr, sizeof(key.addr));
	return key;
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

/* --- slots ------------------------------------------------------------------------------- */

static int create_trie(enum family family)
{
	const struct bpf_map_info *kind = &trie_kinds[family];
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kind->map_flags);

	return bpf_map_create(kind->type, kind->name, kind->key_size, kind->value_size,
			      kind->max_entries, &options);
}

/* The trie that stands in the slot; -ENOENT: none. */
static int open_trie(const struct live_maps *maps, uint32_t slot, enum family family)
{
	uint32_t id;
	int r = bpf_map_lookup_elem(maps->tries_fd[family], &slot, &id);

	return r < 0 ? r : bpf_map_get_fd_by_id(id);
}

/* Its tries, made if they are not there. */
static int open_slot(struct live_maps *maps, uint32_t slot, struct diags *diags)
{
	int r = 0;

	for (enum family family = 0; r >= 0 && family < N_FAMILIES; family++) {
		int fd = open_trie(maps, slot, family);

		if (fd == -ENOENT) {
			fd = create_trie(family);
			if (fd >= 0)
				r = bpf_map_update_elem(maps->tries_fd[family], &slot, &fd,
							BPF_ANY);
		}
		maps->fds[slot][family] = fd;
		if (fd < 0)
			r = fd;
	}
	return r < 0 ? kernel_error(diags, r, "cannot open the live set '%s'",
				    maps->names[slot].text)
		     : 0;
}

static void close_slot(struct live_maps *maps, uint32_t slot)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		close_fd(&maps->fds[slot][family]);
	maps->names[slot] = (struct live_name){};
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
		r = bpf_map_update_elem(maps->registry_fd, &maps->names[slot], &slot, BPF_ANY);
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
		live_maps_set_filled(maps, slot, family, false);
	r = bpf_map_delete_elem(maps->registry_fd, &maps->names[slot]);
	for (enum family family = 0; r >= 0 && family < N_FAMILIES; family++)
		r = bpf_map_delete_elem(maps->tries_fd[family], &slot);
	if (r >= 0)
		close_slot(maps, slot);
	return r;
}

/* --- entries ----------------------------------------------------------------------------- */

void live_maps_set_filled(struct live_maps *maps, uint32_t slot, enum family family, bool filled)
{
	uint64_t bit = UINT64_C(1) << slot;

	if (filled)
		__atomic_fetch_or(&maps->state->filled[family], bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&maps->state->filled[family], ~bit, __ATOMIC_SEQ_CST);
}

static bool is_replacing(const struct live_maps *maps, uint32_t slot)
{
	return maps->new_slot == slot;
}

static int trie_fd(const struct live_maps *maps, uint32_t slot, enum family family)
{
	if (slot >= MAX_LIVE_SETS || family >= N_FAMILIES)
		return -EINVAL;
	return is_replacing(maps, slot) ? maps->new_fds[family] : maps->fds[slot][family];
}

static int put_comment(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		       const char *text)
{
	struct comment_key key = comment_key(slot, prefix);
	struct comment comment = { .len = key.len };
	int r;

	if (!text) {
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

int live_maps_put(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		  const struct live_times *times, uint32_t effective_end, const char *comment)
{
	struct live_key key = live_key(prefix);
	struct live_entry entry = {
		.until = until(maps, effective_end),
		.end = times->end,
		.since = times->since,
	};
	int fd = trie_fd(maps, slot, prefix->family), r;

	if (fd < 0)
		return fd;
	if (comment) {
		r = put_comment(maps, slot, prefix, comment);
		if (r < 0)
			return r;
	}
	if (is_replacing(maps, slot))
		maps->new_filled[prefix->family] = true;
	else
		live_maps_set_filled(maps, slot, prefix->family, true);
	r = bpf_map_update_elem(fd, &key, &entry, BPF_ANY);
	if (r >= 0 && !comment)
		put_comment(maps, slot, prefix, NULL);
	return r;
}

int live_maps_remove(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		     bool has_comment)
{
	struct live_key key = live_key(prefix);
	int fd = trie_fd(maps, slot, prefix->family), r;

	if (fd < 0)
		return fd;
	r = bpf_map_delete_elem(fd, &key);
	if (r >= 0 && has_comment)
		put_comment(maps, slot, prefix, NULL);
	return r;
}

/* --- reading ----------------------------------------------------------------------------- */

static bool is_valid(const struct live_key *key, enum family family)
{
	unsigned int width = family == FAMILY_V4 ? 32 : 128;

	if (key->len > width)
		return false;
	for (unsigned int bit = key->len; bit < 128; bit++)
		if (key->addr[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

static int visit_entry(struct live_maps *maps, uint32_t slot, enum family family,
		       const struct live_key *key, live_maps_visit *visit, void *context)
{
	struct live_prefix prefix = { .family = family, .len = key->len };
	struct live_entry entry;
	struct live_times times;
	struct comment comment;
	struct comment_key commented;
	bool has_comment;
	int r;

	r = bpf_map_lookup_elem(maps->fds[slot][family], key, &entry);
	if (r < 0)
		return r;
	memcpy(prefix.addr, key->addr, sizeof(prefix.addr));
	times = (struct live_times){ .end = entry.end, .since = entry.since };
	commented = comment_key(slot, &prefix);
	has_comment = bpf_map_lookup_elem(maps->comments_fd, &commented, &comment) == 0 &&
		      comment.len == commented.len;
	comment.text[LIVE_COMMENT_MAX] = '\0';
	return visit(context, &prefix, &times, has_comment ? comment.text : NULL);
}

int live_maps_each(struct live_maps *maps, uint32_t slot, live_maps_visit *visit, void *context)
{
	int r = 0;

	for (enum family family = 0; r == 0 && family < N_FAMILIES; family++) {
		struct live_key key = {}, next = {}, *previous = NULL;
		int fd = maps->fds[slot][family];

		while (r == 0) {
			r = bpf_map_get_next_key(fd, previous, &next);
			if (r < 0)
				break;
			key = next;
			previous = &key;
			if (is_valid(&key, family))
				r = visit_entry(maps, slot, family, &key, visit, context);
		}
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* --- replacing --------------------------------------------------------------------------- */

int live_maps_begin(struct live_maps *maps, uint32_t slot, struct diags *diags)
{
	int r = 0;

	live_maps_abort(maps);
	kernel_forget();
	for (enum family family = 0; r >= 0 && family < N_FAMILIES; family++) {
		maps->new_filled[family] = false;
		r = maps->new_fds[family] = create_trie(family);
	}
	if (r < 0) {
		live_maps_abort(maps);
		return kernel_error(diags, r, "cannot make room for the live set '%s'",
				    maps->names[slot].text);
	}
	maps->new_slot = slot;
	return 0;
}

/* A family is wholly of the old entries or wholly of the new, and so is each packet. */
int live_maps_commit(struct live_maps *maps, struct diags *diags)
{
	uint32_t slot = maps->new_slot;
	int r = 0;

	kernel_forget();
	for (enum family family = 0; r >= 0 && family < N_FAMILIES; family++) {
		if (maps->new_filled[family])
			live_maps_set_filled(maps, slot, family, true);
		r = bpf_map_update_elem(maps->tries_fd[family], &slot, &maps->new_fds[family],
					BPF_ANY);
		if (r < 0)
			break;
		if (!maps->new_filled[family])
			live_maps_set_filled(maps, slot, family, false);
		close_fd(&maps->fds[slot][family]);
		maps->fds[slot][family] = TAKE_FD(maps->new_fds[family]);
	}
	live_maps_abort(maps);
	return r < 0 ? kernel_error(diags, r, "cannot replace the entries of the live set '%s'",
				    maps->names[slot].text)
		     : 0;
}

void live_maps_abort(struct live_maps *maps)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		close_fd(&maps->new_fds[family]);
	maps->new_slot = NO_SLOT;
}

/* --- life -------------------------------------------------------------------------------- */

int live_maps_v4_fd(const struct live_maps *maps)
{
	return maps->tries_fd[FAMILY_V4];
}

int live_maps_v6_fd(const struct live_maps *maps)
{
	return maps->tries_fd[FAMILY_V6];
}

int live_maps_state_fd(const struct live_maps *maps)
{
	return maps->state_fd;
}

uint32_t live_maps_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
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
	for (enum family family = 0; family < N_FAMILIES; family++)
		close_fd(&maps->tries_fd[family]);
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
	for (enum family family = 0; family < N_FAMILIES; family++) {
		maps->tries_fd[family] = maps->new_fds[family] = -1;
		for (uint32_t slot = 0; slot < MAX_LIVE_SETS; slot++)
			maps->fds[slot][family] = -1;
	}
	return maps;
}

static int open_maps(const struct pins *pins, struct live_maps *maps, struct diags *diags)
{
	int r = 0;

	for (enum family family = 0; r >= 0 && family < N_FAMILIES; family++) {
		_cleanup_close_ int example = create_trie(family);

		if (example < 0)
			return kernel_error(diags, example, "cannot create live sets");
		r = maps->tries_fd[family] =
			pinned_open(pins, FOLDER, tries_names[family], &tries_kind, example, diags);
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
		uint32_t slot, taken;

		r = bpf_map_get_next_key(maps->registry_fd, previous, &name);
		if (r == -ENOENT)
			return 0;
		previous = &name;
		if (r >= 0)
			r = bpf_map_lookup_elem(maps->registry_fd, &name, &slot);
		if (r < 0)
			return kernel_error(diags, r, "cannot read the registry of live sets");
		if (slot >= MAX_LIVE_SETS || !name.text[0] || !memchr(name.text, '\0', NAME_LEN) ||
		    maps->names[slot].text[0] || live_maps_find(maps, name.text, &taken) == 0)
			continue;
		maps->names[slot] = name;
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
