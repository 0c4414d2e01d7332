/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_gather.c: what the checks of `xdpgate doctor` look at; see doctor.h. */
#include <string.h>

#include "config.h"
#include "doctor.h"
#include "local.h"
#include "netdev.h"
#include "paths.h"
#include "text.h"
#include "util.h"

/* --- daemon and policy --------------------------------------------------------------------- */

/* Quietly: that it does not run is a finding, no failure. */
static void ask_daemon(struct doctor *doctor)
{
	_cleanup_(client_close) struct client client = CLIENT_CLOSED;
	_cleanup_(reply_free) struct reply reply = {};
	int r = request_open(doctor->options, &client);

	if (r == 0)
		r = client_set_timeout(&client, TIMEOUT_SWITCH_MSEC);
	if (r == 0)
		r = client_call(&client, GATE_INTERFACE "Status", NULL, false);
	if (r == 0)
		r = client_receive(&client, &reply);
	if (r == 0 && (reply.error || !reply.parameters))
		r = reply.error && strstr(reply.error, "PermissionDenied") ? -EACCES : -EBADMSG;
	doctor->daemon_error = r;
	if (r == 0)
		doctor->status = json_incref(reply.parameters);
}

static int find_config(struct doctor *doctor)
{
	const char *path = doctor->options->config;

	if (!path && doctor->status)
		path = string_of(doctor->status, "config");
	doctor->config = strdup(path && *path ? path : DEFAULT_CONFIG);
	return doctor->config ? 0 : -ENOMEM;
}

static void load_policy(struct doctor *doctor)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	const struct load_options options = { .self = &self };
	int r;

	if (access(doctor->config, R_OK) < 0) {
		doctor->policy_error = -errno;
		return;
	}
	r = local_addresses_read(&self);
	if (r >= 0)
		r = policy_load_with(doctor->config, &options, &doctor->policy,
				     &doctor->policy_diags);
	if (r >= 0)
		r = manifest_from_policy(doctor->policy, &doctor->manifest);
	doctor->policy_error = r < 0 ? r : 0;
}

/* --- subjects ------------------------------------------------------------------------------ */

static const struct manifest_interface *interface_at(const struct doctor *doctor, uint32_t i)
{
	return doctor->manifest ? &doctor->manifest->interfaces[i] : NULL;
}

static uint32_t n_interfaces(const struct doctor *doctor)
{
	return doctor->manifest ? doctor->manifest->n_interfaces : 0;
}

/* What the policy wants of the device. */
static void note_wishes(const struct doctor *doctor, struct subject *subject)
{
	for (uint32_t i = 0; i < n_interfaces(doctor); i++) {
		const struct manifest_interface *interface = interface_at(doctor, i);
		struct diags quiet = {};

		if (netdev_find(interface->port, &quiet) == subject->facts.ifindex) {
			subject->in_policy = true;
			if (!subject->interface)
				subject->interface = &doctor->policy->interfaces[i];
			subject->mode = interface->mode;
			subject->needs_tags |= interface->needs_tags;
		}
		diags_free(&quiet);
	}
}

static void look_at_peer(struct subject *subject)
{
	char netns[PATH_MAX], word[PATH_MAX];

	if (device_facts_read_peer(&subject->facts, &subject->peer, netns) < 0)
		return;
	subject->has_peer = true;
	doctor_word(subject->peer.name, subject->peer_word, sizeof(subject->peer_word));
	if (!netns[0])
		return;
	doctor_word(netns, word, sizeof(word));
	snprintf(subject->peer_shell, sizeof(subject->peer_shell), "nsenter --net=%s ", word);
}

static int add_subject(struct doctor *doctor, size_t *capacity, int ifindex, bool asked)
{
	struct subject *subject;
	int r;

	for (size_t i = 0; i < doctor->n_subjects; i++)
		if (doctor->subjects[i].facts.ifindex == ifindex)
			return 0;
	r = array_reserve((void **)&doctor->subjects, capacity, doctor->n_subjects + 1,
			  sizeof(*subject));
	if (r < 0)
		return r;
	subject = &doctor->subjects[doctor->n_subjects];
	*subject = (struct subject){ .mode = ATTACH_NATIVE, .asked = asked };
	r = device_facts_read(ifindex, &subject->facts);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* it has gone meanwhile */
	doctor->n_subjects++;
	doctor_word(subject->facts.name, subject->word, sizeof(subject->word));
	note_wishes(doctor, subject);
	subject->programs_known = device_programs_read(ifindex, &subject->programs) >= 0;
	look_at_peer(subject);
	subject->n_counters = device_counters_read(ifindex, &subject->counters);
	return 0;
}

/* What is found of ours, once the array of subjects has its place. */
static void find_ours(struct subject *subject)
{
	for (size_t i = 0; i < subject->programs.n; i++)
		if (subject->programs.items[i].ours)
			subject->ours = &subject->programs.items[i];
}

/* An interface of the policy, a device's name, alternative name or MAC address. */
static int find_argument(const struct doctor *doctor, const char *argument)
{
	struct diags quiet = {};
	int r = 0;

	for (uint32_t i = 0; !r && i < n_interfaces(doctor); i++)
		if (strcmp(interface_at(doctor, i)->name, argument) == 0)
			r = netdev_find(interface_at(doctor, i)->port, &quiet);
	if (r <= 0)
		r = netdev_find(argument, &quiet);
	diags_free(&quiet);
	return r;
}

static int add_arguments(struct doctor *doctor, size_t *capacity, int n, char **arguments)
{
	int r = 0;

	doctor->absent = calloc((size_t)n, sizeof(*doctor->absent));
	if (!doctor->absent)
		return -ENOMEM;
	for (int i = 0; r >= 0 && i < n; i++) {
		int ifindex = find_argument(doctor, arguments[i]);

		if (ifindex > 0)
			r = add_subject(doctor, capacity, ifindex, true);
		else
			doctor->absent[doctor->n_absent++] = arguments[i];
	}
	return r;
}

/* The policy's; without a policy, all that could have one. */
static int add_usual(struct doctor *doctor, size_t *capacity)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < n_interfaces(doctor); i++) {
		struct diags quiet = {};
		int ifindex = netdev_find(interface_at(doctor, i)->port, &quiet);

		if (ifindex > 0)
			r = add_subject(doctor, capacity, ifindex, false);
		diags_free(&quiet);
	}
	for (size_t i = 0; r >= 0 && !doctor->manifest && i < doctor->n_all; i++)
		if (!doctor->all[i].loopback)
			r = add_subject(doctor, capacity, doctor->all[i].ifindex, false);
	return r;
}

int doctor_gather(struct doctor *doctor, int n, char **arguments)
{
	size_t capacity = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	doctor->cpus = cpus > 0 ? (unsigned int)cpus : 1;
	clock_gettime(CLOCK_MONOTONIC, &doctor->begun);
	kernel_facts_read(&doctor->kernel);
	ask_daemon(doctor);
	r = find_config(doctor);
	if (r >= 0) {
		load_policy(doctor);
		r = device_facts_list(&doctor->all);
		doctor->n_all = r > 0 ? (size_t)r : 0;
	}
	if (r >= 0)
		r = n ? add_arguments(doctor, &capacity, n, arguments)
		      : add_usual(doctor, &capacity);
	if (r < 0) {
		fprintf(stderr, "xdpgate: cannot look at the network devices: %s\n", strerror(-r));
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < doctor->n_subjects; i++)
		find_ours(&doctor->subjects[i]);
	return EXIT_OK;
}

static void free_finding(struct finding *finding)
{
	free(finding->device);
	free(finding->text);
	free(finding->kernel);
	free(finding->remedy);
}

void doctor_free(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n_findings; i++)
		free_finding(&doctor->findings[i]);
	free(doctor->findings);
	for (size_t i = 0; i < doctor->n_subjects; i++)
		free(doctor->subjects[i].counters);
	free(doctor->subjects);
	free(doctor->all);
	free(doctor->absent);
	free(doctor->config);
	json_decref(doctor->status);
	manifest_free(doctor->manifest);
	policy_free(doctor->policy);
	diags_free(&doctor->policy_diags);
}
