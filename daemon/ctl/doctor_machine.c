/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_machine.c: what `xdpgate doctor` says of the kernel, of privileges and of pins. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "doctor.h"
#include "util.h"

#define BPFFS "/sys/fs/bpf"
#define MAX_PINS 100000 /* more are not looked at */

/* Process of the daemon; 0: it does not answer. */
static long long daemon_pid(const struct doctor *doctor)
{
	return doctor->status ? number_of(doctor->status, "pid") : 0;
}

/* --- kernel -------------------------------------------------------------------------------- */

void check_kernel(struct doctor *doctor, const struct subject *none)
{
	const struct kernel_facts *kernel = &doctor->kernel;

	if (kernel->major < 6 || (kernel->major == 6 && kernel->minor < 1)) {
		doctor_say(doctor, LEVEL_PROBLEM, "Linux %s is too old: xdpgate needs 6.1",
			   kernel->release);
		doctor_remedy(doctor, "apt install linux-image-amd64");
		return;
	}
	if (!kernel->btf)
		doctor_say(doctor, LEVEL_WARNING,
			   "Linux %s, built without its types (/sys/kernel/btf/vmlinux, "
			   "CONFIG_DEBUG_INFO_BTF): libxdp's dispatcher and tools like xdpdump do "
			   "not work",
			   kernel->release);
	else
		doctor_say(doctor, LEVEL_OK, "Linux %s, with its types", kernel->release);
}

void check_jit(struct doctor *doctor, const struct subject *none)
{
	if (doctor->kernel.jit < 0) {
		doctor_say(doctor, LEVEL_UNKNOWN, "net.core.bpf_jit_enable cannot be read");
	} else if (doctor->kernel.jit == 0) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "the JIT compiler is off: programs are interpreted, many times slower");
		doctor_remedy(doctor, "sysctl -w net.core.bpf_jit_enable=1");
	} else if (doctor->kernel.jit_harden == 2) {
		doctor_say(doctor, LEVEL_WARNING,
			   "the JIT compiler hides the constants of privileged programs, too, "
			   "which makes them slower");
		doctor_remedy(doctor, "sysctl -w net.core.bpf_jit_harden=1");
	} else {
		doctor_say(doctor, LEVEL_OK, "programs are compiled (bpf_jit_enable %d)",
			   doctor->kernel.jit);
	}
}

void check_unprivileged(struct doctor *doctor, const struct subject *none)
{
	if (doctor->kernel.unprivileged == 0) {
		doctor_say(doctor, LEVEL_WARNING,
			   "every user may load BPF programs, which xdpgate does not need");
		doctor_remedy(doctor, "sysctl -w kernel.unprivileged_bpf_disabled=2");
	} else if (doctor->kernel.unprivileged < 0) {
		doctor_say(doctor, LEVEL_UNKNOWN,
			   "kernel.unprivileged_bpf_disabled cannot be read");
	} else {
		doctor_say(doctor, LEVEL_OK, "only privileged users may load BPF programs");
	}
}

void check_dispatcher(struct doctor *doctor, const struct subject *none)
{
	const char *lockdown = doctor->kernel.lockdown;
	bool locked = *lockdown && strcmp(lockdown, "none") != 0;

	if (doctor->kernel.extensions > 0) {
		doctor_say(doctor, LEVEL_OK,
			   "libxdp's dispatcher works: xdpgate can share a device with other XDP "
			   "programs");
		return;
	}
	if (doctor->kernel.extensions < 0) {
		doctor_say(doctor, LEVEL_UNKNOWN,
			   "whether libxdp's dispatcher works is for root to ask");
		return;
	}
	doctor_say(
		doctor, LEVEL_WARNING,
		"this kernel refuses what libxdp's dispatcher is made of%s%s%s: xdpgate attaches "
		"alone, and no other XDP program fits beside it",
		locked ? " (lockdown=" : "", locked ? lockdown : "", locked ? ")" : "");
	doctor_kernel(doctor, "BPF_PROG_TYPE_EXT: Operation not permitted");
}

/* --- capabilities -------------------------------------------------------------------------- */

static const struct {
	int number;
	const char *name, *for_what;
} capabilities[] = {
	{ CAP_BPF, "CAP_BPF", "to load programs" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", "to attach them" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "for the dispatcher, and to detach" },
};

/* A line of /proc/PID/status as a number in base 16. */
static bool read_capabilities(long long pid, const char *key, unsigned long long *ret)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), pid ? "/proc/%lld/status" : "/proc/self/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			return sscanf(line + strlen(key), "%llx", ret) == 1;
	return false;
}

void check_privileges(struct doctor *doctor, const struct subject *none)
{
	long long pid = daemon_pid(doctor);
	const char *who = pid ? "the daemon" : "this user";
	unsigned long long held = 0;

	/* The daemon raises what it is permitted when it needs it. */
	if (!read_capabilities(pid, pid ? "CapPrm:" : "CapEff:", &held)) {
		doctor_say(doctor, LEVEL_UNKNOWN, "the capabilities of %s cannot be read", who);
		return;
	}
	if (!pid && geteuid() != 0) {
		doctor_say(doctor, LEVEL_UNKNOWN, "not root: not all can be looked at");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		if (held >> capabilities[i].number & 1)
			continue;
		doctor_say(doctor, LEVEL_PROBLEM, "%s lacks %s, which it needs %s", who,
			   capabilities[i].name, capabilities[i].for_what);
		doctor_kernel(doctor, "Operation not permitted");
		if (pid)
			doctor_remedy(doctor, "systemctl edit xdpgated  # CapabilityBoundingSet=%s",
				      capabilities[i].name);
	}
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "%s has CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN",
			   who);
}

/* --- bpffs and pins ------------------------------------------------------------------------ */

static bool is_bpffs(const char *path, bool *ret_read_only)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	*ret_read_only = fs.f_flags & ST_RDONLY;
	return (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

/* As the daemon sees it, which has mounts of its own. */
static void look_as_daemon(struct doctor *doctor, long long pid)
{
	char path[64];
	bool read_only;

	snprintf(path, sizeof(path), "/proc/%lld/root" BPFFS, pid);
	if (!pid || access(path, F_OK) < 0)
		return;
	if (!is_bpffs(path, &read_only)) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "the daemon (process %lld) has no BPF file system at " BPFFS
			   " among its mounts",
			   pid);
		doctor_remedy(doctor, "systemctl restart xdpgated");
	} else if (read_only) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   BPFFS " is read-only for the daemon (process %lld), as "
				 "ProtectKernelTunables=yes makes it",
			   pid);
		doctor_kernel(doctor, "Read-only file system");
		doctor_remedy(doctor, "systemctl edit xdpgated  # ProtectKernelTunables=no");
	}
}

void check_bpffs(struct doctor *doctor, const struct subject *none)
{
	bool read_only = false;

	if (!is_bpffs(BPFFS, &read_only)) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "there is no BPF file system at " BPFFS ": nothing could be pinned, and "
			   "the policy would not outlive the daemon");
		doctor_remedy(doctor, "mount -t bpf bpf " BPFFS);
	} else if (read_only) {
		doctor_say(doctor, LEVEL_PROBLEM, BPFFS " is read-only");
		doctor_kernel(doctor, "Read-only file system");
		doctor_remedy(doctor, "mount -o remount,rw " BPFFS);
	}
	look_as_daemon(doctor, daemon_pid(doctor));
	if (!doctor_said(doctor))
		doctor_say(doctor, LEVEL_OK, "mounted at " BPFFS ", writable");
}

struct pin_walk {
	size_t n;
	size_t hostile; /* another's, or writable by others */
};

/* bpffs has folders of ours at most four deep. */
static void walk_pins(int folder_fd_taken, int depth, struct pin_walk *walk)
{
	_cleanup_(close_dir) DIR *folder = fdopendir(folder_fd_taken);
	const struct dirent *entry;
	struct stat st;

	if (!folder) {
		close(folder_fd_taken);
		return;
	}
	while ((entry = readdir(folder)) && walk->n < MAX_PINS) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		walk->n++;
		walk->hostile += st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH);
		if (S_ISDIR(st.st_mode) && depth < 8) {
			int fd = openat(dirfd(folder), entry->d_name,
					O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0)
				walk_pins(fd, depth + 1, walk);
		}
	}
}

void check_pins(struct doctor *doctor, const struct subject *none)
{
	const char *path = doctor->options->pin_dir;
	struct pin_walk walk = {};
	char word[1024];
	struct stat st;
	int fd;

	doctor_word(path, word, sizeof(word));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT)
			doctor_say(doctor, LEVEL_OK, "nothing is pinned in %s", path);
		else
			doctor_say(doctor, LEVEL_UNKNOWN, "%s: %s", path, strerror(errno));
		return;
	}
	if (fstat(fd, &st) == 0)
		walk.hostile = st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH);
	walk_pins(fd, 0, &walk);
	if (walk.hostile) {
		doctor_say(doctor, LEVEL_PROBLEM,
			   "in %s, %zu of %zu pins and folders belong to others than root, or can "
			   "be written by others: the daemon does not believe them",
			   path, walk.hostile, walk.n + 1);
		doctor_remedy(doctor, "chown -R root:root %s && chmod -R go-w %s", word, word);
		return;
	}
	doctor_say(doctor, LEVEL_OK, "%zu pins and folders in %s, all root's", walk.n, path);
}

/* --- memory -------------------------------------------------------------------------------- */

/* The folder of a process in the unified hierarchy. */
static bool find_cgroup(long long pid, char *ret, size_t size)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[4096];

	snprintf(path, sizeof(path), "/proc/%lld/cgroup", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) != 0)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
			snprintf(ret, size, "%s%s/memory.max", roots[i], line + 3);
			if (access(ret, R_OK) == 0) {
				ret[strlen(ret) - strlen("/memory.max")] = '\0';
				return true;
			}
		}
	}
	return false;
}

/* Since Linux 5.11 maps count to the memory of the control group, and RLIMIT_MEMLOCK to nothing. */
void check_memory(struct doctor *doctor, const struct subject *none)
{
	long long pid = daemon_pid(doctor), most, used;
	char folder[4200], path[4300];

	if (!pid || !find_cgroup(pid, folder, sizeof(folder))) {
		doctor_say(doctor, LEVEL_OK, "no limit is known%s",
			   pid ? "" : ": the daemon does not answer");
		return;
	}
	snprintf(path, sizeof(path), "%s/memory.max", folder);
	most = kernel_facts_number(path);
	snprintf(path, sizeof(path), "%s/memory.current", folder);
	used = kernel_facts_number(path);
	if (most < 0 || used < 0) { /* "max" */
		doctor_say(doctor, LEVEL_OK, "the daemon's control group has no limit");
	} else if (used > most / 2) {
		doctor_say(doctor, LEVEL_WARNING,
			   "the daemon's control group uses %lld of %lld MiB, maps included: a "
			   "reload, which holds two policies for a moment, may find no memory",
			   used >> 20, most >> 20);
		doctor_remedy(doctor, "systemctl set-property xdpgated.service MemoryMax=%lldM",
			      most >> 19);
	} else {
		doctor_say(doctor, LEVEL_OK, "the daemon's control group uses %lld of %lld MiB",
			   used >> 20, most >> 20);
	}
}
