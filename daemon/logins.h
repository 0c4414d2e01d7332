/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * logins.h: the addresses that somebody is logged in from: what systemd-logind knows, and utmp, which
 * sshd writes where there is no logind.
 */
#pragma once

#include <stddef.h>

#include "endpoint.h"

struct logins {
	struct endpoint *items; /* in order of endpoint_compare(), each once */
	size_t n, capacity;
};

/* utmp: the file; NULL: the system's. Sources that are absent, or cannot be read, have nothing to
 * say. 0 or -ENOMEM. */
int logins_read(const char *utmp, struct logins *ret);
void logins_done(struct logins *logins);
