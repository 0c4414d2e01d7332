/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doctor.h: `xdpgate doctor`: a table of checks, each a small function that looks at one thing
 * and says what it found. To add one: write it, declare it below, and give it a line in doctor.c.
 */
#pragma once

#include <time.h>

#include "ctl.h"
#include "device_facts.h"
#include "device_programs.h"
#include "diag.h"
#include "kernel_facts.h"
#include "manifest.h"
#include "policy.h"
#include "request.h"

enum level {
	LEVEL_OK,
	LEVEL_UNKNOWN, /* it could not be told: no privileges, no answer */
	LEVEL_WARNING,
	LEVEL_PROBLEM,
};

/* One thing found. All text is the finding's own. */
struct finding {
	const char *check;
	char *device; /* NULL: of the machine, the daemon or the policy */
	enum level level;
	char *text;   /* what, and why it matters */
	char *kernel; /* what the kernel says, or would say; NULL: nothing */
	char *remedy; /* a command to paste; NULL: there is none */
};

/* A device that is looked at. Words are quoted as a shell wants them. */
struct subject {
	struct device_facts facts;
	char word[IFNAMSIZ * 4 + 3];
	enum attach_mode mode;             /* that the policy wants, else native */
	const struct interface *interface; /* of the policy, the first there; or NULL */
	bool in_policy, asked;             /* the policy, or the user, has named it */
	bool needs_tags;
	struct device_programs programs;
	bool programs_known;
	const struct device_program *ours; /* within programs, or NULL */

	bool has_peer;
	struct device_facts peer;
	char peer_word[IFNAMSIZ * 4 + 3];
	char peer_shell[PATH_MAX * 4 + 32]; /* "" or "nsenter --net=PATH ": in front of commands */

	struct device_counter *counters; /* as they were at first */
	int n_counters;
};

struct doctor {
	const struct options *options;
	struct kernel_facts kernel;
	unsigned int cpus;
	struct timespec begun; /* CLOCK_MONOTONIC: when counters were read first */

	json_t *status; /* what the daemon says of itself; NULL: it does not answer */
	int daemon_error;
	char *config;              /* path of the policy file */
	struct policy *policy;     /* NULL: it cannot be read or has errors */
	struct manifest *manifest; /* of the policy */
	struct diags policy_diags;
	int policy_error;

	struct device_facts *all; /* devices of this network namespace */
	size_t n_all;
	struct subject *subjects;
	size_t n_subjects;
	char **absent; /* arguments that are no device */
	size_t n_absent;

	struct finding *findings;
	size_t n_findings, capacity;
	bool failed; /* out of memory */

	/* of the check that runs */
	const char *check;
	const struct subject *subject; /* NULL: none */
};

struct check {
	const char *name; /* also in JSON */
	const char *what; /* one line, for people */
	bool of_device;   /* once for each device; else once */
	void (*run)(struct doctor *doctor, const struct subject *subject);
};

extern const struct check doctor_checks[];
extern const size_t n_doctor_checks;

/* --- what a check says --------------------------------------------------------------------- */

void doctor_say(struct doctor *doctor, enum level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Of what was said last. */
void doctor_kernel(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void doctor_remedy(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Has this check said anything yet (of this device)? */
bool doctor_said(const struct doctor *doctor);

/* text as one word of a shell, in ret; "" if it does not fit. */
void doctor_word(const char *text, char *ret, size_t size);
/* " --socket PATH" for remedies, or "" if it is the usual one. Static storage. */
const char *doctor_socket(const struct doctor *doctor);
const struct device_facts *doctor_device(const struct doctor *doctor, int ifindex);

/* --- the rest ------------------------------------------------------------------------------ */

/* doctor_gather.c: facts into *doctor, subjects by the arguments. EXIT_OK, or the code to end
 * with, having said why. */
int doctor_gather(struct doctor *doctor, int n, char **arguments);
void doctor_free(struct doctor *doctor);
/* doctor_print.c */
void doctor_print(const struct doctor *doctor, bool color);
void doctor_print_json(const struct doctor *doctor);

/* The checks: doctor_machine.c, doctor_daemon.c, doctor_device.c, doctor_queues.c,
 * doctor_programs.c. */
void check_kernel(struct doctor *doctor, const struct subject *none);
void check_jit(struct doctor *doctor, const struct subject *none);
void check_unprivileged(struct doctor *doctor, const struct subject *none);
void check_dispatcher(struct doctor *doctor, const struct subject *none);
void check_privileges(struct doctor *doctor, const struct subject *none);
void check_bpffs(struct doctor *doctor, const struct subject *none);
void check_pins(struct doctor *doctor, const struct subject *none);
void check_memory(struct doctor *doctor, const struct subject *none);
void check_daemon(struct doctor *doctor, const struct subject *none);
void check_policy(struct doctor *doctor, const struct subject *none);
void check_ports(struct doctor *doctor, const struct subject *none);
void check_redirects(struct doctor *doctor, const struct subject *none);
void check_driver(struct doctor *doctor, const struct subject *subject);
void check_mtu(struct doctor *doctor, const struct subject *subject);
void check_offloads(struct doctor *doctor, const struct subject *subject);
void check_tags(struct doctor *doctor, const struct subject *subject);
void check_stack(struct doctor *doctor, const struct subject *subject);
void check_queues(struct doctor *doctor, const struct subject *subject);
void check_spread(struct doctor *doctor, const struct subject *subject);
void check_drops(struct doctor *doctor, const struct subject *subject);
void check_programs(struct doctor *doctor, const struct subject *subject);
void check_reset(struct doctor *doctor, const struct subject *subject);
void check_attached(struct doctor *doctor, const struct subject *subject);
void check_try(struct doctor *doctor, const struct subject *subject);
