/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ethtool.h: what a device's driver says of itself, by SIOCETHTOOL as `ethtool` does it. A device
 * that knows nothing of a question answers -EOPNOTSUPP; most virtual ones do, to most of them.
 */
#pragma once

#include <linux/ethtool.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

struct ethtool {
	int socket; /* of the network namespace that it was opened in */
	char name[IFNAMSIZ];
	size_t n; /* features */
	struct ethtool_gstrings *names;
};

#define ETHTOOL_CLOSED                                                                             \
	{                                                                                          \
		.socket = -1                                                                       \
	}

/* A device without features is none the worse: it has 0 of them. -ENODEV, -ENOMEM, … */
int ethtool_open(int ifindex, struct ethtool *ret);
void ethtool_close(struct ethtool *device); /* a closed one is fine */

/* data: a struct of linux/ethtool.h with its cmd. 0 or negative errno. */
int ethtool_command(const struct ethtool *device, void *data);

/* Number of a feature by the kernel's name for it; -1: there is none. */
int ethtool_feature_find(const struct ethtool *device, const char *name);
/* 1, 0, or negative errno. */
int ethtool_feature_is_on(const struct ethtool *device, int feature);
/* Nobody can change it: 1, 0, or negative errno. */
int ethtool_feature_is_fixed(const struct ethtool *device, int feature);
/* -EOPNOTSUPP: it stays on: fixed, or wanted by another device. */
int ethtool_feature_turn_off(const struct ethtool *device, int feature);

/* The driver's counters (`ethtool -S`): names in *ret_names, ETH_GSTRING_LEN bytes each that need
 * not end in NUL, values in *ret_values; the caller frees both. Their number, 0: none. */
int ethtool_counters(const struct ethtool *device, struct ethtool_gstrings **ret_names,
		     struct ethtool_stats **ret_values);
