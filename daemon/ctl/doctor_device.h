/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_device.h: what the checks of a device have in common. */
#pragma once

#include "doctor.h"

enum native { NATIVE, NOT_NATIVE, NATIVE_UNKNOWN };

struct driver {
	const char *name;
	enum native native;
	bool frags;  /* multi-buffer packets */
	bool resets; /* it makes its queues anew when a program comes or goes */
};

/* What is known of the device's driver; NULL: nothing. */
const struct driver *doctor_driver(const struct device_facts *facts);
/* Can it do native XDP, and frags in it? */
enum native doctor_native(const struct device_facts *facts);
bool doctor_frags(const struct device_facts *facts);
/* Its MTU, or that of a veth's peer, is more than fits one page. */
bool doctor_mtu_needs_frags(const struct subject *subject);

/* A problem of a device that the policy or the user has named; else a warning. */
enum level doctor_worst(const struct subject *subject);
/* The remedy is in the policy file: what to write for the device's interface. */
void doctor_edit(struct doctor *doctor, const struct subject *subject, const char *what);
