/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offline.h: what `xdpgate` can do from the pins alone, when no daemon answers: off, on,
 * detach. Each takes the lock on the pin directory, so it refuses (-EBUSY, with the remedy
 * in diags) while a daemon holds it.
 */
#pragma once

#include <stdbool.h>

#include "diag.h"

/* As gate_set_off(); without a daemon, on arms the last live generation again. */
int offline_set_off(const char *pin_dir, const char *interface, bool off, struct diags *diags);

/* As gate_detach(). An interface in another network namespace is named in diags and left. */
int offline_detach(const char *pin_dir, struct diags *diags);
