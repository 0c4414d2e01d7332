/* SPDX-License-Identifier: GPL-2.0-only */
/* Safe text, colour and tables for people. See text.h. */
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"
#include "util.h"

/* Bytes of the UTF-8 character at s, 0 if there is none or a terminal could obey it. */
static size_t printable(const unsigned char *s)
{
	uint32_t code;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	code = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		/* the terminating NUL ends this too */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < 0xa0 || (n == 3 && code < 0x800) || (n == 4 && code < 0x10000) ||
	    code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	/* ends of lines, and changes of direction that make text look like other text */
	if (code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f)
		return 0;
	return n;
}

static char *safe(const char *text, const char *keep)
{
	size_t len = text ? strlen(text) : 0, n = 0;
	char *copy = malloc(len * 4 + 1);

	if (!copy)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t step = printable((const unsigned char *)text + i);

		if (!step && strchr(keep, text[i]))
			step = 1;
		if (step) {
			memcpy(copy + n, text + i, step);
			n += step;
			i += step;
		} else {
			n += sprintf(copy + n, "\\x%02x", (unsigned char)text[i++]);
		}
	}
	copy[n] = '\0';
	return copy;
}

char *text_safe(const char *text)
{
	return safe(text, "");
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

void text_printf(FILE *stream, const char *format, const char *text)
{
	_cleanup_free_ char *clean = text_safe(text);

	fprintf(stream, format, clean ? clean : "?");
}

void text_print_lines(FILE *stream, const char *text)
{
	_cleanup_free_ char *clean = safe(text, "\n\t");
	size_t len;

	if (!clean)
		return;
	len = strlen(clean);
	fputs(clean, stream);
	if (len && clean[len - 1] != '\n')
		fputc('\n', stream);
}

bool wants_color(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !options->no_color && !(no_color && *no_color) && isatty(STDOUT_FILENO) && term &&
	       strcmp(term, "dumb") != 0;
}

const char *paint_start(enum paint paint, bool color)
{
	static const char *const codes[] = {
		[PAINT_NONE] = "",         [PAINT_BOLD] = "\033[1m", [PAINT_GOOD] = "\033[32m",
		[PAINT_WARN] = "\033[33m", [PAINT_BAD] = "\033[31m", [PAINT_DIM] = "\033[2m",
	};

	return color ? codes[paint] : "";
}

const char *paint_end(enum paint paint, bool color)
{
	return color && paint != PAINT_NONE ? "\033[0m" : "";
}

void table_text(struct table *table, const char *text, enum paint paint)
{
	char *copy = text_safe(text);

	if (!copy || array_reserve((void **)&table->cells, &table->size, table->n_cells + 1,
				   sizeof(*table->cells)) < 0) {
		free(copy);
		table->failed = true;
		return;
	}
	table->cells[table->n_cells++] = (struct cell){ .text = copy, .paint = paint };
}

void table_number(struct table *table, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	table_text(table, text, PAINT_NONE);
}

static bool aligns_right(const struct table *table, size_t column)
{
	return table->titles[column][0] == '>';
}

static const char *title_of(const struct table *table, size_t column)
{
	return table->titles[column] + aligns_right(table, column);
}

static void print_cell(const struct table *table, size_t column, const struct cell *cell,
		       size_t width, FILE *stream, bool color)
{
	size_t gap = width - text_width(cell->text);
	bool last = column == table->n_columns - 1;

	if (aligns_right(table, column))
		fprintf(stream, "%*s", (int)gap, "");
	fprintf(stream, "%s%s%s", paint_start(cell->paint, color), cell->text,
		paint_end(cell->paint, color));
	if (!last)
		fprintf(stream, "%*s", (int)(aligns_right(table, column) ? 2 : gap + 2), "");
	else
		fputc('\n', stream);
}

void table_print(const struct table *table, FILE *stream, bool color)
{
	size_t widths[TABLE_MAX_COLUMNS], n = table->n_columns;

	if (table->failed) {
		fprintf(stream, "(out of memory)\n");
		return;
	}
	for (size_t c = 0; c < n; c++)
		widths[c] = text_width(title_of(table, c));
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t width = text_width(table->cells[i].text);

		if (width > widths[i % n])
			widths[i % n] = width;
	}
	for (size_t c = 0; c < n; c++) {
		struct cell title = { .text = (char *)title_of(table, c), .paint = PAINT_BOLD };

		print_cell(table, c, &title, widths[c], stream, color);
	}
	for (size_t i = 0; i < table->n_cells; i++)
		print_cell(table, i % n, &table->cells[i], widths[i % n], stream, color);
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = table->size = 0;
}

void text_show_frame(const char *frame)
{
	struct winsize size = {};
	size_t rows, line = 0;

	if (!isatty(STDOUT_FILENO)) {
		printf("%s\n", frame);
		return;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 3)
		rows = 24;
	else
		rows = size.ws_row;
	fputs("\033[H\033[J", stdout);
	while (*frame && line < rows - 2) {
		const char *end = strchrnul(frame, '\n');

		fwrite(frame, 1, (size_t)(end - frame), stdout);
		putchar('\n');
		frame = *end ? end + 1 : end;
		line++;
	}
	if (*frame)
		fputs("(more lines than the terminal has)", stdout);
}
