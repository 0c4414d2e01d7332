/* SPDX-License-Identifier: GPL-2.0-only */
#include "logins.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-login.h>
#include <utmpx.h>

#include "util.h"

#define MAX_LOGINS 4096

void logins_done(struct logins *logins)
{
	free(logins->items);
	*logins = (struct logins){};
}

static int add(struct logins *logins, const struct endpoint *address)
{
	if (logins->n == MAX_LOGINS || endpoint_is_loopback(address))
		return 0;
	if (array_reserve((void **)&logins->items, &logins->capacity, logins->n + 1,
			  sizeof(*logins->items)) < 0)
		return -ENOMEM;
	logins->items[logins->n++] = *address;
	return 0;
}

/* Addresses only: to look a name up takes a network, and time. */
static int add_text(struct logins *logins, const char *text)
{
	struct endpoint address;

	return endpoint_parse(text, &address) ? add(logins, &address) : 0;
}

static int add_session(struct logins *logins, const char *session)
{
	_cleanup_free_ char *host = NULL;

	if (sd_session_is_remote(session) <= 0 || sd_session_get_remote_host(session, &host) < 0)
		return 0;
	return add_text(logins, host);
}

static int read_logind(struct logins *logins)
{
	char **sessions = NULL;
	int n = sd_get_sessions(&sessions), r = 0;

	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = add_session(logins, sessions[i]);
		free(sessions[i]);
	}
	free(sessions);
	return r;
}

/* A session that ended without a word, its process killed, is none. */
static bool is_alive(const struct utmpx *entry)
{
	return entry->ut_pid > 0 && (kill(entry->ut_pid, 0) == 0 || errno == EPERM);
}

static int add_entry(struct logins *logins, const struct utmpx *entry)
{
	static const int32_t none[4];
	char host[sizeof(entry->ut_host) + 1] = "";
	struct endpoint address;

	memcpy(host, entry->ut_host, sizeof(entry->ut_host));
	if (memcmp(entry->ut_addr_v6, none, sizeof(none)) == 0)
		return add_text(logins, host);
	address = endpoint_of(memcmp(entry->ut_addr_v6 + 1, none, 12) == 0 ? AF_INET : AF_INET6,
			      entry->ut_addr_v6);
	return add(logins, &address);
}

static int read_utmp(struct logins *logins, const char *path)
{
	const struct utmpx *entry;
	int r = 0;

	if (utmpxname(path ? path : _PATH_UTMP) < 0)
		return 0;
	setutxent();
	while (r >= 0 && logins->n < MAX_LOGINS && (entry = getutxent()))
		if (entry->ut_type == USER_PROCESS && is_alive(entry))
			r = add_entry(logins, entry);
	endutxent();
	return r;
}

static int compare(const void *left, const void *right)
{
	return endpoint_compare(left, right);
}

int logins_read(const char *utmp, struct logins *ret)
{
	struct logins logins = {};
	size_t kept = 0;
	int r = read_logind(&logins);

	if (r >= 0)
		r = read_utmp(&logins, utmp);
	if (r < 0) {
		logins_done(&logins);
		return r;
	}
	if (logins.n)
		qsort(logins.items, logins.n, sizeof(*logins.items), compare);
	for (size_t i = 0; i < logins.n; i++)
		if (!kept || compare(&logins.items[kept - 1], &logins.items[i]) != 0)
			logins.items[kept++] = logins.items[i];
	logins.n = kept;
	*ret = logins;
	return 0;
}
