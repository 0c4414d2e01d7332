/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * util.h: ownership readable in one function: cleanup attributes, TAKE_PTR, TAKE_FD; and
 * the few helpers that every part of user space needs.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
	*file = NULL;
}

static inline void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
	*dir = NULL;
}

#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_fclose_ _cleanup_(close_file)

/* Hand a pointer or an fd on: the variable forgets it. */
#define TAKE_PTR(pointer)                                                                          \
	({                                                                                         \
		__typeof__(pointer) *_taken = &(pointer);                                          \
		__typeof__(pointer) _value = *_taken;                                              \
		*_taken = NULL;                                                                    \
		_value;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _value = fd;                                                                   \
		fd = -1;                                                                           \
		_value;                                                                            \
	})

/* Microseconds of CLOCK_REALTIME. */
uint64_t realtime_usec(void);

/* Grow array (elements of size bytes, *capacity of them) to hold at least needed; amortised.
 * 0, or -ENOMEM with the array as it was. */
int array_reserve(void **array, size_t *capacity, size_t needed, size_t size);

/* Have memory of several megabytes in large pages, where the system has them (transparent huge
 * pages, "madvise"). To be called before it is used: a million prefixes meet tens of thousands of
 * page faults on their way, which cost more than their work, most of all in a virtual machine.
 * Returns memory; NULL is fine. */
void *prefer_large_pages(void *memory, size_t bytes);
