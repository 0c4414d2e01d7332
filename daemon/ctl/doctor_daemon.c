/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_daemon.c: what `xdpgate doctor` says of the daemon, the policy and the devices it names. */
#include <string.h>

#include "diag.h"
#include "doctor.h"
#include "netdev.h"
#include "util.h"

void check_daemon(struct doctor *doctor, const struct subject *none)
{
	const char *socket = doctor->options->socket;

	if (doctor->daemon_error == -EACCES || doctor->daemon_error == -EPERM) {
		doctor_say(doctor, LEVEL_UNKNOWN,
			   "no permission to ask it: be root, or in the group xdpgate");
		return;
	}
	if (!doctor->status) {
		doctor_say(doctor, LEVEL_WARNING,
			   "xdpgated does not answer at %s (%s); what it has put in force goes on "
			   "judging",
			   socket, strerror(-doctor->daemon_error));
		doctor_remedy(doctor, "systemctl start xdpgated");
		return;
	}
	if (json_is_true(json_object_get(doctor->status, "last_reload_failed"))) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "the last reload failed, an older policy is in force:\n%s",
			   string_of(doctor->status, "last_reload_error"));
		doctor_remedy(doctor, "xdpgate%s reload", doctor_socket(doctor));
	}
	if (!json_is_true(json_object_get(doctor->status, "ready"))) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "xdpgated runs, but an interface that is required does not filter");
		doctor_remedy(doctor, "xdpgate%s status", doctor_socket(doctor));
	}
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "xdpgated runs (process %lld), generation %lld",
			   number_of(doctor->status, "pid"),
			   number_of(doctor->status, "generation"));
}

void check_policy(struct doctor *doctor, const struct subject *none)
{
	char word[1024];

	doctor_word(doctor->config, word, sizeof(word));
	if (doctor->manifest) {
		doctor_say(doctor, LEVEL_OK, "%s loads, %u interface%s", doctor->config,
			   doctor->manifest->n_interfaces,
			   doctor->manifest->n_interfaces == 1 ? "" : "s");
	} else if (doctor->policy_error == -ENOENT && !doctor->options->config && !doctor->status) {
		doctor_say(doctor, LEVEL_WARNING,
			   "there is no %s: taking every device for one that shall filter natively",
			   doctor->config);
	} else if (doctor->policy_error == -EACCES) {
		doctor_say(doctor, LEVEL_UNKNOWN, "%s may not be read", doctor->config);
	} else {
		_cleanup_free_ char *line =
			doctor->policy_diags.n ? diag_line(&doctor->policy_diags.items[0]) : NULL;

		doctor_say(doctor, LEVEL_PROBLEM, "%s does not load: %s", doctor->config,
			   line ? line : strerror(-doctor->policy_error));
		doctor_remedy(doctor, "xdpgate check %s", word);
	}
}

/* The device whose name is nearest, or NULL. */
static const char *nearest(const struct doctor *doctor, const char *port)
{
	_cleanup_free_ const char **names = calloc(doctor->n_all + 1, sizeof(*names));

	for (size_t i = 0; names && i < doctor->n_all; i++)
		names[i] = doctor->all[i].name;
	return names ? suggest(port, names) : NULL;
}

/* A device that the policy names is not here. */
static void tell_missing(struct doctor *doctor, const char *what, const char *name,
			 const char *port)
{
	const char *near = strchr(port, ':') ? NULL : nearest(doctor, port);
	char near_word[IFNAMSIZ * 4 + 3], port_word[PORT_LEN * 4 + 3];

	if (!near) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "%s '%s': there is no network device '%s' in this network namespace",
			   what, name, port);
		doctor_remedy(doctor, "ip -brief link");
		return;
	}
	doctor_word(near, near_word, sizeof(near_word));
	doctor_word(port, port_word, sizeof(port_word));
	doctor_say(doctor, LEVEL_PROBLEM,
		   "%s '%s': there is no network device '%s' in this network namespace; did you "
		   "mean '%s'? It can have both names",
		   what, name, port, near);
	doctor_remedy(doctor, "ip link property add dev %s altname %s", near_word, port_word);
}

static void look_for(struct doctor *doctor, const char *what, const char *name, const char *port)
{
	struct diags diags = {};
	int r = netdev_find(port, &diags);

	if (r == 0)
		tell_missing(doctor, what, name, port);
	else if (r < 0)
		doctor_say(doctor, LEVEL_PROBLEM, "%s '%s': %s", what, name,
			   diags.n ? diags.items[0].message : strerror(-r));
	if (r < 0)
		doctor_remedy(doctor, "ip -brief link");
	diags_free(&diags);
}

void check_ports(struct doctor *doctor, const struct subject *none)
{
	const struct manifest *manifest = doctor->manifest;

	if (!manifest) {
		doctor_say(doctor, LEVEL_UNKNOWN, "without a policy there are none to look for");
		return;
	}
	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		look_for(doctor, "interface", manifest->interfaces[i].name,
			 manifest->interfaces[i].port);
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "all ports of the policy are there");
}

/* A veth hands redirected frames to the NAPI of its peer; if there is none, they are lost. */
static void look_at_target(struct doctor *doctor, const char *port)
{
	struct device_facts facts, peer;
	char netns[PATH_MAX], word[PATH_MAX], peer_word[IFNAMSIZ * 4 + 3];
	struct diags quiet = {};
	int ifindex = netdev_find(port, &quiet);
	bool takes;

	diags_free(&quiet);
	if (ifindex <= 0 || device_facts_read(ifindex, &facts) < 0)
		return;
	if (!facts.up) {
		doctor_word(facts.name, word, sizeof(word));
		doctor_say(doctor, LEVEL_PROBLEM,
			   "%s is down: frames that are redirected to it are lost", facts.name);
		doctor_remedy(doctor, "ip link set dev %s up", word);
		return;
	}
	if (strcmp(facts.kind, "veth") != 0) {
		if (facts.features >= 0 && !(facts.features & XDP_FEATURE_NDO_XMIT))
			doctor_say(doctor, LEVEL_WARNING,
				   "the driver of %s takes no frames that XDP redirects natively, "
				   "or not as it is set now",
				   facts.name);
		return;
	}
	if (device_facts_read_peer(&facts, &peer, netns) < 0) {
		if (facts.features >= 0 && !(facts.features & XDP_FEATURE_NDO_XMIT))
			doctor_say(
				doctor, LEVEL_PROBLEM,
				"frames that are redirected to %s are lost, and no counter of "
				"redirect tells: its peer, where we cannot look, has neither GRO "
				"(`ethtool -K PEER gro on`) nor an XDP program",
				facts.name);
		return;
	}
	takes = peer.gro > 0 || peer.has_program > 0;
	if (takes && peer.up)
		return;
	doctor_word(netns, word, sizeof(word));
	doctor_word(peer.name, peer_word, sizeof(peer_word));
	doctor_say(
		doctor, LEVEL_PROBLEM,
		"frames that are redirected to %s are lost, and no counter of redirect tells: its "
		"peer %s %s",
		facts.name, peer.name,
		takes ? "is down" : "has no NAPI, since it has neither GRO nor an XDP program");
	doctor_remedy(doctor, takes ? "%s%s%sip link set dev %s up" : "%s%s%sethtool -K %s gro on",
		      netns[0] ? "nsenter --net=" : "", netns[0] ? word : "", netns[0] ? " " : "",
		      peer_word);
}

void check_redirects(struct doctor *doctor, const struct subject *none)
{
	size_t n = doctor->policy ? doctor->policy->n_redirects : 0;

	for (size_t i = 0; i < n; i++) {
		const char *port = doctor->policy->redirects[i].port;

		look_for(doctor, "redirect to", port, port);
		look_at_target(doctor, port);
	}
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK,
			   n ? "the devices redirected to can take frames"
			     : "nothing is redirected");
}

/* --- what the daemon met on a device ------------------------------------------------------- */

static void tell_state(struct doctor *doctor, const json_t *interface)
{
	const char *name = string_of(interface, "name"), *state = string_of(interface, "state");
	const char *error = string_of(interface, "error");

	if (strcmp(state, "failed") == 0) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "interface '%s' does not filter; when the daemon tried: %s", name,
			   *error ? error : "it does not say why");
		doctor_remedy(doctor, "xdpgate%s reload", doctor_socket(doctor));
	} else if (strcmp(state, "off") == 0) {
		char word[NAME_LEN * 4 + 3];

		doctor_word(name, word, sizeof(word));
		doctor_say(doctor, LEVEL_WARNING,
			   "interface '%s' is off: every packet passes, as somebody wished", name);
		doctor_remedy(doctor, "xdpgate%s on %s", doctor_socket(doctor), word);
	} else if (*error) {
		doctor_say(doctor, LEVEL_PROBLEM, "interface '%s' is %s, but: %s", name, state,
			   error);
		doctor_remedy(doctor, "xdpgate%s reload", doctor_socket(doctor));
	} else {
		doctor_say(doctor, LEVEL_OK, "interface '%s' is %s, in %s mode", name, state,
			   string_of(interface, "mode"));
	}
}

void check_attached(struct doctor *doctor, const struct subject *subject)
{
	const json_t *interface;
	size_t i;

	if (!doctor->status)
		return;
	json_array_foreach (json_object_get(doctor->status, "interfaces"), i, interface)
		if (netdev_is(subject->facts.ifindex, string_of(interface, "port")))
			tell_state(doctor, interface);
}
