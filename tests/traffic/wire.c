// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire.c: frames sent through a packet socket, to the last one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "util.h"
#include "wire.h"

/* The kernel doubles this; a small frame takes some 768 bytes of it, a veth ring has 256
 * places. */
#define SEND_BUFFER_BYTES 40000

static int fail(const char *what)
{
	fprintf(stderr, "xg-traffic: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Field "drop" of the transmit half of the interface's line. */
static int dropped_frames(const char *ifname, uint64_t *ret)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/net/dev", "re");
	char line[512];

	if (!file)
		return fail("/proc/self/net/dev");
	while (fgets(line, sizeof(line), file)) {
		char *name = line + strspn(line, " "), *colon = strchr(line, ':');
		unsigned long long dropped;

		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(name, ifname) == 0 &&
		    sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu",
			   &dropped) == 1) {
			*ret = dropped;
			return 0;
		}
	}
	errno = ENODEV;
	return fail(ifname);
}

int wire_open(struct wire *wire, const char *ifname)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	struct ifreq request = { 0 };
	int size = SEND_BUFFER_BYTES;
	_cleanup_close_ int fd = -1;

	memset(wire, 0, sizeof(*wire));
	if (strlen(ifname) >= IFNAMSIZ) {
		errno = ENAMETOOLONG;
		return fail(ifname);
	}
	strcpy(wire->ifname, ifname);
	strcpy(request.ifr_name, ifname);

	/* Protocol 0: this socket receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail("packet socket (are you root?)");
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
		return fail(ifname);
	address.sll_ifindex = request.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return fail(ifname);
	memcpy(wire->mac, request.ifr_hwaddr.sa_data, 6);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
		return fail("SO_SNDBUF");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail(ifname);
	if (dropped_frames(ifname, &wire->dropped_before) < 0)
		return -1;
	wire->fd = TAKE_FD(fd);
	return 0;
}

int wire_flush(struct wire *wire)
{
	struct mmsghdr messages[WIRE_BATCH];
	struct iovec parts[WIRE_BATCH];
	unsigned int done = 0;

	memset(messages, 0, sizeof(messages));
	for (unsigned int i = 0; i < wire->n; i++) {
		parts[i] = (struct iovec){ .iov_base = wire->frames[i], .iov_len = wire->lens[i] };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < wire->n) {
		int r = sendmmsg(wire->fd, messages + done, wire->n - done, 0);

		if (r < 0 && (errno == EINTR || errno == ENOBUFS || errno == EAGAIN))
			continue;
		if (r < 0)
			return fail("sendmmsg");
		done += (unsigned int)r;
	}
	wire->n = 0;
	return 0;
}

int wire_send(struct wire *wire, const uint8_t *frame, size_t len)
{
	memcpy(wire->frames[wire->n], frame, len);
	wire->lens[wire->n++] = len;
	return wire->n == WIRE_BATCH ? wire_flush(wire) : 0;
}

int wire_close(struct wire *wire, uint64_t *ret_dropped)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	uint64_t dropped;
	int queued = 0;

	if (wire_flush(wire) < 0)
		return -1;
	/* Frames that the receiver holds on to (an unanswered ARP, say) keep this above 0, so
	 * the wait is bounded: those have long passed the point that counts. */
	for (int i = 0; i < 500; i++) {
		if (ioctl(wire->fd, SIOCOUTQ, &queued) < 0 || queued == 0)
			break;
		nanosleep(&pause, NULL);
	}
	close_fd(&wire->fd);
	if (dropped_frames(wire->ifname, &dropped) < 0)
		return -1;
	*ret_dropped = dropped - wire->dropped_before;
	return 0;
}
