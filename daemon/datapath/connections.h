/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * connections.h: the TCP connections of this network namespace that are established, out of the
 * kernel's own table (sock_diag). What the lock-out guard must not let a change cut.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"

/* Why a connection is trusted. Whoever reaches an open port can hold one to it, which says nothing. */
enum trust {
	TRUST_NONE,
	TRUST_OPENED, /* this machine opened it: nobody listens on its local port */
	TRUST_BGP,    /* to port 179 here, or opened to port 179 there */
	TRUST_LOGIN,  /* a login session comes from the peer's address */
};

/* "a login session comes from there"; NULL of TRUST_NONE. */
const char *trust_text(enum trust trust);

struct connection {
	struct endpoint local, peer;
	uint16_t local_port, peer_port;
	uint32_t device; /* ifindex that the socket is bound to, as for link-local peers; 0: none */
	enum trust trust;
};

struct connections {
	struct connection *items; /* in order of peer and device */
	size_t n, capacity;
	size_t n_strangers;
	size_t left_out; /* more than CONNECTIONS_MAX of either kind */
};

/* So many that are trusted, and so many that are not, are told apart from others. */
#define CONNECTIONS_MAX 10000U

/*
 * connections_read() - all that are established, those of this machine with itself left out.
 * @logins: addresses that login sessions come from, in the order of endpoint_compare().
 * 0, or negative errno with *ret untouched.
 */
int connections_read(const struct endpoint *logins, size_t n_logins, struct connections *ret);
void connections_done(struct connections *connections);
