/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_comments.c: comments of entries, of all live sets in one map, since few entries have any. Crash
 * by crash: a comment is written before its entry and removed after it, so at any moment each entry
 * has its own; those without an entry are swept away when entries are read.
 */
#include "live_maps_internal.h"

#include <bpf/bpf.h>
#include <string.h>

#include "pinned.h"
#include "util.h"

#define KEY_BITS_AHEAD 16
#define MAX_COMMENTS (64U << 20)

/* An LPM_TRIE, since it takes no memory for what it does not hold. Found is the longest that covers
 * the key, so the value says whose it is. */
struct comment_key {
	uint32_t len; /* KEY_BITS_AHEAD + prefix length */
	uint8_t slot, family, addr[16];
};
#define COMMENT_KEY_SIZE 22

struct comment {
	uint32_t len; /* as of its key */
	char text[LIVE_COMMENT_MAX + 1];
};

static const struct bpf_map_info comments_kind = {
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.name = "xdpgate_notes",
	.key_size = COMMENT_KEY_SIZE,
	.value_size = sizeof(struct comment),
	.max_entries = MAX_COMMENTS,
	.map_flags = BPF_F_NO_PREALLOC,
};

int comments_open(const struct pins *pins, struct live_maps *maps, struct diags *diags)
{
	maps->comments_fd = pinned_open(pins, LIVE_FOLDER, "comments", &comments_kind, 0, diags);
	return maps->comments_fd;
}

static struct comment_key comment_key(uint32_t slot, const struct live_prefix *prefix)
{
	struct comment_key key = {
		.len = KEY_BITS_AHEAD + prefix->len,
		.slot = slot,
		.family = prefix->family,
	};

	memcpy(key.addr, prefix->addr, sizeof(key.addr));
	return key;
}

int comment_put(const struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
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

bool comment_get(const struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		 char ret[static LIVE_COMMENT_MAX + 1])
{
	struct comment_key key = comment_key(slot, prefix);
	struct comment comment;

	if (bpf_map_lookup_elem(maps->comments_fd, &key, &comment) < 0 || comment.len != key.len)
		return false;
	memcpy(ret, comment.text, LIVE_COMMENT_MAX);
	ret[LIVE_COMMENT_MAX] = '\0';
	return true;
}

int live_maps_sweep_comments(struct live_maps *maps, live_maps_keep *keep, void *context)
{
	struct comment_key key = {}, next = {}, *previous = NULL;
	int r;

	while ((r = bpf_map_get_next_key(maps->comments_fd, previous, &next)) == 0) {
		struct live_prefix prefix = {
			.family = next.family,
			.len = next.len - KEY_BITS_AHEAD,
		};

		memcpy(prefix.addr, next.addr, sizeof(prefix.addr));
		if ((next.len < KEY_BITS_AHEAD || next.slot >= MAX_LIVE_SETS ||
		     next.family >= N_FAMILIES || !keep(context, next.slot, &prefix)) &&
		    bpf_map_delete_elem(maps->comments_fd, &next) == 0)
			continue; /* behind the last that was kept */
		key = next;
		previous = &key;
	}
	return r == -ENOENT ? 0 : r;
}
