/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * port.h: a network device that we stand on: the entry program attached to it, and the slot
 * that the entry jumps through.
 *
 * The order of things, so that a death at any point leaves a state that the next one
 * understands: slot and fall_through are pinned before the entry is attached (a PROG_ARRAY
 * that loses its last reference is emptied). "Our entry" is whichever attached program uses
 * the pinned slot: there is nothing else to keep in step.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "pins.h"
#include "policy.h"

struct port {
	int ifindex;
	char key[PORT_KEY_LEN];
	int slot_fd, fall_through_fd;
	enum attach_mode mode; /* as attached */
	bool dispatcher;       /* through libxdp's dispatcher, beside other programs */
	bool frags;            /* what the slot takes: multi-buffer programs or not */
	bool fresh;            /* no generation has put anything into the slot yet */
	bool left;             /* the live generation still judges for an interface that left */
};

/* Does what is attached now take multi-buffer packets? Behind a dispatcher that is up to all
 * its components, and has nothing to do with what the slot takes. */
bool port_takes_frags(const struct port *port);

/*
 * port_adopt() - the port of a key that is pinned already, if our entry is still attached.
 * 0, -ENOENT if it is not (stale pins), or another errno with the reason in diags.
 */
int port_adopt(const struct pins *pins, const char *key, struct port **ret, struct diags *diags);

/* Our entry is still on the device: 1; 0: it is not (another device has the number now, or
 * somebody took it off); negative errno: cannot tell. */
int port_is_attached(const struct port *port);

/*
 * port_attach() - attach the entry to a device, natively or generically as asked, never
 * otherwise. The slot is empty: the packet's fate is fall-through until it is set.
 */
int port_attach(const struct pins *pins, int ifindex, enum attach_mode mode, bool fail_closed,
		struct port **ret, struct diags *diags);

/* What a person can do about an attach that was refused with r; NULL: nothing is known. The
 * kernel's words, as they are now, tell some apart. */
const char *port_attach_remedy(int r);

/* Take the entry off the device (other programs stay) and remove the port's pins. */
int port_detach(const struct pins *pins, struct port *port, struct diags *diags);

/* No program in the kernel uses the slot that is pinned under the key: its device is gone,
 * maybe with its whole network namespace. */
bool port_is_orphan(const struct pins *pins, const char *key);

struct port *port_free(struct port *port); /* the daemon's side only; NULL is fine */

/* Id of the program in the slot; 0: empty. */
uint32_t port_slot_get(const struct port *port);
/* fd of that program, the caller's; -ENOENT: empty. */
int port_slot_program(const struct port *port);
/* One update: the next packet is judged by the new program. A negative fd empties the slot. */
int port_slot_set(const struct port *port, int program_fd);
/* What an empty slot means. */
int port_set_fall_through(const struct port *port, bool fail_closed);

/* `xdpgate off` for this port: pinned, so it outlives the daemon. */
bool port_is_off(const struct pins *pins, const struct port *port);
int port_set_off(const struct pins *pins, const struct port *port, bool off);
