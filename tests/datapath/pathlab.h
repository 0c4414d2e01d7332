/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pathlab.h: a datapath in a network namespace of its own, with a device `pa` that is there and `pc`
 * that may come; policies for it; and packets, sent through the program in a device's slot as they
 * would be if they arrived.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "datapath_internal.h"
#include "verdict.h"

#define SECOND UINT64_C(1000000000)

extern struct datapath *datapath;
extern bool without_pa; /* the policies do not name `pa` */

/* cmocka setup and teardown of a test: nothing is left. */
int pathlab_set_up(void **state);
int pathlab_tear_down(void **state);

uint64_t in(uint64_t ns);     /* CLOCK_MONOTONIC, so many nanoseconds from now */
void wait_until(uint64_t ns); /* and a tick of the kernel's clock longer */

void open_it(void); /* fails the test if that fails, or says anything */
void die(void);     /* as a death does it: nothing is tidied up */
void reopen(void);

/* A policy without rules, by which all IP packets meet the verdict; deadline_ns 0: for good. */
int install(enum verdict verdict, uint64_t deadline_ns, struct diags *diags);
void put_in_force(enum verdict verdict, uint64_t deadline_ns); /* the same, without a word */

/* What becomes of an IPv4 packet that arrives there now: an enum xdp_action. */
int verdict_on(const char *device);

/* Some generation has something in front of its programs. */
bool something_in_front(void);
/* One generation and nothing else is pinned, and it is in the slots by itself. */
void expect_settled(uint64_t generation);
