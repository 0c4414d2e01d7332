/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate doctor: why native attach would or did fail, and what to do about it. It changes
 * nothing, and works without the daemon; with --try it attaches for a moment.
 */
#include "doctor.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "kernel.h"
#include "paths.h"
#include "text.h"
#include "util.h"

/* In the order of the output. drops comes late: it looks at what has risen meanwhile. */
const struct check doctor_checks[] = {
	{ "kernel", "version, types (BTF)", false, check_kernel },
	{ "jit", "the JIT compiler", false, check_jit },
	{ "unprivileged", "BPF for everybody", false, check_unprivileged },
	{ "dispatcher", "sharing a device with other XDP programs", false, check_dispatcher },
	{ "privileges", "capabilities", false, check_privileges },
	{ "bpffs", "the BPF file system, here and for the daemon", false, check_bpffs },
	{ "pins", "who owns what is pinned", false, check_pins },
	{ "memory", "limits on the daemon's memory", false, check_memory },
	{ "daemon", "does it run, and in which state", false, check_daemon },
	{ "policy", "does the policy file load", false, check_policy },
	{ "ports", "are the policy's ports there", false, check_ports },
	{ "redirects", "can the devices that are redirected to take frames", false,
	  check_redirects },
	{ "driver", "has the driver native XDP", true, check_driver },
	{ "stack", "bond, bridge, VLAN devices", true, check_stack },
	{ "mtu", "large frames", true, check_mtu },
	{ "offloads", "LRO, GRO_HW", true, check_offloads },
	{ "tags", "VLAN tags that the driver takes out", true, check_tags },
	{ "queues", "receive queues, the peer's transmit queues, CPUs", true, check_queues },
	{ "spread", "RSS and interrupts", true, check_spread },
	{ "programs", "XDP programs of others", true, check_programs },
	{ "reset", "does attaching reset the link", true, check_reset },
	{ "attached", "what the daemon met", true, check_attached },
	{ "try", "a program that passes everything, for a moment (--try)", true, check_try },
	{ "drops", "frames that the device loses now", true, check_drops },
};
const size_t n_doctor_checks = ARRAY_SIZE(doctor_checks);

/* --- findings ------------------------------------------------------------------------------ */

static char *format_text(struct doctor *doctor, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) >= 0)
		return text;
	doctor->failed = true;
	return NULL;
}

void doctor_say(struct doctor *doctor, enum level level, const char *format, ...)
{
	struct finding *finding;
	va_list args;

	if (array_reserve((void **)&doctor->findings, &doctor->capacity, doctor->n_findings + 1,
			  sizeof(*finding)) < 0) {
		doctor->failed = true;
		return;
	}
	finding = &doctor->findings[doctor->n_findings++];
	*finding = (struct finding){ .check = doctor->check, .level = level };
	if (doctor->subject)
		finding->device = strdup(doctor->subject->facts.name);
	va_start(args, format);
	finding->text = format_text(doctor, format, args);
	va_end(args);
	doctor->failed |= doctor->subject && !finding->device;
}

static void add(struct doctor *doctor, char **place, const char *format, va_list args)
{
	free(*place);
	*place = format_text(doctor, format, args);
}

void doctor_kernel(struct doctor *doctor, const char *format, ...)
{
	va_list args;

	if (!doctor->n_findings)
		return;
	va_start(args, format);
	add(doctor, &doctor->findings[doctor->n_findings - 1].kernel, format, args);
	va_end(args);
}

void doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	va_list args;

	if (!doctor->n_findings)
		return;
	va_start(args, format);
	add(doctor, &doctor->findings[doctor->n_findings - 1].remedy, format, args);
	va_end(args);
}

bool doctor_said(const struct doctor *doctor)
{
	const struct finding *last;

	if (!doctor->n_findings)
		return false;
	last = &doctor->findings[doctor->n_findings - 1];
	if (strcmp(last->check, doctor->check) != 0)
		return false;
	return !doctor->subject ||
	       (last->device && strcmp(last->device, doctor->subject->facts.name) == 0);
}

void doctor_word(const char *text, char *ret, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.@:/+-";
	size_t n = 0;

	if (*text && strspn(text, plain) == strlen(text)) {
		snprintf(ret, size, "%s", strlen(text) < size ? text : "");
		return;
	}
	if (strlen(text) * 4 + 3 > size) {
		ret[0] = '\0';
		return;
	}
	ret[n++] = '\'';
	for (; *text; text++) {
		if (*text == '\'') {
			memcpy(ret + n, "'\\'", 3);
			n += 3;
		}
		ret[n++] = *text;
	}
	ret[n++] = '\'';
	ret[n] = '\0';
}

const char *doctor_socket(const struct doctor *doctor)
{
	static char text[1024];
	char word[900];

	if (strcmp(doctor->options->socket, DEFAULT_SOCKET) == 0)
		return "";
	doctor_word(doctor->options->socket, word, sizeof(word));
	snprintf(text, sizeof(text), " --socket %s", word);
	return text;
}

const struct device_facts *doctor_device(const struct doctor *doctor, int ifindex)
{
	for (size_t i = 0; ifindex && i < doctor->n_all; i++)
		if (doctor->all[i].ifindex == ifindex)
			return &doctor->all[i];
	return NULL;
}

/* --- the run ------------------------------------------------------------------------------- */

static void run_one(struct doctor *doctor, const struct check *check, const struct subject *subject)
{
	doctor->check = check->name;
	doctor->subject = subject;
	check->run(doctor, subject);
}

/* Arguments that are no device, and no interface of the policy that has one. */
static void tell_absent(struct doctor *doctor)
{
	doctor->check = "ports";
	doctor->subject = NULL;
	for (size_t i = 0; i < doctor->n_absent; i++) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "there is no network device '%s' here, and no interface of the policy "
			   "of that name whose port is here",
			   doctor->absent[i]);
		doctor_remedy(doctor, "ip -brief link");
	}
}

static void run_all(struct doctor *doctor)
{
	for (size_t i = 0; i < n_doctor_checks; i++)
		if (!doctor_checks[i].of_device)
			run_one(doctor, &doctor_checks[i], NULL);
	tell_absent(doctor);
	for (size_t s = 0; s < doctor->n_subjects; s++)
		for (size_t i = 0; i < n_doctor_checks; i++)
			if (doctor_checks[i].of_device)
				run_one(doctor, &doctor_checks[i], &doctor->subjects[s]);
}

static bool has_problem(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n_findings; i++)
		if (doctor->findings[i].level == LEVEL_PROBLEM)
			return true;
	return false;
}

int run_doctor(const struct options *options, int n, char **arguments)
{
	_cleanup_(doctor_free) struct doctor doctor = { .options = options };
	int r;

	kernel_listen(NULL);
	if (options->try_attach && geteuid() != 0) {
		fprintf(stderr, "xdpgate: --try attaches a program: be root\n");
		return EXIT_DENIED;
	}
	r = doctor_gather(&doctor, n, arguments);
	if (r != EXIT_OK)
		return r;
	run_all(&doctor);
	if (doctor.failed) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_FAILED;
	}
	if (options->json)
		doctor_print_json(&doctor);
	else
		doctor_print(&doctor, wants_color(options));
	return has_problem(&doctor) ? EXIT_FAILED : EXIT_OK;
}
