/* SPDX-License-Identifier: GPL-2.0-only */
#include "rtnetlink.h"

#include <stdbool.h>

#include "util.h"

/* libmnl gives up at the first message that is marked so, with the others still to come, which the
 * next answer on the socket would be taken for. So the mark is taken off, and told in the end. */
static bool take_interruption(char *buffer, size_t bytes)
{
	struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	int left = (int)bytes;
	bool interrupted = false;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
		message->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return interrupted;
}

int netlink_ask_on(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t each,
		   void *context)
{
	char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned int port_id = mnl_socket_get_portid(socket);
	bool interrupted = false;
	int r;

	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (n > 0 && take_interruption(buffer, (size_t)n))
			interrupted = true;
		r = n <= 0 ? -1
			   : mnl_cb_run(buffer, (size_t)n, request->nlmsg_seq, port_id, each,
					context);
		/* One answer to a question for one device has no end mark. */
		if (r > MNL_CB_STOP && !(request->nlmsg_flags & NLM_F_DUMP))
			r = MNL_CB_STOP;
	} while (r > MNL_CB_STOP);
	if (r < 0)
		return -errno;
	return interrupted ? -EINTR : 0;
}

int netlink_ask(int family, struct nlmsghdr *request, mnl_cb_t each, void *context)
{
	struct mnl_socket *socket = mnl_socket_open2(family, SOCK_CLOEXEC);
	int r;

	if (!socket)
		return -errno;
	r = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0
		    ? -errno
		    : netlink_ask_on(socket, request, each, context);
	mnl_socket_close(socket);
	return r;
}

int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t each, void *context)
{
	return netlink_ask(NETLINK_ROUTE, request, each, context);
}

struct nlmsghdr *rtnetlink_get_link(char *buffer, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	return request;
}

int rtnetlink_note_attribute(const struct nlattr *attribute, void *context)
{
	const struct nlattr **attributes = context;

	if (mnl_attr_type_valid(attribute, IFLA_MAX) > 0)
		attributes[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}
