/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.h: the fast way to send: prepared frames go out again and again from inside the kernel, by
 * BPF_PROG_TEST_RUN on live frames. Some ten times as fast as a packet socket; but a receiver
 * that is slower loses frames, so the caller must look at what the interface dropped.
 */
#pragma once

#include <linux/types.h>

#define LIVE_FRAME_BYTES 124
#define LIVE_MAX_FRAMES 131072
#define LIVE_BATCH 64

struct live_frame {
	__u32 len;
	__u8 data[LIVE_FRAME_BYTES];
};

#ifndef __bpf__
#include <stddef.h>
#include <stdint.h>

struct live;

/* All return 0 (or what they say), or -1 with a message on stderr. */
int live_open(const char *ifname, struct live **ret);
/* Append a frame to the round. */
int live_add(struct live *live, const uint8_t *frame, size_t len);
/* The round is complete. */
int live_load(struct live *live);
/* Send the next n frames of the round, which begins anew at its end; adds the time that took,
 * without that of setting it up (some 30 ms). No signal interrupts it. */
int live_send(struct live *live, uint32_t n, uint64_t *nsec);
struct live *live_close(struct live *live); /* NULL is fine; returns NULL */
#endif
