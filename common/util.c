/* SPDX-License-Identifier: GPL-2.0-only */
#include "util.h"

int array_reserve(void **array, size_t *capacity, size_t needed, size_t size)
{
	size_t target = *capacity ? *capacity : 8;
	void *grown;

	if (needed <= *capacity)
		return 0;
	while (target < needed) {
		if (target > SIZE_MAX / 2)
			return -ENOMEM;
		target *= 2;
	}
	grown = reallocarray(*array, target, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = target;
	return 0;
}
