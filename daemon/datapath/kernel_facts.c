/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel_facts.h"

#include <bpf/libbpf.h>
#include <string.h>
#include <sys/utsname.h>

#include "util.h"

static bool read_line(const char *path, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(ret, (int)size, file))
		return false;
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

long long kernel_facts_number(const char *path)
{
	char line[64], *end;
	long long number;

	if (!read_line(path, line, sizeof(line)))
		return -1;
	number = strtoll(line, &end, 10);
	return end == line || *end ? -1 : number;
}

/* "none [integrity] confidentiality": the one in brackets holds. */
static void read_lockdown(char *ret, size_t size)
{
	char line[128];
	const char *first;

	ret[0] = '\0';
	if (!read_line("/sys/kernel/security/lockdown", line, sizeof(line)))
		return;
	first = strchr(line, '[');
	if (first)
		snprintf(ret, size, "%.*s", (int)strcspn(first + 1, "]"), first + 1);
}

void kernel_facts_read(struct kernel_facts *ret)
{
	struct utsname name = {};
	int r;

	*ret = (struct kernel_facts){};
	if (uname(&name) == 0) {
		snprintf(ret->release, sizeof(ret->release), "%s", name.release);
		if (sscanf(name.release, "%u.%u", &ret->major, &ret->minor) != 2)
			ret->major = ret->minor = 0;
	}
	read_lockdown(ret->lockdown, sizeof(ret->lockdown));
	/* Whether any program may be loaded comes first: without that the answer means nothing. */
	r = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL);
	ret->extensions = r > 0 ? libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) : -EPERM;
	ret->jit = (int)kernel_facts_number("/proc/sys/net/core/bpf_jit_enable");
	ret->jit_harden = (int)kernel_facts_number("/proc/sys/net/core/bpf_jit_harden");
	ret->unprivileged = (int)kernel_facts_number("/proc/sys/kernel/unprivileged_bpf_disabled");
	ret->btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}
