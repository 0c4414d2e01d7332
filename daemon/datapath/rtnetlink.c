/* SPDX-License-Identifier: GPL-2.0-only */
#include "rtnetlink.h"

#include "util.h"

int netlink_ask_on(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t each,
		   void *context)
{
	char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned int port_id = mnl_socket_get_portid(socket);
	int r;

	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		r = n <= 0 ? -1
			   : mnl_cb_run(buffer, (size_t)n, request->nlmsg_seq, port_id, each,
					context);
		/* One answer to a question for one device has no end mark. */
		if (r > MNL_CB_STOP && !(request->nlmsg_flags & NLM_F_DUMP))
			r = MNL_CB_STOP;
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
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
