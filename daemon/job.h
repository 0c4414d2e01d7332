/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * job.h: why are we being stopped? A plain stop disarms the gate; a restart must leave it
 * filtering, for the next daemon adopts it without a gap. Only systemd knows which it is.
 */
#pragma once

#include <stdbool.h>

/* True if systemd says that the job now running on our unit is a restart. Any doubt (not started
 * by systemd, no answer within a second from either bus, no job) is a plain stop. */
bool job_is_restart(void);
