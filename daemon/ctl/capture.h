/* SPDX-License-Identifier: GPL-2.0-only */
/* capture.h: the frames of a capture file, pcap or pcapng, one by one. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "diag.h"

struct capture;

/* path "-": standard input. 0, -EINVAL with the reason in diags: not a capture, or not of Ethernet
 * frames; -ENOMEM. */
int capture_open(const char *path, struct capture **ret, struct diags *diags);
struct capture *capture_close(struct capture *capture); /* NULL is fine; returns NULL */

static inline void capture_closep(struct capture **capture)
{
	capture_close(*capture);
}

struct captured {
	const uint8_t *frame; /* until the next one */
	size_t len;           /* bytes that are there */
	size_t original;      /* bytes that the frame had; the capture may have cut it */
	struct timeval time;
};

/* 1: the next frame; 0: there are no more; -EINVAL: the file is damaged behind the frames so far: the
 * error names the first one that cannot be read. */
int capture_next(struct capture *capture, struct captured *ret, struct diags *diags);

/* How much of the file is read, from 0 to 1; below 0: who knows. */
double capture_progress(const struct capture *capture);
