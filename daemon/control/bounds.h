/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bounds.h: what a client can make the daemon hold or wait for. docs/varlink.md and the
 * interface description repeat those that a client sees.
 */
#pragma once

#define MESSAGE_MAX_BYTES 65536U /* of a call, without its NUL */
#define READ_BYTES 4096U         /* the input buffer grows in such steps */

#define EXPLAIN_MAX_BYTES 2048U /* of a frame; zeros behind it are not sent */

/* Of Trial. */
#define TRIAL_MAX_SECONDS 86400
#define TRIAL_MAX_ONE_IN (1U << 30)

#define CLIENTS_MAX 64U
#define CLIENTS_MAX_UNPRIVILEGED 48U /* so root always finds a place */
#define CLIENTS_MAX_PER_UID 16U      /* not for root */

/* A session gets its next answer only when less than this of the last ones is unsent… */
#define OUTPUT_LOW_BYTES 65536U
/* …and, unless privileged, only while all such sessions together hold less than this. */
#define OUTPUT_UNPRIVILEGED_BYTES (16U << 20)

#define USEC_PER_SEC 1000000ULL
/* A call must be complete so soon after its first byte; a stranger must have asked. */
#define INPUT_TIMEOUT_USEC (10 * USEC_PER_SEC)
/* A client must have taken OUTPUT_PROGRESS_BYTES, or all there is, within this. */
#define OUTPUT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define OUTPUT_PROGRESS_BYTES 65536U
/* Pause of accept() when the process or the system is out of fds or memory. */
#define ACCEPT_PAUSE_USEC USEC_PER_SEC

#define STREAM_INTERVAL_MIN_MSEC 100
#define STREAM_INTERVAL_MAX_MSEC 3600000
#define STREAM_INTERVAL_DEFAULT_MSEC 1000

/* What SetReplace has of entries that are not in force yet: of one client; bytes of all clients, and
 * of all that are not root. And how long the next part may take to come. */
#define STAGED_MAX_ENTRIES (4U << 20)
#define STAGED_MAX_BYTES (512U << 20)
#define STAGED_UNPRIVILEGED_BYTES (256U << 20)
#define STAGED_TIMEOUT_USEC (60 * USEC_PER_SEC)

#define SET_PAGE_MAX 1000 /* entries in one answer of SetList */

/* Changes of live sets are told to the observer when there were none for so long, or at the latest
 * after so long. */
#define BURST_PAUSE_USEC USEC_PER_SEC
#define BURST_MAX_USEC (60 * USEC_PER_SEC)

/* What the daemon says is bounded as well. common/diag.c bounds the number of diagnostics and
 * their source lines. */
#define MESSAGE_TEXT_MAX_BYTES 4096U
#define RULE_TEXT_MAX_BYTES 4096U
#define REFUSAL_TEXT_MAX_BYTES 256U
#define DIAGS_TEXT_MAX_BYTES (1U << 20)
