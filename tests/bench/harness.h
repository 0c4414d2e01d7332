/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * harness.h: what one packet costs a program, measured over many different packets.
 *
 * BPF_PROG_TEST_RUN repeats one packet, which after a few rounds is answered from the nearest
 * cache and by a branch predictor that knows it by heart. So what is run is not the program
 * under test but a small one that puts the next of up to millions of prepared frames into the
 * packet and then tail-calls the program under test. An empty program measured the same way
 * is what the harness itself costs; all figures are given above that.
 *
 * Before the tail call stands a locked instruction, the same for everybody: the frame's bytes
 * have left the store buffer, as those that a network card wrote long have, and one packet's
 * cache misses do not hide behind the next one's, as on a real receive path they do not.
 *
 * The program itself notes the time every HARNESS_CHUNK packets: less than a time slice of the
 * scheduler, even where a packet takes microseconds. A run's figure is the median
 * chunk: an interrupt, or another process on the CPU, spoils a few chunks but not the median.
 */
#pragma once

#include <linux/types.h>

#define HARNESS_FRAME_BYTES 80 /* Ethernet, IPv6, TCP, and a little; of every frame */
#define HARNESS_FRAME_WORDS (HARNESS_FRAME_BYTES / 8)
#define HARNESS_CHUNK 64
#define HARNESS_MAX_CHUNKS 8192

#ifndef __bpf__
#include <stdint.h>

struct harness;

/* Room for n_frames frames, a power of two. 0 or negative errno, said on stderr. */
int harness_open(uint32_t n_frames, struct harness **ret);
struct harness *harness_close(struct harness *harness); /* NULL is fine; returns NULL */

uint32_t harness_n_frames(const struct harness *harness);
/* Frame i, to be written. */
uint8_t *harness_frame(struct harness *harness, uint32_t i);

/* Put a program under test. It must say that it takes multi-buffer frames, and its expected
 * attach type must be 0: else the kernel refuses it (-EINVAL). */
int harness_set(struct harness *harness, int program_fd);

/* Run the next n packets, going round; *ret_ns is the median over chunks, per packet, of all
 * the time from one packet to the next. 0 or negative errno. */
int harness_run(struct harness *harness, uint32_t n, double *ret_ns);

/* Send n of the frames, going round, out of an interface of this network namespace; the time
 * includes all that the kernel does with them on this CPU. */
int harness_send(struct harness *harness, uint32_t ifindex, uint32_t n, double *ret_ns);

/* What a program answers to frame i: XDP_DROP, … or negative errno. */
int harness_ask(struct harness *harness, int program_fd, uint32_t i);

/* The CPU that everything is measured on: the last one that we may use. */
int harness_pin_cpu(void);
#endif
