/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offload.h: drivers that take VLAN tags out of the frame before XDP sees it, and keep them beside
 * it where no XDP program of Linux 6.1 can look.
 */
#pragma once

#include <stdbool.h>

#include "diag.h"

/*
 * offload_show_tags() - make sure that frames come with their tags. If the driver strips them:
 * fix: it is told not to, and diags says so; else, or if it cannot be told, -EOPNOTSUPP with the
 * remedy in diags. A device that knows no such thing strips none: 0.
 */
int offload_show_tags(int ifindex, bool fix, struct diags *diags);

#define OFFLOAD_OPTIONS_LEN 96

/* Does the driver strip tags? 1: ret is what turns that off behind `ethtool -K DEVICE`; 0, or
 * negative errno. */
int offload_strips_tags(int ifindex, char ret[static OFFLOAD_OPTIONS_LEN]);
