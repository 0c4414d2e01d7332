/* SPDX-License-Identifier: GPL-2.0-only */
/* The client's end of the control socket. */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "client.h"
#include "util.h"
#include "wire.h"

#define READ_SIZE 65536U
#define REPLY_MAX_BYTES (256UL << 20)

int client_open(struct client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*client = (struct client){ .fd = fd };
	/* connect() itself waits when the daemon's queue is full */
	client_set_timeout(client, 10000);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		client->fd = -1;
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	TAKE_FD(fd);
	return 0;
}

int client_set_timeout(struct client *client, unsigned int msec)
{
	struct timeval time = { .tv_sec = msec / 1000, .tv_usec = msec % 1000 * 1000 };

	if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) < 0 ||
	    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0)
		return -errno;
	return 0;
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		text += n;
		len -= n;
	}
	return 0;
}

int client_call(struct client *client, const char *method, json_t *parameters_taken, bool more)
{
	_cleanup_json_ json_t *parameters = parameters_taken ? parameters_taken : json_object();
	_cleanup_json_ json_t *call =
		json_pack("{s:s, s:O}", "method", method, "parameters", parameters);
	_cleanup_free_ char *text = NULL;
	int r;

	if (call && more && json_object_set_new(call, "more", json_true()) < 0)
		return -ENOMEM;
	text = call ? json_dumps(call, JSON_COMPACT) : NULL;
	if (!text)
		return -ENOMEM;
	r = send_all(client->fd, text, strlen(text) + 1);
	/* A daemon that refuses connections says so, then hangs up: there is a reply to read. */
	return r == -EPIPE ? 0 : r;
}

static int reply_parse(const char *text, size_t len, struct reply *ret)
{
	_cleanup_json_ json_t *message = json_loadb(text, len, 0, NULL);
	struct reply reply = {};
	json_t *error = json_object_get(message, "error");

	if (!json_is_object(message) || (error && !json_is_string(error)))
		return -EBADMSG;
	reply.error = json_string_value(error);
	reply.parameters = json_object_get(message, "parameters");
	if (!json_is_object(reply.parameters))
		reply.parameters = NULL;
	reply.continues = json_is_true(json_object_get(message, "continues"));
	reply.message = TAKE_PTR(message);
	*ret = reply;
	return 0;
}

/* More bytes into the buffer. */
static int receive_some(struct client *client)
{
	ssize_t n;
	int r;

	if (client->len > REPLY_MAX_BYTES)
		return -EMSGSIZE;
	r = array_reserve((void **)&client->in, &client->size, client->len + READ_SIZE, 1);
	if (r < 0)
		return r;
	n = recv(client->fd, client->in + client->len, client->size - client->len, 0);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	client->len += n;
	return 0;
}

int client_receive(struct client *client, struct reply *ret)
{
	for (;;) {
		size_t left = client->len - client->scanned;
		const char *end = left ? memchr(client->in + client->scanned, 0, left) : NULL;
		int r;

		if (end) {
			size_t used = (size_t)(end - client->in) + 1;

			r = reply_parse(client->in, used - 1, ret);
			memmove(client->in, client->in + used, client->len - used);
			client->len -= used;
			client->scanned = 0;
			return r;
		}
		client->scanned = client->len;
		r = receive_some(client);
		if (r < 0)
			return r;
	}
}

bool client_has_reply(const struct client *client)
{
	return client->len && memchr(client->in, 0, client->len);
}

void reply_free(struct reply *reply)
{
	json_decref(reply->message);
	*reply = (struct reply){};
}

void client_close(struct client *client)
{
	close_fd(&client->fd);
	free(client->in);
	*client = (struct client)CLIENT_CLOSED;
}
