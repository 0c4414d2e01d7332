/* SPDX-License-Identifier: GPL-2.0-only */
/* paths.h: where the daemon is found unless one says otherwise. */
#pragma once

#define DEFAULT_SOCKET "/run/xdpgate/xdpgate.sock"
#define DEFAULT_CONFIG "/etc/xdpgate/xdpgate.yaml"
#define DEFAULT_PIN_DIR "/sys/fs/bpf/xdpgate"
