/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h: small helpers over libbpf: what the kernel said, ids, and tables in maps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diag.h"

/* Collect what libbpf and libxdp print from here on; the kernel's own words on a refusal
 * reach nobody else. each_line is told of every line, for a debug log; NULL is fine. */
void kernel_listen(void (*each_line)(const char *line));
void kernel_forget(void);
/* The most telling line since kernel_forget(), or "" if there was none. Static storage. */
const char *kernel_words(void);

/* diag_error() with what failed, the errno's text and the kernel's words; returns r. */
int kernel_error(struct diags *diags, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct bpf_program;

/* An XDP program for a PROG_ARRAY, to be called before it is loaded: such an array refuses programs
 * whose attach type or frags flag differ from the entry's, and libbpf and libxdp have different
 * defaults. */
void kernel_prepare_program(struct bpf_program *program, bool frags);
/* Another fd of the same; the caller's. */
int kernel_dup_fd(int fd);

/* Until every packet that is being judged now has been. */
void kernel_wait_for_packets(void);

/* Id of a program or map, or 0. */
uint32_t kernel_prog_id(int fd);
uint32_t kernel_map_id(int fd);

/* A frozen, mmapable array map of one value: a copy of size bytes. fd or negative errno. */
int kernel_table_create(const char *name, const void *data, size_t size);
/* The one value of such a map in new memory (caller frees). */
int kernel_table_read(int fd, void **ret, size_t *ret_size);
