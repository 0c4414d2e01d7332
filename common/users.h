/* SPDX-License-Identifier: GPL-2.0-only */
/* users.h: numbers of users and groups by their names, and the other way. */
#pragma once

#include <sys/types.h>

/* 0; -ENOENT: there is none of that name here, or the name service cannot tell; -ENOMEM. */
int user_find(const char *name, uid_t *ret);
int group_find(const char *name, gid_t *ret);
/* For the caller to free. Errors as above. */
int user_name(uid_t uid, char **ret);
