/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate schema: the policy file as a JSON Schema (draft 2020-12), for editors, out of the table
 * that the loader reads by. It says of each key what its value looks like; what only the whole
 * file tells, such as whether a set is there, is left to `xdpgate check`.
 */
#include "schema.h"

#include <string.h>

#include "config.h"
#include "policy.h"
#include "request.h"
#include "util.h"
#include "wire.h"

#define NUMBER "(0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)"
#define BYTE "[0-9a-fA-F]{2}"
#define ADDRESS "([0-9]+(\\.[0-9]+){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)"
#define NAME "[A-Za-z0-9._-]{1,63}"
#define PREFIX ADDRESS "(/[0-9]{1,3})?"
#define MAC BYTE "([:-]" BYTE "){5}"
#define SET "\\$" NAME
#define DURATION "([1-9][0-9]*w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?"
#define USER "[A-Za-z_][A-Za-z0-9_.-]{0,30}\\$?"

static json_t *pattern_of(const char *pattern)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

/* Takes both references; NULL: out of memory, here and below. */
static json_t *either(json_t *a, json_t *b)
{
	return json_pack("{s:[o, o]}", "anyOf", a, b);
}

json_t *shape_words(const struct key_schema *key, const struct shape *shape)
{
	json_t *words = json_array();
	char buffer[FORM_WORD];
	const char *text;

	if (shape->kind == SHAPE_ICMP)
		for (const struct icmp_word *word = icmp_words; word->name; word++)
			json_array_append_new(words, json_string(word->name));
	for (const struct icmp_group *group = icmp_groups;
	     shape->kind == SHAPE_ICMP && shape->ranges && group->name; group++)
		json_array_append_new(words, json_string(group->name));
	for (const struct flag_group *group = flag_groups;
	     shape->kind == SHAPE_TCP_FLAGS && group->name; group++)
		json_array_append_new(words, json_string(group->name));
	for (const struct word *word = shape->words; word && word->name; word++)
		json_array_append_new(words, json_string(word->name));
	if (shape->kind == SHAPE_WORDS && !shape->words)
		for (size_t i = 0; (text = form_word(key->form, i, buffer)); i++)
			json_array_append_new(words, json_string(text));
	return words;
}

/* One of the words, or what alternative says; NULL alternative: only words. */
static json_t *words_or(const struct key_schema *key, const struct shape *shape,
			json_t *alternative)
{
	json_t *words = shape_words(key, shape);

	if (!json_array_size(words)) {
		json_decref(words);
		return alternative;
	}
	words = json_pack("{s:o}", "enum", words);
	return alternative ? either(words, alternative) : words;
}

static json_t *number_schema(const struct key_schema *key, const struct shape *shape)
{
	json_t *number = json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
				   (json_int_t)shape->least, "maximum", (json_int_t)shape->most);

	/* Hexadecimal is a text to some readers of YAML, and a range to all. */
	number = either(number,
			pattern_of(shape->ranges ? "^" NUMBER "(-" NUMBER ")?$" : "^" NUMBER "$"));
	number = words_or(key, shape, number);
	return shape->sets ? either(number, pattern_of("^" SET "$")) : number;
}

static json_t *reference(const struct mapping_schema *mapping);

/* A word, or a mapping of one action that takes a value. */
static json_t *action_of(const struct mapping_schema *mapping)
{
	json_t *words = json_array();

	for (const struct key_schema *key = mapping->keys; key->name; key++) {
		struct shape shape;

		if (key->parse && shape_of(key, &shape) >= 0 && shape.kind == SHAPE_KEYWORD)
			json_array_append_new(words, json_string(key->name));
	}
	return either(json_pack("{s:o}", "enum", words), reference(mapping));
}

/* One value, without what may stand around it. */
static json_t *value_of(const struct key_schema *key, const struct shape *shape)
{
	switch (shape->kind) {
	case SHAPE_TEXT:
		return json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
	case SHAPE_NAME:
	case SHAPE_RULE_NAME:
		return json_pack("{s:[s, s]}", "type", "string", "number");
	case SHAPE_PORT:
		return either(json_pack("{s:[s, s]}", "type", "string", "number"),
			      reference(shape->mapping));
	case SHAPE_WORDS:
		return words_or(key, shape, NULL);
	case SHAPE_BOOLEAN:
		return json_pack("{s:s}", "type", "boolean");
	case SHAPE_RULES:
		return json_pack("{s:s, s:o}", "type", "array", "items", reference(shape->mapping));
	case SHAPE_SWITCH:
		return either(json_pack("{s:s}", "type", "boolean"), reference(shape->mapping));
	case SHAPE_WIDTH:
		return either(json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 0,
					"maximum", 32),
			      reference(shape->mapping));
	case SHAPE_NUMBER:
		return number_schema(key, shape);
	case SHAPE_DURATION:
		return pattern_of("^(?=.)" DURATION "$");
	case SHAPE_COUNT:
		return either(json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
					(json_int_t)shape->least, "maximum",
					(json_int_t)shape->most),
			      pattern_of("^[1-9][0-9]*[kM]?$"));
	case SHAPE_USER:
		return pattern_of("^" USER "$");
	case SHAPE_ICMP:
		return words_or(
			key, shape,
			pattern_of(shape->ranges ? "^icmp(v6)?:[0-9]+(-[0-9]+|/[0-9]+(-[0-9]+)?)?$"
						 : "^icmp(v6)?:[0-9]+(/[0-9]+)?$"));
	case SHAPE_ADDRESS:
		return pattern_of("^" ADDRESS "$");
	case SHAPE_PREFIX:
		return pattern_of("^(" PREFIX "|" SET ")$");
	case SHAPE_MAC:
		return pattern_of(shape->sets ? "^(" MAC "|" SET ")$" : "^" MAC "$");
	case SHAPE_EXPECT:
		return pattern_of("^(drop|pass|redirect)(/[A-Za-z0-9._/-]{1,63})?$");
	case SHAPE_ELEMENT:
		return either(
			json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 0, "maximum",
				  65535),
			pattern_of("^(" PREFIX "|" NUMBER "(-" NUMBER ")?|" MAC "|" SET ")$"));
	case SHAPE_SET:
		return either(json_pack("{s:s, s:o}", "type", "array", "items",
					pattern_of("^(" PREFIX "|" SET ")$")),
			      reference(shape->mapping));
	case SHAPE_ACTION:
		return action_of(shape->mapping);
	case SHAPE_KEYWORD:
		return json_false(); /* alone, never with a value */
	case SHAPE_TCP_FLAGS:
		/* The name null is no text to readers of YAML. */
		return either(words_or(key, shape, json_pack("{s:s}", "type", "null")),
			      reference(shape->mapping));
	case SHAPE_MAPPING:
		return reference(shape->mapping);
	}
	return NULL;
}

/* A value, a list of values, {not: ...} of these, or names with a value each. */
static json_t *numbered(json_t *value, const struct shape *shape)
{
	/* An empty list of fields matches nothing, one of elements or flags is a list. */
	bool empty = !shape->negatable && shape->number == SHAPE_LIST;
	json_t *list, *both;

	if (shape->number == SHAPE_ONE)
		return value;
	if (shape->number == SHAPE_BY_NAME)
		return json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "propertyNames",
				 "pattern", "^" NAME "$", "additionalProperties", value);
	list = json_pack("{s:s, s:O}", "type", "array", "items", value);
	if (shape->number == SHAPE_LIST || empty) {
		json_decref(value);
		return list;
	}
	both = either(value, list);
	if (!shape->negatable)
		return both;
	return json_pack("{s:[O, {s:s, s:{s:o}, s:[s], s:b}]}", "anyOf", both, "type", "object",
			 "properties", "not", both, "required", "not", "additionalProperties", 0);
}

static json_t *property(const struct key_schema *key)
{
	struct shape shape;
	json_t *property;

	if (shape_of(key, &shape) < 0)
		property = json_object(); /* anything */
	else
		property = numbered(value_of(key, &shape), &shape);
	if (!json_is_object(property))
		return property;
	json_object_set_new(property, "description", json_sprintf("%s: %s", key->form, key->help));
	if (key->fallback && strcmp(key->fallback, "{}") != 0)
		json_object_set_new(property, "default",
				    shape.kind == SHAPE_BOOLEAN
					    ? json_boolean(!strcmp(key->fallback, "true"))
					    : json_string(key->fallback));
	return property;
}

/* The name of a mapping among the definitions: "a rule" is "rule", "'tcp-flags'" "tcp-flags". */
static void definition_name(const struct mapping_schema *mapping, char *name, size_t size)
{
	const char *what = mapping->what;

	if (!strncmp(what, "a ", 2))
		what += 2;
	else if (!strncmp(what, "an ", 3))
		what += 3;
	if (what[0] == '\'')
		what++;
	snprintf(name, size, "%.*s", (int)strcspn(what, "'"), what);
}

static json_t *reference(const struct mapping_schema *mapping)
{
	char name[64];

	definition_name(mapping, name, sizeof(name));
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name));
}

/* Of a mapping: the required keys, or one that stands alone. */
static void require(json_t *definition, const struct mapping_schema *mapping, json_t *required)
{
	json_t *choices = json_pack("[{s:O}]", "required", required);

	/* What one file lacks, one that it includes, or that includes it, may have. */
	if (mapping == &schema_policy_file) {
		json_object_set_new(definition, "minProperties", json_integer(1));
		json_decref(choices);
		return;
	}
	for (const struct key_schema *key = mapping->keys; key->name; key++)
		if (key->alone)
			json_array_append_new(choices, json_pack("{s:[s]}", "required", key->name));
	if (json_array_size(choices) == 1)
		json_object_set(definition, "required", required);
	else
		json_object_set(definition, "anyOf", choices);
	json_decref(choices);
}

static json_t *definition(const struct mapping_schema *mapping)
{
	json_t *properties = json_object(), *required = json_array(), *definition;

	for (const struct key_schema *key = mapping->keys; key->name; key++) {
		if (!key->parse)
			continue;
		json_object_set_new(properties, key->name, property(key));
		if (key->required)
			json_array_append_new(required, json_string(key->name));
	}
	definition = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
			       "additionalProperties", 0);
	if (definition && json_array_size(required))
		require(definition, mapping, required);
	json_decref(required);
	return definition;
}

int run_schema(const struct options *options, int n, char **arguments)
{
	_cleanup_json_ json_t *schema = definition(&schema_policy_file);
	json_t *definitions = json_object();
	char name[64];

	for (const struct mapping_schema *const *mapping = schemas; *mapping; mapping++) {
		definition_name(*mapping, name, sizeof(name));
		if (*mapping != &schema_policy_file)
			json_object_set_new(definitions, name, definition(*mapping));
	}
	if (!schema ||
	    json_object_set_new(schema, "$schema",
				json_string("https://json-schema.org/draft/2020-12/schema")) < 0 ||
	    json_object_set_new(schema, "title", json_string("Policy file of xdpgate")) < 0 ||
	    json_object_set_new(schema, "$comment", json_string("xdpgate " XDPGATE_VERSION)) < 0 ||
	    json_object_set_new(schema, "$defs", definitions) < 0) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_FAILED;
	}
	json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
	return EXIT_OK;
}
