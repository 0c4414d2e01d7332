/* SPDX-License-Identifier: GPL-2.0-only */
/* sandbox.c: what tests need that load programs, see sandbox.h. */
#include "sandbox.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool can_load_programs(void)
{
	/* r0 = 0; exit */
	struct bpf_insn insns[] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = 2,
		.license = (uintptr_t) "GPL",
	};
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0) {
		fprintf(stderr,
			"cannot load an XDP program (%s): run the tests as root, with the BPF "
			"system call allowed\n",
			strerror(errno));
		return false;
	}
	close((int)fd);
	return true;
}
