/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_facts.h: what this kernel allows of BPF, as far as one may ask. */
#pragma once

#include <stdbool.h>

struct kernel_facts {
	char release[65];
	unsigned int major, minor;
	char lockdown[32]; /* "none", "integrity", …; "": not known */
	int extensions;    /* BPF_PROG_TYPE_EXT, for libxdp's dispatcher: 1, 0 refused; negative
			    * errno: we may not ask */
	int jit;           /* net.core.bpf_jit_enable; -1: not known, likewise below */
	int jit_harden;
	int unprivileged; /* kernel.unprivileged_bpf_disabled */
	bool btf;         /* the kernel's types are there */
};

void kernel_facts_read(struct kernel_facts *ret);

/* The number in a file like /proc/sys/net/core/bpf_jit_enable; -1: there is none to read. */
long long kernel_facts_number(const char *path);
