/* SPDX-License-Identifier: GPL-2.0-only */
/* peers.c: loading the plain programs, see peers.h. */
#include "peers.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <string.h>

#include "kernel.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "peers.skel.h"
#pragma GCC diagnostic pop

#define BATCH 4096

struct peer {
	struct peers_bpf *bpf;
	int fd;
};

struct peer *peer_free(struct peer *peer)
{
	if (!peer)
		return NULL;
	peers_bpf__destroy(peer->bpf);
	free(peer);
	return NULL;
}

static void peer_freep(struct peer **peer)
{
	peer_free(*peer);
}

int peer_fd(const struct peer *peer)
{
	return peer->fd;
}

static struct peer *peer_new(void)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->bpf = peers_bpf__open();
	return peer->bpf ? peer : peer_free(peer);
}

/* Load the one program that is asked for. */
static int load(struct peer *peer, struct bpf_program *wanted, const char **ret_refused)
{
	struct bpf_program *program;
	int r;

	bpf_object__for_each_program(program, peer->bpf->obj)
	{
		bpf_program__set_autoload(program, program == wanted);
		bpf_program__set_expected_attach_type(program, 0);
		bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
	}
	kernel_forget();
	r = peers_bpf__load(peer->bpf);
	if (r < 0 && ret_refused)
		*ret_refused = kernel_words();
	peer->fd = r < 0 ? -1 : bpf_program__fd(wanted);
	return r;
}

int peer_drop(struct peer **ret)
{
	_cleanup_(peer_freep) struct peer *peer = peer_new();
	int r = peer ? load(peer, peer->bpf->progs.peer_drop, NULL) : -ENOMEM;

	if (r >= 0)
		*ret = TAKE_PTR(peer);
	return r;
}

/* --- longest prefix match ----------------------------------------------------------------- */

#define KEY_MAX (sizeof(uint32_t) + 16)

static int fill_trie(int fd, const struct prefix_list *list, enum family family)
{
	size_t key_size = sizeof(uint32_t) + (family == FAMILY_V4 ? 4 : 16);
	_cleanup_free_ uint8_t *keys = calloc(BATCH, KEY_MAX);
	_cleanup_free_ uint32_t *values = calloc(BATCH, sizeof(*values));
	__u32 n = 0;

	if (!keys || !values)
		return -ENOMEM;
	for (size_t i = 0; i <= list->n; i++) {
		const struct list_prefix *prefix = &list->prefixes[i];

		if (n == BATCH || (n && i == list->n)) {
			int r = bpf_map_update_batch(fd, keys, values, &n, NULL);

			if (r < 0)
				return r;
			n = 0;
		}
		if (i == list->n || prefix->family != family)
			continue;
		uint8_t *key = keys + n * key_size;
		uint32_t len = prefix->len;

		memcpy(key, &len, sizeof(len));
		for (size_t j = 0; j < key_size - sizeof(len); j++)
			key[sizeof(len) + j] = (uint8_t)(prefix->addr >> (120 - 8 * j));
		values[n++] = 1;
	}
	return 0;
}

int peer_lpm(const struct prefix_list *list, struct peer **ret, const char **ret_refused)
{
	_cleanup_(peer_freep) struct peer *peer = peer_new();
	int r;

	if (!peer)
		return -ENOMEM;
	bpf_map__set_max_entries(peer->bpf->maps.trie_v4, (uint32_t)list->n + 1);
	bpf_map__set_max_entries(peer->bpf->maps.trie_v6, (uint32_t)list->n + 1);
	r = load(peer, peer->bpf->progs.peer_lpm, ret_refused);
	if (r >= 0)
		r = fill_trie(bpf_map__fd(peer->bpf->maps.trie_v4), list, FAMILY_V4);
	if (r >= 0)
		r = fill_trie(bpf_map__fd(peer->bpf->maps.trie_v6), list, FAMILY_V6);
	if (r >= 0)
		*ret = TAKE_PTR(peer);
	return r;
}

/* --- linear scan -------------------------------------------------------------------------- */

int peer_scan(const struct scan_rule *rules, uint32_t n, enum scan_way way, struct peer **ret,
	      const char **ret_refused)
{
	static struct scan_rule all[SCAN_MAX_RULES];
	_cleanup_(peer_freep) struct peer *peer = peer_new();
	uint32_t zero = 0;
	int r;

	if (!peer)
		return -ENOMEM;
	if (n > SCAN_MAX_RULES)
		return -E2BIG;
	peer->bpf->rodata->n_rules = n;
	r = load(peer,
		 way == SCAN_LOOP ? peer->bpf->progs.peer_scan_loop
				  : peer->bpf->progs.peer_scan_helper,
		 ret_refused);
	memcpy(all, rules, n * sizeof(*rules));
	if (r >= 0)
		r = bpf_map_update_elem(bpf_map__fd(peer->bpf->maps.rules), &zero, all, BPF_ANY);
	if (r >= 0)
		*ret = TAKE_PTR(peer);
	return r;
}
