/* SPDX-License-Identifier: GPL-2.0-only */
/* rtnetlink.h: one question to the kernel over netlink, and its answers. */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#define RTNETLINK_REQUEST_BYTES 512 /* room for a question; aligned as RTNETLINK_REQUEST */
#define RTNETLINK_REQUEST(name)                                                                    \
	char name[RTNETLINK_REQUEST_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)))

/* Ask on a socket of that netlink family, and call each() for every answer. 0, or negative errno;
 * -EINTR: what was listed changed meanwhile; the whole answer was read, and the socket may be asked
 * again. */
int netlink_ask(int family, struct nlmsghdr *request, mnl_cb_t each, void *context);
/* The same on a socket that is bound already, for many questions. */
int netlink_ask_on(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t each,
		   void *context);
int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t each, void *context);

/* The start of a question for a device (RTM_GETLINK), in the buffer. */
struct nlmsghdr *rtnetlink_get_link(char *buffer, uint16_t flags);

/* For mnl_attr_parse() into an array of IFLA_MAX + 1. */
int rtnetlink_note_attribute(const struct nlattr *attribute, void *context);
