/* SPDX-License-Identifier: GPL-2.0-only */
/* print_notes.c: comments and tags as YAML. */
#include "print.h"

#include "util.h"

/* In double quotes, whatever it holds. Beyond ASCII only what is no control character stays as it is:
 * YAML takes U+0080 to U+009F, U+2028 and U+2029 for such. */
static void print_quoted(const char *text, FILE *stream)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', stream);
	for (; *p; p++) {
		bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
		bool line = p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);

		if (*p == '"' || *p == '\\') {
			fprintf(stream, "\\%c", *p);
		} else if (*p < ' ' || *p == 0x7f) {
			fprintf(stream, "\\x%02x", *p);
		} else if (c1) {
			fprintf(stream, "\\x%02x", *++p);
		} else if (line) {
			fprintf(stream, "\\u20%02x", p[2] & 0x3f);
			p += 2;
		} else {
			fputc(*p, stream);
		}
	}
	fputc('"', stream);
}

void print_notes(int indent, const struct notes *notes, FILE *stream)
{
	if (notes->comment) {
		fprintf(stream, "%*scomment: ", indent, "");
		print_quoted(notes->comment, stream);
		fputc('\n', stream);
	}
	if (!notes->n_tags)
		return;
	fprintf(stream, "%*stags: [", indent, "");
	for (size_t i = 0; i < notes->n_tags; i++) {
		char word[YAML_TEXT(NAME_LEN)];

		fprintf(stream, "%s%s", i ? ", " : "", yaml_word(notes->tags[i], word));
	}
	fputs("]\n", stream);
}
