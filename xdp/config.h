/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h: the settings of this instance. They are frozen before the load, so each test of
 * them is decided by the verifier and costs nothing in the packet path.
 */
#pragma once

#include "abi.h"

const volatile struct ruleset_config config;
