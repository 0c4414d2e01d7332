/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * network.h: where a peer's packets come in, as the kernel's tables of devices, neighbours and routes
 * tell: by which device, through which others that it is made of, with which tags, from which MAC
 * address. For the lock-out guard; read anew for each change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "endpoint.h"

struct network;

int network_read(struct network **ret); /* 0 or negative errno */
struct network *network_free(struct network *network);

/* The kernel's route to a peer, from a local address. */
struct route {
	int device;           /* ifindex */
	bool local;           /* the peer is this machine */
	struct endpoint next; /* the gateway, or the peer itself if it is on the link */
};

/* device: that the question is bound to, or 0. -ENETUNREACH and the like: there is none. */
int network_route(struct network *network, const struct endpoint *peer,
		  const struct endpoint *local, uint32_t device, struct route *ret);

/* A gateway of the routing tables, other than those that a routing protocol has learnt: these are
 * among its peers. */
struct gateway {
	struct endpoint address;
	int device;
};

/* Each once. 0 or negative errno. The array is the network's. */
int network_gateways(struct network *network, const struct gateway **ret, size_t *ret_n);

/* Does the kernel have to ask for the neighbour's MAC address, again and again? Not if it was told
 * for good, or if there are no such addresses on the device. */
bool network_resolves(const struct network *network, int device, const struct endpoint *neighbour);

/* An address of this machine on the device that the neighbour would ask for. False: there is none. */
bool network_own_address(const struct network *network, int device,
			 const struct endpoint *neighbour, struct endpoint *ret);

#define APPROACH_TAGS 2   /* more make a frame malformed */
#define MAX_APPROACHES 64 /* members of one bond or bridge */

/* One way in which frames of a neighbour get to a device: */
struct approach {
	int device;                   /* that they come through first, or later: ifindex */
	uint16_t vids[APPROACH_TAGS]; /* that they have there, the outermost first */
	uint16_t tpids[APPROACH_TAGS];
	unsigned int n_vids;
	uint8_t mac[N_MAC_FIELDS][MAC_BYTES];
};

/* All devices that frames of the neighbour come through on their way to this one, itself included.
 * Returns their number. Where a bond or bridge is, that is each of its members, of a bridge only
 * those where it has seen the neighbour, if it has. */
size_t network_approaches(struct network *network, int device, const struct endpoint *neighbour,
			  struct approach ret[MAX_APPROACHES]);
