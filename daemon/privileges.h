/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * privileges.h: the daemon needs a few capabilities and gives up all others before it reads
 * anything that others wrote. The table in privileges.c names each with its reason.
 */
#pragma once

/*
 * privileges_restrict() - check that what is needed is there (-EPERM, logged with the
 * remedy, if not), then keep only the table: effective, permitted and, where the kernel lets
 * us, the bounding set; nothing inheritable or ambient; no new privileges; umask 0077.
 */
int privileges_restrict(void);

/* Give up what only the start needed. Call once the control socket is there. */
int privileges_seal(void);
