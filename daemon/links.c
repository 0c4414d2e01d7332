// SPDX-License-Identifier: GPL-2.0-only
/*
 * links.c: netlink messages in, one call of the handler out; see links.h. What a message says
 * is not believed, only that something changed: the handler looks for itself. So a lost
 * message (ENOBUFS) costs nothing but one more look.
 */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "clock.h"
#include "links.h"
#include "log.h"
#include "util.h"

#define FAILED_USEC 1000000ULL /* from a failure to the next try, and the first backoff */
#define BACKOFF_MAX_USEC 30000000ULL
#define ACCURACY_USEC 1000
#define MESSAGES_AT_ONCE 256 /* then other events have their turn */
#define RECEIVE_BYTES (1 << 20)

static const struct kind {
	const char *what;
	unsigned int groups; /* RTMGRP_* */
	uint16_t came, gone; /* RTM_* */
	uint64_t delay_usec; /* from the first message to the call */
	uint64_t pause_usec; /* from a call to the next, at least */
} kinds[] = {
	[LINKS_DEVICES] = { "network interfaces", RTMGRP_LINK, RTM_NEWLINK, RTM_DELLINK, 0, 50000 },
	[LINKS_ADDRESSES] = { "addresses", RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, RTM_NEWADDR,
			      RTM_DELADDR, 5000, 20000 },
};

struct links {
	const struct kind *kind;
	sd_event *event;
	struct mnl_socket *socket;
	sd_event_source *io, *timer;
	links_handler handler;
	void *userdata;
	uint64_t last_call_usec; /* CLOCK_MONOTONIC; 0: never */
	uint64_t pause_usec;     /* from there to the next */
	uint64_t backoff_usec;   /* to the next try; 0: the last call went well */
};

/* Call the handler at that time, unless an earlier call is due. */
static int schedule(struct links *links, uint64_t usec)
{
	uint64_t due;
	int enabled, r;

	r = sd_event_source_get_enabled(links->timer, &enabled);
	if (r >= 0 && enabled != SD_EVENT_OFF) {
		r = sd_event_source_get_time(links->timer, &due);
		if (r >= 0 && due <= usec)
			return 0;
	}
	if (r >= 0)
		r = sd_event_source_set_time(links->timer, usec);
	if (r >= 0)
		r = sd_event_source_set_enabled(links->timer, SD_EVENT_ONESHOT);
	return r < 0 ? log_error_errno(r, "cannot set the timer of changed %s: %m",
				       links->kind->what)
		     : 0;
}

static int schedule_change(struct links *links)
{
	uint64_t pause = links->backoff_usec ? FAILED_USEC : links->pause_usec;
	uint64_t soonest = links->last_call_usec ? links->last_call_usec + pause : 0;
	uint64_t wanted = clock_monotonic_usec() + links->kind->delay_usec;

	/* A time that has passed means now. */
	return schedule(links, soonest > wanted ? soonest : wanted);
}

/* Number of the messages of our kind in what one recv() gave. */
static int count_messages(const struct kind *kind, const char *buffer, int length)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
	int n = 0;

	for (; mnl_nlmsg_ok(header, length); header = mnl_nlmsg_next(header, &length))
		n += header->nlmsg_type == kind->came || header->nlmsg_type == kind->gone;
	return n;
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct links *links = userdata;
	char buffer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool changed = false;

	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		ssize_t n = mnl_socket_recvfrom(links->socket, buffer, sizeof(buffer));

		if (n >= 0) {
			changed |= count_messages(links->kind, buffer, (int)n) > 0;
		} else if (errno == ENOBUFS || errno == ENOSPC) { /* some were lost; or too long */
			log_debug("netlink messages were lost: looking at all %s",
				  links->kind->what);
			changed = true;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			/* Deaf to what changes the daemon is no use: let it be started anew. */
			return sd_event_exit(
				links->event,
				log_error_errno(errno, "cannot read from netlink: %m"));
		}
	}
	return changed ? schedule_change(links) : 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct links *links = userdata;
	uint64_t start = clock_monotonic_usec();
	int r = links->handler(links->userdata);

	/* The time after the call, so that others have their turn behind a slow handler too. */
	links->last_call_usec = clock_monotonic_usec();
	links->pause_usec = links->last_call_usec - start;
	if (links->pause_usec < links->kind->pause_usec)
		links->pause_usec = links->kind->pause_usec;
	if (r >= 0) {
		links->backoff_usec = 0;
		return 0;
	}
	if (!links->backoff_usec)
		links->backoff_usec = FAILED_USEC;
	else if (links->backoff_usec < BACKOFF_MAX_USEC / 2)
		links->backoff_usec *= 2;
	else
		links->backoff_usec = BACKOFF_MAX_USEC;
	return schedule(links, links->last_call_usec + links->backoff_usec);
}

void links_retry(struct links *links)
{
	if (!links->backoff_usec) /* else the next try is planned */
		(void)schedule(links, clock_monotonic_usec() + FAILED_USEC);
}

static int open_socket(struct links *links)
{
	const int size = RECEIVE_BYTES;

	links->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!links->socket ||
	    mnl_socket_bind(links->socket, links->kind->groups, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* More room means fewer losses; CAP_NET_ADMIN lifts the limit. */
	if (setsockopt(mnl_socket_get_fd(links->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)) < 0)
		log_debug("cannot enlarge the netlink buffer: %m; ignoring");
	return 0;
}

int links_new(sd_event *event, enum links_kind kind, links_handler handler, void *userdata,
	      struct links **ret)
{
	struct links *links = calloc(1, sizeof(*links));
	int r;

	if (!links)
		return log_error_errno(ENOMEM, "cannot watch %s: %m", kinds[kind].what);
	links->kind = &kinds[kind];
	links->event = sd_event_ref(event);
	links->handler = handler;
	links->userdata = userdata;
	r = open_socket(links);
	if (r >= 0)
		r = sd_event_add_io(event, &links->io, mnl_socket_get_fd(links->socket), EPOLLIN,
				    on_message, links);
	if (r >= 0)
		r = sd_event_add_time(event, &links->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
				      on_timer, links);
	if (r >= 0)
		r = sd_event_source_set_enabled(links->timer, SD_EVENT_OFF);
	if (r < 0) {
		links_free(links);
		return log_error_errno(r, "cannot watch %s: %m", kinds[kind].what);
	}
	*ret = links;
	return 0;
}

struct links *links_free(struct links *links)
{
	if (!links)
		return NULL;
	sd_event_source_disable_unref(links->timer);
	sd_event_source_disable_unref(links->io);
	if (links->socket)
		mnl_socket_close(links->socket);
	sd_event_unref(links->event);
	free(links);
	return NULL;
}
