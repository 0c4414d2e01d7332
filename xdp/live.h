/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.h: live sets, whose prefixes come and go while this program runs. Rows cannot say whether
 * an address lies in one, so the bits of rules that name one are set wherever they may match, and
 * asked about here when they are found; see abi.h.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "classify.h"
#include "config.h"
#include "packet.h"
#include "table.h"

TABLE_MAP(extras, sizeof(struct rule_extra));

/* By LIVE_INDEX(). */
#define LIVE_TABLE(id, name, table_type, table_key_size)                                           \
	struct name##_table {                                                                      \
		__uint(type, table_type);                                                          \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, 1);                                                            \
		__uint(key_size, table_key_size);                                                  \
		__uint(value_size, sizeof(struct live_entry));                                     \
	};                                                                                         \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, MAX_LIVE_SETS *LIVE_BANKS);                                    \
		__type(key, __u32);                                                                \
		__array(values, struct name##_table);                                              \
	} name SEC(".maps");
LIVE_TABLES(LIVE_TABLE)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct live_state);
} live_state SEC(".maps");

/* The functions here that are judged by themselves begin with config.uses_live, so that a policy
 * without live sets needs none of the maps. */

static __always_inline bool live_is_on(const struct live_entry *entry)
{
	return entry->until == LIVE_UNTIL_FOREVER || bpf_jiffies64() < entry->until;
}

/* The entry of the address in the table at the index, or NULL. */
#define LIVE_ENTRY(name, index, key)                                                               \
	({                                                                                         \
		void *_table = bpf_map_lookup_elem(&(name), &(index));                             \
		_table ? bpf_map_lookup_elem(_table, key) : NULL;                                  \
	})

/* Does a table at the index have the address? One function for both fields; nets: the wider
 * prefixes. An address' own entry knows of those that cover it. A key must be on the stack of who
 * looks it up: so says the verifier of Linux 6.1. */
__noinline int live_ask_hosts(__u32 index, const struct live_key *wanted, __u32 v6)
{
	const struct live_entry *entry;
	struct live_key key;

	if (!config.uses_live || !wanted)
		return -1;
	key = *wanted;
	entry = v6 ? LIVE_ENTRY(live_hosts_v6, index, key.addr)
		   : LIVE_ENTRY(live_hosts_v4, index, key.addr);
	return entry ? live_is_on(entry) : -1;
}

/* An IPv6 /64. One that has ended says nothing: there may be longer prefixes within. */
__noinline int live_ask_sites(__u32 index, const struct live_key *wanted)
{
	const struct live_entry *entry;
	struct live_key key;

	if (!config.uses_live || !wanted)
		return 0;
	key = *wanted;
	entry = LIVE_ENTRY(live_sites_v6, index, key.addr);
	return entry && live_is_on(entry);
}

__noinline int live_ask_nets(__u32 index, const struct live_key *wanted, __u32 v6)
{
	const struct live_entry *entry;
	struct live_key key;

	if (!config.uses_live || !wanted)
		return 0;
	key = *wanted;
	entry = v6 ? LIVE_ENTRY(live_nets_v6, index, &key) : LIVE_ENTRY(live_nets_v4, index, &key);
	return entry && live_is_on(entry);
}

static __always_inline void live_make_key(const struct packet *packet, enum address_field field,
					  struct live_key *key)
{
	__u64 hi = bpf_cpu_to_be64(packet->address[field][0]);
	__u64 lo = bpf_cpu_to_be64(packet->address[field][1]);

	if (packet->family == FAMILY_V4) {
		key->len = 32;
		hi = bpf_htonl((__u32)packet->address[field][0]);
	} else {
		key->len = 128;
	}
	__builtin_memcpy(key->addr, &hi, sizeof(hi));
	__builtin_memcpy(key->addr + 8, &lo, sizeof(lo));
}

/* The slots whose sets hold the packet's source, or destination. */
static __always_inline __u64 live_holding(const struct packet *packet, enum address_field field,
					  const struct live_state *sets, __u64 banks)
{
	__u32 v6 = packet->family == FAMILY_V6;
	__u64 hosts = sets->filled[v6 ? LIVE_HOSTS_V6 : LIVE_HOSTS_V4];
	__u64 sites = v6 ? sets->filled[LIVE_SITES_V6] : 0;
	__u64 nets = sets->filled[v6 ? LIVE_NETS_V6 : LIVE_NETS_V4];
	__u64 holding = 0;
	struct live_key key;

	if (!(hosts | sites | nets))
		return 0;
	live_make_key(packet, field, &key);
	for (__u32 i = 0; i < MAX_LIVE_SETS && i < config.n_live[field]; i++) {
		__u32 slot = config.live_slots[field][i] % MAX_LIVE_SETS;
		__u64 bit = sets->bits[slot];
		__u32 index = LIVE_INDEX(slot, (banks & bit) != 0);
		int held = hosts & bit ? live_ask_hosts(index, &key, v6) : -1;

		if (held < 0)
			held = (sites & bit && live_ask_sites(index, &key)) ||
			       (nets & bit && live_ask_nets(index, &key, v6));
		if (held)
			holding |= bit;
	}
	return holding;
}

/* Look the packet's addresses up in all live sets that the policy names. */
__noinline int live_find(const struct packet *packet, struct classification *state)
{
	const struct live_state *sets;
	__u64 banks;

	if (!config.uses_live || !packet || !state)
		return 0;
	sets = table(&live_state);
	if (!sets)
		return 0;
	/* Once: a set that is replaced meanwhile is the old one for both addresses, or the new. */
	banks = *(const volatile __u64 *)&sets->banks;
	state->live_known = 1;
	if (config.n_live[ADDRESS_SRC])
		state->live[ADDRESS_SRC] = live_holding(packet, ADDRESS_SRC, sets, banks);
	if (config.n_live[ADDRESS_DST])
		state->live[ADDRESS_DST] = live_holding(packet, ADDRESS_DST, sets, banks);
	return 0;
}

/* Is the condition on the field true, whose row has the rule's bit set? */
static __always_inline bool live_condition(const struct classification *state,
					   const struct rule_extra *extra, enum address_field field)
{
	bool negated = extra->negated & 1U << field;

	if (!extra->live[field])
		return true;
	if (state->live[field] & extra->live[field])
		return !negated;
	return negated || classify_bit(state, field, extra->sure[field]);
}

/* Does the rule of this extra match, whose bit is set in all rows? */
__noinline int live_matches(const struct classification *state, __u32 index)
{
	const struct rule_extra *extra;

	if (!config.uses_live || !state)
		return 0;
	extra = table(&extras);
	if (!extra || index >= config.n_extras)
		return 0;
	extra += index;
	return live_condition(state, extra, ADDRESS_SRC) &&
	       live_condition(state, extra, ADDRESS_DST);
}
