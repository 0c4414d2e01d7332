/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h: what can become of a packet, and why when no rule decided it. One table each:
 * the programs, the statistics, the man page and the tests all take the names from here.
 */
#pragma once

/* VERDICT_NONE is no verdict: the rule or the fate lets matching go on. */
/* clang-format off */
#define VERDICTS(X)                                                       \
	X(VERDICT_DROP, "drop", "dropped before the kernel saw it")       \
	X(VERDICT_PASS, "pass", "given to the kernel")                    \
	X(VERDICT_REDIRECT, "redirect", "sent out of another interface")

enum verdict {
#define X(id, name, text) id,
	VERDICTS(X)
#undef X
	N_VERDICTS,
	VERDICT_NONE = 0xff,
};
/* clang-format on */

/*
 * Reasons. Each packet that no rule decided counts in exactly one; redirect-failed counts
 * besides the rule. X(identifier, name, fate that decides, what it means)
 */
/* clang-format off */
#define REASONS(X)                                                                                \
	X(REASON_DEFAULT, "default", FATE_DEFAULT, "no rule decided: the policy's default")        \
	X(REASON_NON_IP, "non-ip", FATE_NON_IP, "not IPv4 or IPv6, and no ethertype rule decided") \
	X(REASON_FRAGMENT, "fragment", FATE_FRAGMENTS, "a fragment, by the fate of fragments")     \
	X(REASON_UNKNOWN_EXTENSION, "unknown-extension", FATE_EXTENSION,                           \
	  "an IPv6 extension header that is not parsed")                                           \
	X(REASON_REDIRECT_FAILED, "redirect-failed", FATE_RULE,                                    \
	  "the redirect's target interface is absent: dropped")                                    \
	X(REASON_ETHERNET_TRUNCATED, "ethernet-truncated", FATE_MALFORMED,                         \
	  "shorter than an Ethernet header")                                                       \
	X(REASON_VLAN_TRUNCATED, "vlan-truncated", FATE_MALFORMED, "ends inside a VLAN tag")       \
	X(REASON_VLAN_TOO_DEEP, "vlan-too-deep", FATE_MALFORMED, "more than two VLAN tags")        \
	X(REASON_IPV4_TRUNCATED, "ipv4-truncated", FATE_MALFORMED,                                 \
	  "ends inside the IPv4 header or its options")                                            \
	X(REASON_IPV4_VERSION, "ipv4-version", FATE_MALFORMED, "IPv4 by ethertype, not by version") \
	X(REASON_IPV4_HEADER_LENGTH, "ipv4-header-length", FATE_MALFORMED,                         \
	  "IPv4 header length below 20 bytes")                                                     \
	X(REASON_IPV4_TOTAL_LENGTH, "ipv4-total-length", FATE_MALFORMED,                           \
	  "IPv4 total length below the header's or beyond the frame")                              \
	X(REASON_IPV6_TRUNCATED, "ipv6-truncated", FATE_MALFORMED, "ends inside the IPv6 header")  \
	X(REASON_IPV6_VERSION, "ipv6-version", FATE_MALFORMED, "IPv6 by ethertype, not by version") \
	X(REASON_IPV6_PAYLOAD_LENGTH, "ipv6-payload-length", FATE_MALFORMED,                       \
	  "IPv6 payload length beyond the frame")                                                  \
	X(REASON_IPV6_EXTENSION_TRUNCATED, "ipv6-extension-truncated", FATE_MALFORMED,             \
	  "ends inside an IPv6 extension header")                                                  \
	X(REASON_IPV6_EXTENSION_CHAIN, "ipv6-extension-chain", FATE_MALFORMED,                     \
	  "more than 8 IPv6 extension headers")                                                    \
	X(REASON_IPV6_FRAGMENT_REPEATED, "ipv6-fragment-repeated", FATE_MALFORMED,                 \
	  "more than one IPv6 fragment header")                                                    \
	X(REASON_FRAGMENT_OVERRUN, "fragment-overrun", FATE_MALFORMED,                             \
	  "a fragment that ends beyond 65535 bytes")                                               \
	X(REASON_FRAGMENT_OVERLAP, "fragment-overlap", FATE_MALFORMED,                             \
	  "a fragment at offset 8 that would overwrite the TCP flags (RFC 3128)")                  \
	X(REASON_TCP_TRUNCATED, "tcp-truncated", FATE_MALFORMED, "ends inside the TCP header")     \
	X(REASON_TCP_HEADER_LENGTH, "tcp-header-length", FATE_MALFORMED,                           \
	  "TCP data offset below 20 bytes or beyond the packet")                                   \
	X(REASON_UDP_TRUNCATED, "udp-truncated", FATE_MALFORMED, "ends inside the UDP header")     \
	X(REASON_UDP_LENGTH, "udp-length", FATE_MALFORMED,                                         \
	  "UDP length below 8 bytes or beyond the packet")                                         \
	X(REASON_ICMP_TRUNCATED, "icmp-truncated", FATE_MALFORMED,                                 \
	  "ends inside the ICMP or ICMPv6 header")
/* clang-format on */

enum fate {
	FATE_RULE,
	FATE_DEFAULT,
	FATE_NON_IP,
	FATE_FRAGMENTS,
	FATE_EXTENSION,
	FATE_MALFORMED,
};

/* clang-format off */
enum reason {
#define X(id, name, fate, text) id,
	REASONS(X)
#undef X
	N_REASONS,
	REASON_NONE = 0xff,
};
/* clang-format on */
