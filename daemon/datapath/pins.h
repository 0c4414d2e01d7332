/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pins.h: the folder in bpffs where everything that must outlive the daemon is pinned, and
 * its lock. bpffs refuses names with dots, so names are made of numbers and plain words.
 *
 *   PIN_DIR/counters/registry         identity -> slot, see counters.h
 *   PIN_DIR/counters/pages            ARRAY_OF_MAPS, the programs' way to the pages
 *   PIN_DIR/counters/page-N, base-N   1024 slots, and what to subtract from each
 *   PIN_DIR/live/registry             name of a live set -> slot, see live_maps.h
 *   PIN_DIR/live/live_hosts_v4, …     ARRAY_OF_MAPS by slot and bank: a set's tables
 *   PIN_DIR/live/state                which tables have entries, which bank packets use
 *   PIN_DIR/live/comments             of entries
 *   PIN_DIR/ports/KEY/slot            PROG_ARRAY of one element, what the entry jumps to
 *   PIN_DIR/ports/KEY/fall_through    ARRAY of one element, what an empty slot means
 *   PIN_DIR/ports/KEY/off             present: the operator said `xdpgate off`
 *   PIN_DIR/ports/KEY/off-NAME        likewise, for one of the port's interfaces
 *   PIN_DIR/generations/N/manifest    see manifest.h
 *   PIN_DIR/generations/N/KEY         what generation N puts into the port's slot: the ruleset
 *                                     program, or the one that finds the interface by VLAN
 *   PIN_DIR/generations/N/KEY-vlans   then: PROG_ARRAY by interface of the manifest, and
 *   PIN_DIR/generations/N/KEY-I       the ruleset program of interface I
 *   PIN_DIR/generations/N/KEY-front   what stands in front of that for a while, see front.h, and
 *   PIN_DIR/generations/N/KEY-behind  its PROG_ARRAY
 *   PIN_DIR/intent                    a swap is under way, see generation.h
 *   PIN_DIR/pending                   a generation waits to be confirmed, see pending.h
 *   PIN_DIR/samples                   ring of sampled packets, see sampling.h
 *   PIN_DIR/off                       present: `xdpgate off`, of all ports
 *   PIN_DIR/left                      present: the daemon stopped to be started again
 *
 * KEY is n<network namespace cookie>-i<ifindex>: unique while the system runs.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"

#define PORT_KEY_LEN 48

struct pins {
	char path[PATH_MAX];
	int lock_fd; /* the folder itself, flock()ed; closing it releases the lock */
	uint64_t netns_cookie;
};

/*
 * Open the folder and take its lock. create: make it (and mount bpffs at /sys/fs/bpf if it
 * is to be there and is not mounted). -ENOENT: it is not there; -EBUSY: locked by another;
 * -EPERM: not root's own. The reason is in diags.
 */
int pins_open(struct pins *pins, const char *path, bool create, struct diags *diags);
void pins_close(struct pins *pins); /* the pins stay; half-opened is fine */

/* "PATH/" + the formatted rest. -ENAMETOOLONG with ret empty. */
int pins_path(const struct pins *pins, char ret[static PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* fd of a pinned object (caller closes), or negative errno. */
int pins_get(const struct pins *pins, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Pin an object; folders on the way are made. -EEXIST if the name is taken. */
int pins_put(const struct pins *pins, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Pin an object in the place of the one that has the name, if any: the name is never without. */
int pins_replace(const struct pins *pins, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Remove a pin or a folder with all in it; nothing there is success. */
int pins_remove(const struct pins *pins, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Remove the folder itself with all in it. */
int pins_remove_all(const struct pins *pins);
bool pins_exist(const struct pins *pins, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Call visit(name, context) for each entry of a folder; stops at the first that is not 0 and
 * returns it. No folder: 0. */
int pins_each(const struct pins *pins, const char *folder,
	      int (*visit)(const char *name, void *context), void *context);

void pins_port_key(const struct pins *pins, int ifindex, char ret[static PORT_KEY_LEN]);
/* The ifindex of a key of this network namespace; 0: another's, or no key. */
int pins_port_ifindex(const struct pins *pins, const char *key);
