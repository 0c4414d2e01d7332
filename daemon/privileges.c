// SPDX-License-Identifier: GPL-2.0-only
/*
 * privileges.c: which capabilities the daemon keeps, and why; see privileges.h.
 *
 * RLIMIT_MEMLOCK is left alone: since Linux 5.11 maps are charged to the memory cgroup, and
 * 6.1 is the oldest kernel supported. So CAP_SYS_RESOURCE is not needed either.
 */
#include <cap-ng.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "log.h"
#include "privileges.h"
#include "util.h"

enum need { NEED_ALWAYS, NEED_IF_THERE, NEED_AT_START };

static const struct {
	unsigned int capability;
	enum need need;
	const char *purpose;
} table[] = {
	{ CAP_BPF, NEED_ALWAYS, "load BPF programs and maps" },
	{ CAP_NET_ADMIN, NEED_ALWAYS, "attach to network interfaces" },
	{ CAP_PERFMON, NEED_ALWAYS, "pass the BPF verifier" },
	{ CAP_SYS_ADMIN, NEED_ALWAYS,
	  "adopt what a former daemon left, use libxdp's dispatcher, and detach" },
	/* The policy may name list files that a feed's user wrote with mode 0600; root without
	 * this capability may not read them. */
	{ CAP_DAC_READ_SEARCH, NEED_IF_THERE, "read list files that belong to other users" },
	{ CAP_CHOWN, NEED_AT_START, "give the control socket to its group" },
};

static int check_needs(void)
{
	char missing[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *name = capng_capability_to_name(table[i].capability);

		if (capng_have_capability(CAPNG_PERMITTED, table[i].capability))
			continue;
		if (table[i].need != NEED_ALWAYS) {
			log_debug("no capability to %s (cap_%s): going on without",
				  table[i].purpose, name ? name : "unknown");
			continue;
		}
		n += snprintf(missing + n, sizeof(missing) - n, "%scap_%s (to %s)", n ? ", " : "",
			      name ? name : "unknown", table[i].purpose);
		if (n >= sizeof(missing))
			n = sizeof(missing) - 1;
	}
	if (!n)
		return 0;
	if (geteuid() != 0)
		return log_error_errno(EPERM,
				       "xdpgated must run as root: missing %s; start it by"
				       " 'systemctl start xdpgated', or with sudo",
				       missing);
	return log_error_errno(EPERM,
			       "missing %s: whatever started xdpgated has taken it away; add"
			       " it to CapabilityBoundingSet= of the unit, or to what the container"
			       " may do",
			       missing);
}

/* Keep what the table names and this process has. */
static int apply(bool starting)
{
	capng_select_t what = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
	bool keep[ARRAY_SIZE(table)];
	int r;

	if (capng_get_caps_process() < 0)
		return log_error_errno(EPERM, "cannot read the capabilities of this process");
	if (starting) {
		r = check_needs();
		if (r < 0)
			return r;
	}
	/* Without CAP_SETPCAP the bounding set must stay; no_new_privs makes it harmless. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what |= CAPNG_SELECT_BOUNDS;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		keep[i] = capng_have_capability(CAPNG_PERMITTED, table[i].capability) &&
			  (starting || table[i].need != NEED_AT_START);

	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		/* What only the start needs leaves the bounding set now: later we may not. */
		int sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED |
			   (table[i].need == NEED_AT_START ? 0 : CAPNG_BOUNDING_SET);

		if (keep[i])
			capng_update(CAPNG_ADD, (capng_type_t)sets, table[i].capability);
	}
	r = capng_apply(what);
	if (r < 0)
		return log_error_errno(EPERM, "cannot give up capabilities (libcap-ng: %d)", r);
	return 0;
}

int privileges_restrict(void)
{
	int r;

	umask(0077);
	r = apply(true);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return log_error_errno(errno, "cannot set no_new_privs: %m");
	return 0;
}

int privileges_seal(void)
{
	return apply(false);
}
