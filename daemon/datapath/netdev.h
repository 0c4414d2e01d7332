/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netdev.h: the network device that a policy means: by name, by alternative name, or by MAC
 * address. All of them change while we run, so this is asked anew each time.
 */
#pragma once

#include <stdbool.h>

#include "diag.h"

/*
 * netdev_find() - the device of this network namespace that `port` of a policy stands for.
 * A MAC address is that of the device which has it as its permanent address; if there is none,
 * of the one which has it now. Devices that are stacked on another such device (a VLAN device has
 * its port's address) do not count.
 * ifindex; 0: there is none; -ENOTUNIQ: several, named in diags; or another negative errno, with
 * the reason in diags.
 */
int netdev_find(const char *port, struct diags *diags);

/* Could the device still be what `port` stands for? Also while others could be, too. */
bool netdev_is(int ifindex, const char *port);
