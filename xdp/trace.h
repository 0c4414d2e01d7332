/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h: what a probe tells of the packet that it read. Programs that see traffic have none of
 * this: the verifier removes it with config.probe.
 */
#pragma once

#include "act.h"
#include "config.h"
#include "packet.h"
#include "parse.h"

/*
 * The fields that the program looked at are told as it read them. Those that it has no rule for may
 * have been left out by parse_plain(), which is not to do otherwise in a probe than in what the
 * probe stands for: parse() tells them, and has the packet's own place for it, since the stack has
 * no room for another. To be called when the packet has been judged.
 */
static __noinline int trace_packet(struct xdp_md *ctx, struct packet *packet)
{
	__u32 zero = 0;
	struct trace *trace = bpf_map_lookup_elem(&traces, &zero);

	if (!trace)
		return -1;
	for (int i = 0; i < N_SCALAR_FIELDS; i++)
		trace->scalar[i] = packet->scalar[i];
	for (int i = 0; i < N_ADDRESS_FIELDS; i++) {
		trace->address[i][0] = packet->address[i][0];
		trace->address[i][1] = packet->address[i][1];
	}
	trace->len = packet->len;
	trace->ip = packet->ip;
	trace->family = packet->family;
	trace->unknown_extension = packet->unknown_extension;
	parse(ctx, packet);
	parse_macs(ctx, packet);
	for (int i = 0; i < N_SCALAR_FIELDS; i++)
		if (!trace->scalar[i])
			trace->scalar[i] = packet->scalar[i];
	for (int i = 0; i < N_MAC_FIELDS; i++)
		trace->mac[i] = packet->mac[i];
	return 0;
}
