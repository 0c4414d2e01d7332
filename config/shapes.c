/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shapes.c: the function that reads a key's value says what may stand there.
 */
#include "shapes.h"

#include <string.h>

#include "loader.h"
#include "util.h"

/* clang-format off */
static const struct {
	key_parser *parse;
	struct shape shape;
} shapes[] = {
	{ parse_fail, { SHAPE_WORDS } },
	{ parse_guard, { SHAPE_WORDS } },
	{ parse_fate_mapping, { SHAPE_MAPPING, .mapping = &schema_fate } },
	{ parse_sets, { SHAPE_SET, SHAPE_BY_NAME, .mapping = &schema_set } },
	{ parse_protect, { SHAPE_MAPPING, .mapping = &schema_protect } },
	{ parse_protect_link, { SHAPE_WORDS, SHAPE_ONE_OR_LIST, .words = protected_words } },
	{ parse_protect_bgp, { SHAPE_MAPPING, SHAPE_ONE_OR_LIST, .mapping = &schema_protect_bgp } },
	{ parse_peers, { SHAPE_PREFIX, SHAPE_ONE_OR_LIST, .sets = true } },
	{ parse_gtsm, { SHAPE_SWITCH, .mapping = &schema_gtsm } },
	{ parse_gtsm_hops, { SHAPE_NUMBER, .least = 1, .most = 254 } },
	{ parse_bfd, { SHAPE_BOOLEAN } },
	{ parse_interfaces, { SHAPE_MAPPING, SHAPE_BY_NAME, .mapping = &schema_interface } },
	{ parse_rulesets, { SHAPE_MAPPING, SHAPE_BY_NAME, .mapping = &schema_ruleset } },
	{ parse_tests, { SHAPE_MAPPING, SHAPE_LIST, .mapping = &schema_test } },
	{ parse_fate, { SHAPE_WORDS } },
	{ parse_fate_or_match, { SHAPE_WORDS } },
	{ parse_set_type, { SHAPE_WORDS } },
	{ parse_set_file, { SHAPE_TEXT } },
	{ parse_set_files, { SHAPE_TEXT, SHAPE_LIST } },
	{ parse_set_glob, { SHAPE_TEXT, SHAPE_ONE_OR_LIST } },
	{ parse_set_elements, { SHAPE_ELEMENT, SHAPE_LIST } },
	{ parse_set_except, { SHAPE_ELEMENT, SHAPE_ONE_OR_LIST } },
	{ parse_set_max_width, { SHAPE_WIDTH, .mapping = &schema_width } },
	{ parse_width_v4, { SHAPE_NUMBER, .most = 32 } },
	{ parse_width_v6, { SHAPE_NUMBER, .most = 128 } },
	{ parse_set_keep, { SHAPE_BOOLEAN } },
	{ parse_set_live, { SHAPE_BOOLEAN } },
	{ parse_set_timeout, { SHAPE_DURATION } },
	{ parse_set_size, { SHAPE_COUNT, .least = 1, .most = CONFIG_MAX_LIVE_SIZE } },
	{ parse_set_writers, { SHAPE_USER, SHAPE_LIST } },
	{ parse_set_persist, { SHAPE_BOOLEAN } },
	{ parse_set_watch, { SHAPE_BOOLEAN } },
	{ parse_set_max_shrink, { SHAPE_TEXT } },
	{ parse_port, { SHAPE_PORT, .mapping = &schema_port } },
	{ parse_port_mac, { SHAPE_MAC } },
	{ parse_vlan, { SHAPE_NUMBER } },
	{ parse_fix, { SHAPE_BOOLEAN } },
	{ parse_policy_name, { SHAPE_NAME } },
	{ parse_required, { SHAPE_BOOLEAN } },
	{ parse_mode, { SHAPE_WORDS } },
	{ parse_default, { SHAPE_WORDS } },
	{ parse_rules, { SHAPE_MAPPING, SHAPE_LIST, .mapping = &schema_rule } },
	{ parse_rule_name, { SHAPE_RULE_NAME } },
	{ parse_match, { SHAPE_MAPPING, .mapping = &schema_match } },
	{ parse_actions, { SHAPE_ACTION, SHAPE_ONE_OR_LIST, .mapping = &schema_action } },
	{ parse_include, { SHAPE_TEXT, SHAPE_ONE_OR_LIST } },
	{ parse_groups, { SHAPE_RULES, SHAPE_BY_NAME, .mapping = &schema_rule } },
	{ parse_use, { SHAPE_NAME } },
	{ parse_anchor, { SHAPE_NAME } },
	{ parse_shadow, { SHAPE_BOOLEAN } },
	{ parse_rule_expires, { SHAPE_TEXT } },
	{ parse_set_expires, { SHAPE_TEXT } },
	{ parse_rule_comment, { SHAPE_TEXT } },
	{ parse_rule_tags, { SHAPE_TEXT, SHAPE_LIST } },
	{ parse_set_comment, { SHAPE_TEXT } },
	{ parse_set_tags, { SHAPE_TEXT, SHAPE_LIST } },
	{ parse_interface_comment, { SHAPE_TEXT } },
	{ parse_interface_tags, { SHAPE_TEXT, SHAPE_LIST } },
	{ parse_match_interface, { SHAPE_NAME, SHAPE_ONE_OR_LIST, .negatable = true } },
	{ parse_match_address, { SHAPE_PREFIX, SHAPE_ONE_OR_LIST, .negatable = true, .sets = true } },
	{ parse_match_scalar, { SHAPE_NUMBER, SHAPE_ONE_OR_LIST, .negatable = true, .ranges = true } },
	{ parse_match_icmp, { SHAPE_ICMP, SHAPE_ONE_OR_LIST, .negatable = true, .ranges = true } },
	{ parse_match_tcp_flags, { SHAPE_TCP_FLAGS, SHAPE_ONE_OR_LIST, .negatable = true,
				   .mapping = &schema_tcp_flags } },
	{ parse_match_fragment, { SHAPE_WORDS, SHAPE_ONE_OR_LIST, .negatable = true } },
	{ parse_match_ip_options, { SHAPE_WORDS, SHAPE_ONE_OR_LIST, .negatable = true } },
	{ parse_match_mac, { SHAPE_MAC, SHAPE_ONE_OR_LIST, .negatable = true, .sets = true } },
	{ parse_flags_set, { SHAPE_WORDS, SHAPE_ONE_OR_LIST, .words = tcp_flag_words } },
	{ parse_flags_clear, { SHAPE_WORDS, SHAPE_ONE_OR_LIST, .words = tcp_flag_words } },
	{ parse_plain_action, { SHAPE_KEYWORD } },
	{ parse_redirect, { SHAPE_TEXT } },
	{ parse_test_interface, { SHAPE_NAME } },
	{ parse_test_address, { SHAPE_ADDRESS } },
	{ parse_test_scalar, { SHAPE_NUMBER } },
	{ parse_test_flags, { SHAPE_WORDS, SHAPE_ONE_OR_LIST, .words = tcp_flag_words } },
	{ parse_test_icmp, { SHAPE_ICMP } },
	{ parse_test_fragment, { SHAPE_WORDS } },
	{ parse_test_ip_options, { SHAPE_WORDS } },
	{ parse_test_mac, { SHAPE_MAC } },
	{ parse_test_expect, { SHAPE_EXPECT } },
};
/* clang-format on */

int shape_of(const struct key_schema *key, struct shape *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (shapes[i].parse != key->parse)
			continue;
		*ret = shapes[i].shape;
		if (ret->kind == SHAPE_NUMBER && !ret->most)
			scalar_limits((enum scalar_field)key->arg, &ret->least, &ret->most,
				      &ret->words);
		if (ret->kind == SHAPE_NUMBER && ret->ranges)
			ret->sets = key->arg == FIELD_SPORT || key->arg == FIELD_DPORT;
		return 0;
	}
	return -ENOENT;
}

const char *form_word(const char *form, size_t n, char buffer[FORM_WORD])
{
	for (;; n--) {
		size_t len = strcspn(form, ", ");

		if (!len)
			return NULL;
		if (!n) {
			snprintf(buffer, FORM_WORD, "%.*s", (int)len, form);
			return buffer;
		}
		form += len;
		form += !strncmp(form, ", ", 2) ? 2 : !strncmp(form, " or ", 4) ? 4 : strlen(form);
	}
}
