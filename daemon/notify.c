// SPDX-License-Identifier: GPL-2.0-only
/*
 * notify.c: the conversation with the service manager; see notify.h.
 */
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "util.h"

#define STATUS_BYTES 1024 /* systemd takes 4096 for a whole message */

static struct {
	bool ready;     /* READY=1 has been sent */
	bool reloading; /* RELOADING=1 has been sent, the READY=1 behind it has not */
	bool broken;    /* a failure has been logged */
	char status[STATUS_BYTES];
} told;

int notify_take_socket(int *ret)
{
	int n = sd_listen_fds(1);

	if (n < 0)
		return log_error_errno(n, "cannot take the sockets that were passed: %m");
	if (n > 1)
		return log_error_errno(EINVAL,
				       "%d sockets were passed, one is expected: use a"
				       " single ListenStream=",
				       n);
	*ret = n == 1 ? SD_LISTEN_FDS_START : -1;
	return 0;
}

static void send_message(const char *message)
{
	int r = sd_notify(0, message);

	if (r < 0 && !told.broken) {
		log_warning_errno(r, "cannot tell the service manager our state: %m; ignoring");
		told.broken = true;
	}
}

void notify_reloading(void)
{
	char message[64];

	if (!told.ready || told.reloading)
		return;
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 clock_monotonic_usec());
	told.reloading = true;
	send_message(message);
}

void notify_state(bool ready, const char *status)
{
	bool announce = told.reloading || (ready && !told.ready);
	char clean[STATUS_BYTES], message[STATUS_BYTES + 32];

	log_escape(clean, sizeof(clean), status, false);
	if (!announce && strcmp(clean, told.status) == 0)
		return;
	if (strcmp(clean, told.status) != 0)
		log_info("%s", clean);
	if (ready && !told.ready)
		log_notice("ready");
	memcpy(told.status, clean, sizeof(clean));
	snprintf(message, sizeof(message), "%sSTATUS=%s", announce ? "READY=1\n" : "", clean);
	told.ready |= announce;
	told.reloading = false;
	send_message(message);
}

void notify_stopping(const char *status)
{
	char message[STATUS_BYTES];

	snprintf(message, sizeof(message), "STOPPING=1\nSTATUS=%s", status);
	send_message(message);
}

/* --- the state in words ------------------------------------------------------------------ */

static bool waited_for(const struct gate_interface_status *interface)
{
	return interface->required &&
	       (interface->state == INTERFACE_ABSENT || interface->state == INTERFACE_FAILED);
}

static void list_waited_for(FILE *out, const struct gate_status *status)
{
	const char *separator = "waiting for interface";

	for (size_t i = 0; i < status->n_interfaces; i++) {
		const struct gate_interface_status *interface = &status->interfaces[i];

		if (!waited_for(interface))
			continue;
		fprintf(out, "%s %s", separator, interface->name);
		if (strcmp(interface->name, interface->port) != 0)
			fprintf(out, " (%s)", interface->port);
		separator = ",";
	}
	fprintf(out, "%s; ", separator[0] == ',' ? "" : "not ready");
}

/* Interfaces in the given state, as "WORDS a, b; "; an absent one that the daemon waits for
 * has been named already. */
static void list_interfaces(FILE *out, const struct gate_status *status, enum interface_state state,
			    const char *words)
{
	const char *separator = words;

	for (size_t i = 0; i < status->n_interfaces; i++) {
		const struct gate_interface_status *interface = &status->interfaces[i];

		if (interface->state != state ||
		    (state == INTERFACE_ABSENT && !status->ready && waited_for(interface)))
			continue;
		fprintf(out, "%s %s", separator, interface->name);
		if (interface->error)
			fprintf(out, " (%s)", interface->error);
		separator = ",";
	}
	if (separator != words)
		fprintf(out, "; ");
}

/* "reload failed at FILE:LINE:COLUMN: error: ...": the first line of what was reported. */
static void list_failure(FILE *out, const struct gate_status *status)
{
	const char *error = status->last_reload_error ? status->last_reload_error : "";
	int length = (int)strcspn(error, "\n");

	if (length == 0)
		fprintf(out, "reload failed; ");
	else
		fprintf(out, "reload failed%s %.*s; ", strncmp(error, "error: ", 7) ? " at" : ":",
			length, error);
	if (status->generation)
		fprintf(out, "generation %" PRIu64 " still in force; ", status->generation);
}

void notify_describe(const struct gate_status *status, char *out, size_t size)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream) {
		if (!status->ready)
			list_waited_for(stream, status);
		if (status->last_reload_failed)
			list_failure(stream, status);
		else if (status->generation)
			fprintf(stream, "generation %" PRIu64 "; ", status->generation);
		if (status->deadline_usec)
			fprintf(stream, "UNCONFIRMED; ");
		list_interfaces(stream, status, INTERFACE_FILTERING, "filtering on");
		list_interfaces(stream, status, INTERFACE_OFF, "OFF, every packet passes, on");
		list_interfaces(stream, status, INTERFACE_FAILED, "failed on");
		list_interfaces(stream, status, INTERFACE_ABSENT, "absent:");
		fclose(stream);
	}
	if (text && length >= 2) /* the last "; " */
		text[length - 2] = '\0';
	log_escape(out, size, text ? text : "out of memory", false);
}
