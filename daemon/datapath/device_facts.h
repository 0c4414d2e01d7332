/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device_facts.h: all that decides whether XDP can stand on a network device, and how well. It is
 * read, never changed. What cannot be told (an old kernel, no privileges, a driver that knows
 * nothing of the question) has its own value, which is said at each.
 */
#pragma once

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What `netdev` of generic netlink (Linux 6.3) says that a driver can, in uapi's bits. */
enum {
	XDP_FEATURE_BASIC = 1,
	XDP_FEATURE_REDIRECT = 2,
	XDP_FEATURE_NDO_XMIT = 4, /* takes frames that are redirected to it, as it is set now */
	XDP_FEATURE_RX_SG = 32,   /* frags */
};

/* As in `ip -s link`. */
struct device_drops {
	uint64_t errors, dropped, over, fifo, missed;
};

struct device_facts {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[16];   /* "veth", "bond", …; "" of a real one */
	char driver[33]; /* as ethtool has it; "" if it does not */
	char bus[33];    /* likewise: "0000:01:00.0" */
	unsigned int mtu;
	uint16_t type; /* ARPHRD_ */
	bool up, loopback;
	int master;      /* ifindex, 0: none */
	int lower;       /* what it is stacked on, or the peer of a veth; 0: none */
	int lower_nsid;  /* where that is; -1: here */
	int bond_mode;   /* -1: no bond */
	int vlan;        /* -1: no VLAN device */
	int has_program; /* an XDP program: 1, 0 */
	struct device_drops drops;

	int64_t features;     /* of XDP_FEATURE_; -1: not known */
	int lro, gro_hw, gro; /* 1, 0; -1: there is no such thing */
	int tx_vlan;          /* likewise: tags go beside the frame, for the device to put in */
	bool gro_hw_fixed;    /* it cannot be turned off here */
	uint32_t rx_queues;   /* in use; 0: not known, likewise below */
	uint32_t tx_queues;   /* in use */
	uint32_t max_rx, combined; /* what `ethtool -L` would take; combined channels in use */
	uint32_t max_combined;
	uint32_t ring, max_ring; /* entries of a receive ring: `ethtool -g` */
	uint32_t rss_spread;     /* queues that packets are spread over */
};

/* -ENODEV: there is no such device, or another errno: netlink does not answer. */
int device_facts_read(int ifindex, struct device_facts *ret);

/* All devices of this network namespace; caller frees. Their number. */
int device_facts_list(struct device_facts **ret);

/*
 * The other end of a veth, wherever it is; *ret_netns: a path to its network namespace, "": here.
 * -ENOENT: it is where we cannot look.
 */
int device_facts_read_peer(const struct device_facts *device, struct device_facts *ret,
			   char ret_netns[static PATH_MAX]);

/* Counters of the driver whose names tell of lost frames, and not of XDP_DROP. Caller frees. */
struct device_counter {
	char name[33];
	uint64_t value;
};
int device_counters_read(int ifindex, struct device_counter **ret);
