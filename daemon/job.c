// SPDX-License-Identifier: GPL-2.0-only
/*
 * job.c: ask systemd over D-Bus: our unit -> its job -> the job's type; see job.h.
 *
 * While a restart stops the old daemon the job is of type "restart"; systemd turns
 * it into "start" only after that. First the system bus is asked; on a router without a bus
 * daemon, systemd's own socket answers the same calls to root, as systemctl uses it.
 */
#include <string.h>
#include <systemd/sd-bus.h>

#include "clock.h"
#include "job.h"
#include "log.h"
#include "util.h"

#define PATIENCE_USEC 1000000ULL /* for each bus, from connecting to the last answer */
#define MANAGER_SOCKET "unix:path=/run/systemd/private"
#define SYSTEMD "org.freedesktop.systemd1"

static void close_bus(sd_bus **bus)
{
	if (*bus)
		sd_bus_close(*bus);
	sd_bus_unref(*bus);
}

/* What is left until the deadline becomes the timeout of the next call. */
static int set_timeout(sd_bus *bus, uint64_t deadline)
{
	uint64_t now = clock_monotonic_usec();

	if (now >= deadline)
		return -ETIMEDOUT;
	return sd_bus_set_method_call_timeout(bus, deadline - now);
}

/* sd_bus_call() itself would wait up to 90 s for a bus that accepts and then says nothing. */
static int wait_connected(sd_bus *bus, uint64_t deadline)
{
	for (;;) {
		uint64_t now;
		int r = sd_bus_is_ready(bus);

		if (r != 0)
			return r < 0 ? r : 0;
		r = sd_bus_process(bus, NULL);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		now = clock_monotonic_usec();
		if (now >= deadline)
			return -ETIMEDOUT;
		r = sd_bus_wait(bus, deadline - now);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

static int open_manager_socket(sd_bus **ret)
{
	_cleanup_(close_bus) sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, MANAGER_SOCKET);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(bus);
	return 0;
}

/* The type of our unit's job ("restart", "stop", …), or "" if there is none. */
static int ask_job_type(sd_bus *bus, char **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *unit_reply = NULL, *job_reply = NULL;
	uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
	const char *unit, *job;
	uint32_t id;
	int r;

	r = wait_connected(bus, deadline);
	if (r >= 0)
		r = set_timeout(bus, deadline);
	if (r >= 0) /* pid 0: the caller */
		r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1",
				       SYSTEMD ".Manager", "GetUnitByPID", NULL, &unit_reply, "u",
				       (uint32_t)0);
	if (r >= 0)
		r = sd_bus_message_read(unit_reply, "o", &unit);
	if (r >= 0)
		r = set_timeout(bus, deadline);
	if (r >= 0)
		r = sd_bus_get_property(bus, SYSTEMD, unit, SYSTEMD ".Unit", "Job", NULL,
					&job_reply, "(uo)");
	if (r >= 0)
		r = sd_bus_message_read(job_reply, "(uo)", &id, &job);
	if (r < 0)
		return r;
	if (id == 0) {
		*ret = strdup("");
		return *ret ? 0 : -ENOMEM;
	}
	r = set_timeout(bus, deadline);
	if (r < 0)
		return r;
	return sd_bus_get_property_string(bus, SYSTEMD, job, SYSTEMD ".Job", "JobType", NULL, ret);
}

static int find_job_type(char **ret)
{
	_cleanup_(close_bus) sd_bus *system_bus = NULL, *manager = NULL;
	int r = sd_bus_open_system(&system_bus);

	if (r >= 0)
		r = ask_job_type(system_bus, ret);
	if (r >= 0)
		return 0;
	log_debug_errno(r, "the system bus does not say which job is running: %m;"
			   " asking systemd itself");
	r = open_manager_socket(&manager);
	if (r >= 0)
		r = ask_job_type(manager, ret);
	return r < 0 ? r : 0;
}

bool job_is_restart(void)
{
	_cleanup_free_ char *type = NULL;
	int r;

	if (!getenv("INVOCATION_ID")) /* systemd sets it for every service */
		return false;
	r = find_job_type(&type);
	if (r < 0) {
		log_warning_errno(r, "cannot ask systemd whether this is a restart: %m;"
				     " taking it for a stop");
		return false;
	}
	log_debug("systemd's job on this unit: %s", *type ? type : "none");
	return strcmp(type, "restart") == 0 || strcmp(type, "try-restart") == 0;
}
