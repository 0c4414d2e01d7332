/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.h: where frames go: onto an interface, or into a capture file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stream.h"

#define WIRE_BATCH 64

/*
 * An interface to send from. The socket's send buffer is so small that never more frames are
 * under way than the receiving end of a veth pair has room for: the kernel makes us wait
 * instead of dropping. So every frame that was sent has arrived, and wire_close() checks it.
 */
struct wire {
	int fd;
	char ifname[IFNAMSIZ];
	uint8_t mac[6];
	uint64_t dropped_before; /* by the interface, before we began */
	unsigned int n;          /* frames waiting in the batch */
	size_t lens[WIRE_BATCH];
	uint8_t frames[WIRE_BATCH][MAX_FRAME];
};

/* All return 0, or -1 with a message on stderr. */
int wire_open(struct wire *wire, const char *ifname);
int wire_send(struct wire *wire, const uint8_t *frame, size_t len);
int wire_flush(struct wire *wire);
/* Flushes, waits until the other end has taken everything, and tells how many frames the
 * interface dropped nevertheless. */
int wire_close(struct wire *wire, uint64_t *ret_dropped);

/* Capture files in the classic pcap format, microseconds, Ethernet. */
FILE *pcap_create(const char *path);
int pcap_write(FILE *file, uint64_t number, const uint8_t *frame, size_t len);
FILE *pcap_open(const char *path);
/* 1: a frame; 0: the end; -1: broken, with a message. */
int pcap_read(FILE *file, uint8_t *frame, size_t *ret_len);
