// SPDX-License-Identifier: GPL-2.0-only
/*
 * peers.bpf.c: the plain programs that xdpgate is measured against, see peers.h.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "peers.h"

/* --- nothing ------------------------------------------------------------------------------ */

SEC("xdp")
int peer_drop(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

/* --- longest prefix match ----------------------------------------------------------------- */

struct key_v4 {
	__u32 len;
	__be32 addr;
};

struct key_v6 {
	__u32 len;
	struct in6_addr addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key_v4);
	__type(value, __u32);
} trie_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key_v6);
	__type(value, __u32);
} trie_v6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XDP_REDIRECT + 1);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline int count(__u32 verdict)
{
	__u64 *packets = bpf_map_lookup_elem(&verdicts, &verdict);

	if (packets)
		(*packets)++;
	return (int)verdict;
}

SEC("xdp")
int peer_lpm(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *found = NULL;

	if ((void *)(eth + 1) > data_end)
		return count(XDP_PASS);
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);
		struct key_v4 key = { .len = 32 };

		if ((void *)(ip + 1) > data_end)
			return count(XDP_PASS);
		key.addr = ip->saddr;
		found = bpf_map_lookup_elem(&trie_v4, &key);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);
		struct key_v6 key = { .len = 128 };

		if ((void *)(ip + 1) > data_end)
			return count(XDP_PASS);
		key.addr = ip->saddr;
		found = bpf_map_lookup_elem(&trie_v6, &key);
	}
	return count(found ? XDP_DROP : XDP_PASS);
}

/* --- linear scan -------------------------------------------------------------------------- */

const volatile __u32 n_rules = 1;

/* One value: all rules side by side. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, SCAN_MAX_RULES * sizeof(struct scan_rule));
} rules SEC(".maps");

struct headers {
	__be32 src, dst;
	__u16 sport, dport;
	__u8 proto, flags;
	bool has_ports, has_flags;
};

struct scan {
	struct headers headers;
	int verdict;
};

static __always_inline int parse(struct xdp_md *ctx, struct headers *headers)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u8 *upper = (void *)(ip + 1);

	if ((void *)(upper + 20) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	headers->src = ip->saddr;
	headers->dst = ip->daddr;
	headers->proto = ip->protocol;
	headers->has_flags = ip->protocol == IPPROTO_TCP;
	headers->has_ports = headers->has_flags || ip->protocol == IPPROTO_UDP;
	headers->sport = bpf_ntohs(*(__be16 *)upper);
	headers->dport = bpf_ntohs(*(__be16 *)(upper + 2));
	headers->flags = upper[13];
	return 0;
}

static __always_inline bool matches(const struct scan_rule *rule, const struct headers *headers)
{
	if ((headers->src ^ rule->src) & rule->src_mask)
		return false;
	if ((headers->dst ^ rule->dst) & rule->dst_mask)
		return false;
	if ((headers->proto ^ rule->proto) & rule->proto_mask)
		return false;
	if (rule->has_ports &&
	    (!headers->has_ports || headers->sport < rule->sport_first ||
	     headers->sport > rule->sport_last || headers->dport < rule->dport_first ||
	     headers->dport > rule->dport_last))
		return false;
	return !rule->has_flags ||
	       (headers->has_flags && !((headers->flags ^ rule->flags) & rule->flags_mask));
}

SEC("xdp")
int peer_scan_loop(struct xdp_md *ctx)
{
	struct headers headers = {};
	__u32 zero = 0;
	const struct scan_rule *rule = bpf_map_lookup_elem(&rules, &zero);

	if (!rule || parse(ctx, &headers))
		return count(XDP_PASS);
	for (__u32 i = 0; i < SCAN_MAX_RULES && i < n_rules; i++)
		if (matches(&rule[i], &headers))
			return count(rule[i].pass ? XDP_PASS : XDP_DROP);
	return count(XDP_PASS);
}

static long scan_one(__u32 i, void *context)
{
	struct scan *scan = context;
	__u32 zero = 0;
	const struct scan_rule *rule = bpf_map_lookup_elem(&rules, &zero);

	if (!rule || i >= SCAN_MAX_RULES)
		return 1;
	if (!matches(&rule[i], &scan->headers))
		return 0;
	scan->verdict = rule[i].pass ? XDP_PASS : XDP_DROP;
	return 1;
}

SEC("xdp")
int peer_scan_helper(struct xdp_md *ctx)
{
	struct scan scan = { .verdict = XDP_PASS };

	if (parse(ctx, &scan.headers))
		return count(XDP_PASS);
	bpf_loop(n_rules, scan_one, &scan, 0);
	return count(scan.verdict);
}

char _license[] SEC("license") = "GPL";
