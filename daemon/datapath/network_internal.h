/* SPDX-License-Identifier: GPL-2.0-only */
/* network_internal.h: the tables of network.h; network_tables.c reads them, network.c is asked. */
#pragma once

#include <libmnl/libmnl.h>

#include "network.h"

enum link_kind {
	LINK_PLAIN,
	LINK_VLAN,
	LINK_STACKED, /* frames come through the lower one as they are */
	LINK_GROUP,   /* a bond: frames come through any of its members */
	LINK_BRIDGE,
};

struct link {
	int device, master, lower; /* ifindexes; 0: none */
	enum link_kind kind;
	uint16_t vid, tpid; /* LINK_VLAN */
	bool no_arp;
	uint8_t mac[MAC_BYTES];
};

struct neighbour {
	int device;
	struct endpoint address;
	uint16_t state; /* NUD_* */
	bool has_mac;
	uint8_t mac[MAC_BYTES];
};

struct own_address {
	int device;
	struct endpoint address;
};

/* A MAC address that a bridge has learnt. */
struct bridged {
	int member;
	uint8_t mac[MAC_BYTES];
};

struct network {
	struct mnl_socket *socket;
	unsigned int sequence;
	struct link *links;
	size_t n_links, links_capacity;
	struct neighbour *neighbours; /* in order */
	size_t n_neighbours, neighbours_capacity;
	struct own_address *own;
	size_t n_own, own_capacity;
	bool bridged_read, gateways_read;
	struct bridged *bridged;
	size_t n_bridged, bridged_capacity;
	struct gateway *gateways; /* in order, each once */
	size_t n_gateways, gateways_capacity;
};

int network_compare_neighbours(const void *left, const void *right);
/* What a bridge has learnt; unless it was read before. What fails leaves less known. */
void network_read_bridged(struct network *network);
int network_read_gateways(struct network *network);
/* An attribute of a route, or of a next hop: its device or its gateway, if it is one of them. */
void network_note_hop(const struct nlattr *attribute, int af, struct endpoint *next, int *device);
