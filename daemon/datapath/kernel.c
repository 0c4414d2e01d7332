/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "util.h"

static char words[512];
static void (*listener)(const char *line);

/* Why the verifier refused a program: the last line of its log but for the statistics. */
static const char *verifier_reason(const char *log)
{
	const char *line = strchr(log, '\n'), *reason = NULL;

	while (line && *++line && strncmp(line, "-- END", strlen("-- END")) != 0) {
		if (*line != '\n' && strncmp(line, "processed ", strlen("processed ")) != 0)
			reason = line;
		line = strchr(line, '\n');
	}
	return reason;
}

/* Keep the kernel's message if there is one, else the last complaint. */
static void note(const char *text)
{
	static const char kernel[] = "Kernel error message: ";
	static const char verifier[] = "-- BEGIN PROG LOAD LOG --";
	const char *message = strstr(text, kernel), *log = strstr(text, verifier);

	if (message)
		message += strlen(kernel);
	else if (log)
		message = verifier_reason(log);
	if (message)
		snprintf(words, sizeof(words), "%s", message);
	else if (!words[0] || strncmp(words, "lib", 3) == 0)
		snprintf(words, sizeof(words), "%s", text);
	words[strcspn(words, "\n")] = '\0';
}

static void tell(char *text)
{
	char *rest = text, *line;

	while (listener && (line = strsep(&rest, "\n")))
		if (*line)
			listener(line);
}

static void listen_line(bool complaint, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		return;
	}
	if (complaint)
		note(text);
	tell(text);
}

static int listen_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_DEBUG)
		listen_line(level == LIBBPF_WARN, format, args);
	return 0;
}

static int listen_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level != LIBXDP_DEBUG)
		listen_line(level == LIBXDP_WARN, format, args);
	return 0;
}

void kernel_listen(void (*each_line)(const char *line))
{
	listener = each_line;
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(listen_libbpf);
	libxdp_set_print(listen_libxdp);
}

void kernel_forget(void)
{
	words[0] = '\0';
}

const char *kernel_words(void)
{
	return words;
}

int kernel_error(struct diags *diags, int r, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	if (words[0])
		diag_error(diags, NULL, "%s: %s (%s)", what ? what : "", strerror(-r), words);
	else
		diag_error(diags, NULL, "%s: %s", what ? what : "", strerror(-r));
	return r;
}

void kernel_prepare_program(struct bpf_program *program, bool frags)
{
	bpf_program__set_expected_attach_type(program, 0);
	bpf_program__set_flags(program, frags ? BPF_F_XDP_HAS_FRAGS : 0);
}

int kernel_dup_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

void kernel_wait_for_packets(void)
{
	const struct timespec long_enough = { .tv_nsec = 100000000 };

	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		nanosleep(&long_enough, NULL);
}

uint32_t kernel_prog_id(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.id;
}

uint32_t kernel_map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.id;
}

int kernel_table_create(const char *name, const void *data, size_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd = -1;
	size_t value_size = size < 8 ? 8 : (size + 7) & ~(size_t)7;
	void *memory;
	int r;

	if (value_size > UINT32_MAX)
		return -E2BIG;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), value_size, 1, &options);
	if (fd < 0)
		return fd;
	memory = mmap(NULL, value_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	if (size)
		memcpy(memory, data, size);
	munmap(memory, value_size);
	r = bpf_map_freeze(fd);
	return r < 0 ? r : TAKE_FD(fd);
}

int kernel_table_read(int fd, void **ret, size_t *ret_size)
{
	_cleanup_free_ void *copy = NULL;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	__u32 zero = 0;
	int r;

	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.max_entries != 1 ||
	    info.key_size != sizeof(zero))
		return -EINVAL;
	copy = malloc(info.value_size);
	if (!copy)
		return -ENOMEM;
	r = bpf_map_lookup_elem(fd, &zero, copy);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(copy);
	*ret_size = info.value_size;
	return 0;
}
