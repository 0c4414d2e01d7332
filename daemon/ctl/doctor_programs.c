/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_programs.c: the XDP programs of a device, and what attaching ours does or would do. */
#include <string.h>

#include "doctor.h"
#include "doctor_device.h"
#include "kernel.h"
#include "port.h"
#include "text.h"
#include "util.h"

static const char *mode_name(enum attach_mode mode)
{
	return mode == ATTACH_NATIVE ? "native" : "generic";
}

static void remove_program(struct doctor *doctor, const struct subject *subject,
			   const struct device_program *program)
{
	if (program->link_id)
		doctor_remedy(doctor, "bpftool link detach id %u", program->link_id);
	else if (program->dispatcher)
		doctor_remedy(doctor, "xdp-loader unload --all %s", subject->word);
	else
		doctor_remedy(doctor, "ip link set dev %s %s off", subject->word,
			      program->mode == ATTACH_NATIVE ? "xdpdrv" : "xdpgeneric");
}

/* Ours or not, it is on the device in the mode that the policy does not want. */
static void tell_wrong_mode(struct doctor *doctor, const struct subject *subject,
			    const struct device_program *program)
{
	bool ours = program->ours || (program->dispatcher && subject->ours);

	doctor_say(doctor, doctor_worst(subject),
		   "%s '%s' (id %u) is attached in %s mode, and %s mode is wanted: only one can be "
		   "active",
		   ours ? "xdpgate's program" : "the program", program->name, program->id,
		   mode_name(program->mode), mode_name(subject->mode));
	doctor_kernel(doctor, "Native and generic XDP can't be active at the same time.");
	if (ours)
		doctor_remedy(doctor, "xdpgate%s detach", doctor_socket(doctor));
	else
		remove_program(doctor, subject, program);
}

static void tell_program(struct doctor *doctor, const struct subject *subject,
			 const struct device_program *program)
{
	const char *name = program->name[0] ? program->name : "?";

	if (program->component) {
		if (!program->ours)
			doctor_say(doctor, LEVEL_OK,
				   "'%s' (id %u) stands behind libxdp's dispatcher, too", name,
				   program->id);
	} else if (program->mode != subject->mode) {
		tell_wrong_mode(doctor, subject, program);
	} else if (program->ours) {
		doctor_say(doctor, LEVEL_OK,
			   "xdpgate's entry (id %u) is attached in %s mode, alone", program->id,
			   mode_name(program->mode));
	} else if (program->dispatcher) {
		doctor_say(doctor, LEVEL_OK,
			   "libxdp's dispatcher (id %u) is attached in %s mode, %s", program->id,
			   mode_name(program->mode),
			   subject->ours ? "with xdpgate's entry"
					 : "and would take xdpgate's entry in");
	} else if (!subject->programs.named) {
		doctor_say(doctor, LEVEL_UNKNOWN,
			   "a program (id %u) is attached in %s mode; whose, is for root to ask",
			   program->id, mode_name(program->mode));
	} else {
		doctor_say(doctor, doctor_worst(subject),
			   "another XDP program, '%s' (id %u), is attached in %s mode without "
			   "libxdp's dispatcher, so xdpgate cannot be put beside it",
			   name, program->id, mode_name(program->mode));
		doctor_kernel(doctor, "Existing program is not using a dispatcher, can't replace "
				      "(Device or resource busy)");
		remove_program(doctor, subject, program);
	}
}

void check_programs(struct doctor *doctor, const struct subject *subject)
{
	if (!subject->programs_known) {
		doctor_say(doctor, LEVEL_UNKNOWN, "cannot ask for its programs");
		return;
	}
	for (size_t i = 0; i < subject->programs.n; i++)
		tell_program(doctor, subject, &subject->programs.items[i]);
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "no XDP program is attached");
}

void check_reset(struct doctor *doctor, const struct subject *subject)
{
	const struct driver *driver = doctor_driver(&subject->facts);

	if (subject->mode == ATTACH_GENERIC)
		doctor_say(doctor, LEVEL_OK, "generic mode does not touch the driver");
	else if (driver && driver->resets)
		doctor_say(doctor, subject->ours ? LEVEL_OK : LEVEL_WARNING,
			   subject->ours
				   ? "attached; reloads do not touch the driver, but detaching may "
				     "reset the link on %s"
				   : "attaching may reset the link on this driver (%s), for up to "
				     "some seconds: once, reloads do not",
			   driver->name);
	else if (driver && driver->native == NATIVE)
		doctor_say(doctor, LEVEL_OK, "attaching does not reset the link on %s",
			   driver->name);
	else if (doctor_native(&subject->facts) != NOT_NATIVE)
		doctor_say(doctor, LEVEL_UNKNOWN,
			   "whether attaching resets the link on this driver is not known");
}

/* --- the attempt --------------------------------------------------------------------------- */

static void tell_refusal(struct doctor *doctor, const struct subject *subject, int r,
			 enum level level, const char *what)
{
	const char *remedy = port_attach_remedy(r), *words = kernel_words();

	doctor_say(doctor, level, "%s is refused in %s mode: %s%s%s", what,
		   mode_name(subject->mode), strerror(-r), remedy ? "; " : "",
		   remedy ? remedy : "");
	if (*words)
		doctor_kernel(doctor, "%s", words);
}

/* The command, if a check has found the cause already: that one, or any that keeps us off. */
static void repeat_remedy(struct doctor *doctor, const char *check)
{
	const struct finding *last = &doctor->findings[doctor->n_findings - 1];

	for (const struct finding *finding = doctor->findings; finding < last; finding++)
		if (finding->remedy && finding->device && last->device &&
		    strcmp(finding->device, last->device) == 0 &&
		    (check ? strcmp(finding->check, check) == 0
			   : finding->level == LEVEL_PROBLEM &&
				     strcmp(finding->check, "tags") != 0)) {
			doctor_remedy(doctor, "%s", finding->remedy);
			return;
		}
}

void check_try(struct doctor *doctor, const struct subject *subject)
{
	int r;

	if (!doctor->options->try_attach)
		return;
	if (subject->programs.n) {
		doctor_say(doctor, LEVEL_UNKNOWN,
			   "not tried: there is an XDP program already, which stays");
		return;
	}
	text_printf(stderr, "xdpgate: attaching to %s", subject->facts.name);
	fprintf(stderr, " in %s mode for a moment; this may reset the link\n",
		mode_name(subject->mode));
	r = device_attach_try(subject->facts.ifindex, subject->mode, true);
	if (r < 0) {
		tell_refusal(doctor, subject, r, LEVEL_PROBLEM, "a program that passes everything");
		repeat_remedy(doctor, NULL);
		return;
	}
	doctor_say(doctor, LEVEL_OK, "a program could be attached in %s mode, and taken off again",
		   mode_name(subject->mode));
	if (subject->mode == ATTACH_GENERIC || !doctor_mtu_needs_frags(subject))
		return;
	r = device_attach_try(subject->facts.ifindex, subject->mode, false);
	if (r >= 0)
		return;
	tell_refusal(doctor, subject, r, LEVEL_WARNING, "a program that does not know frags");
	repeat_remedy(doctor, "mtu");
}
