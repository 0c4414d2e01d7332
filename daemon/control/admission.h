/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * admission.h: who may open the control socket besides root and its group: the users that live sets
 * name in `writers`, each by an entry in the socket's access control list (acl(5)). So the kernel
 * keeps everybody else out, and a stranger can neither fill the queue nor take a place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "diag.h"

struct control;

struct admission {
	uid_t *uids; /* in order; what the list has */
	size_t n;
	bool known; /* the list was written, or needs not be */
};

/* Make the list what the policy in force says. What fails is a warning. */
void admission_update(struct control *control, struct diags *diags);

void admission_done(struct admission *admission);
