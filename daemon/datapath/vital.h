/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vital.h: the traffic that the lock-out guard does not let a change cut, as frames: of each
 * established TCP connection one as its peer would send it, of each gateway, and of each neighbour that
 * a trusted connection goes through, those by which MAC addresses are found (ARP, ND).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "connections.h"
#include "network.h"
#include "policy_tests.h"

enum vital_kind { VITAL_CONNECTION, VITAL_ARP, VITAL_ADVERTISEMENT, VITAL_SOLICITATION };

/* One way in which one of them comes in. */
struct vital {
	enum vital_kind kind;
	const struct connection *connection; /* VITAL_CONNECTION; of the list */
	struct endpoint neighbour, own;      /* of the others: both addresses */
	struct approach approach; /* approach.device: ifindex that the frame is seen on */
};

struct vitals {
	struct connections connections;
	struct vital *items;
	size_t n, capacity;
};

/* The device is one that matters: it may be a port of ours. */
typedef bool vital_filter(void *context, int device);

/*
 * vitals_read() - all of them that come through devices for which wanted() holds.
 * connections: these alone instead of all that there are, and no gateways; NULL: all. Taken over.
 * 0, or negative errno with what failed in *ret_what, a phrase for people.
 */
int vitals_read(const struct endpoint *logins, size_t n_logins, struct connections *connections,
		vital_filter *wanted, void *context, struct vitals *ret, const char **ret_what);
void vitals_done(struct vitals *vitals);

#define VITAL_FRAME_MAX 128
/* The frame, as it arrives on the device. Returns its length. */
size_t vital_frame(const struct vital *vital, uint8_t frame[VITAL_FRAME_MAX]);

/* The part of a sentence that says what it is: "the connection from 192.0.2.1:4711 to
 * 198.51.100.1:22 (ssh; a login session comes from there)". */
#define VITAL_TEXT 256
const char *vital_format(const struct vital *vital, char buffer[VITAL_TEXT]);
/* Somebody relies on it who is trusted; of neighbours, always. */
bool vital_is_trusted(const struct vital *vital);
