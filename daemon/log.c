// SPDX-License-Identifier: GPL-2.0-only
/*
 * log.c: where a message goes and what it looks like there; see log.h.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION /* the records carry their own CODE_FILE= */

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "log.h"
#include "util.h"

#define MESSAGE_BYTES 2048 /* of an ordinary message, as formatted; longer ones are cut */
#define RECORD_BYTES 8192  /* of a record, escaped, with source line and caret */
#define MAX_FIELDS 12
#define FIELD_BYTES 256

static struct {
	int max_level;
	bool journal;
	uint64_t generation;
} sink = { .max_level = LOG_INFO };

static const char *const level_names[] = {
	[LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
	[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

const char *log_level_name(int level)
{
	if (level < LOG_ERR)
		level = LOG_ERR;
	return level_names[level > LOG_DEBUG ? LOG_DEBUG : level];
}

int log_level_from_name(const char *name)
{
	for (int level = LOG_ERR; level <= LOG_DEBUG; level++)
		if (strcmp(name, level_names[level]) == 0)
			return level;
	return -EINVAL;
}

void log_set_generation(uint64_t generation)
{
	sink.generation = generation;
}

/* JOURNAL_STREAM is "device:inode" of what systemd connected to the journal. It is inherited,
 * so stderr may have been redirected since: compare. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) != 2)
		return false;
	if (fstat(STDERR_FILENO, &st) < 0)
		return false;
	return st.st_dev == device && st.st_ino == inode;
}

void log_open(int max_level)
{
	sink.max_level = max_level;
	sink.journal = stderr_is_journal();
}

/* Length of the character at text: printable UTF-8, else 0 (to be escaped). Refuses overlong
 * forms, surrogates, and the control characters U+0000..1F and U+007F..9F. */
static size_t printable_length(const unsigned char *text)
{
	static const uint32_t smallest[] = { 0, 0x20, 0xa0, 0x800, 0x10000 };
	size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (length == 1)
		return text[0] >= 0x20 && text[0] != 0x7f;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	code = text[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80) /* the terminating NUL too */
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	if (code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069)) /* line ends, changes of direction */
		return 0;
	return length;
}

size_t log_escape(char *out, size_t size, const char *text, bool keep_newlines)
{
	const unsigned char *from = (const unsigned char *)text;
	size_t n = 0, cut = 0; /* cut: where "..." still fits */

	while (*from) {
		bool layout = keep_newlines && (*from == '\n' || *from == '\t');
		size_t length = layout ? 1 : printable_length(from);
		size_t needed = length ? length : 4;

		if (n + 4 <= size)
			cut = n;
		if (n + needed + 1 > size) {
			memcpy(out + cut, "...", 4);
			return cut + 3;
		}
		if (length)
			memcpy(out + n, from, length);
		else
			snprintf(out + n, 5, "\\x%02x", *from);
		n += needed;
		from += length ? length : 1;
	}
	out[n] = '\0';
	return n;
}

/* --- sinks ------------------------------------------------------------------------------- */

struct record {
	const struct log_place *place; /* NULL: a diagnostic; its text already names the level */
	int level;
	const char *interface;
	const struct diag *diag;
	const char *message; /* escaped */
};

struct fields {
	struct iovec iov[MAX_FIELDS];
	char text[MAX_FIELDS][FIELD_BYTES];
	int n;
};

static void __attribute__((format(printf, 2, 3)))
add_field(struct fields *fields, const char *format, ...)
{
	char *text = fields->text[fields->n];
	va_list args;

	va_start(args, format);
	vsnprintf(text, FIELD_BYTES, format, args);
	va_end(args);
	fields->iov[fields->n++] = (struct iovec){ text, strlen(text) };
}

static int write_journal(const struct record *record)
{
	char message[sizeof("MESSAGE=") + RECORD_BYTES];
	struct fields fields = { 0 };
	int length = snprintf(message, sizeof(message), "MESSAGE=%s", record->message);

	fields.iov[fields.n++] = (struct iovec){ message, length };
	add_field(&fields, "PRIORITY=%d", record->level);
	add_field(&fields, "SYSLOG_IDENTIFIER=%s", program_invocation_short_name);
	if (sink.generation)
		add_field(&fields, "XDPGATE_GENERATION=%" PRIu64, sink.generation);
	if (record->interface)
		add_field(&fields, "XDPGATE_INTERFACE=%s", record->interface);
	if (record->place) {
		add_field(&fields, "CODE_FILE=%s", record->place->file);
		add_field(&fields, "CODE_LINE=%d", record->place->line);
		add_field(&fields, "CODE_FUNC=%s", record->place->function);
	}
	if (record->diag && record->diag->file) {
		add_field(&fields, "XDPGATE_FILE=%s", record->diag->file);
		add_field(&fields, "XDPGATE_LINE=%u", record->diag->line);
		add_field(&fields, "XDPGATE_COLUMN=%u", record->diag->column);
	}
	return sd_journal_sendv(fields.iov, fields.n);
}

/* One write(), so that records of several writers to one file do not mix. */
static void write_stderr(const struct record *record)
{
	const char *program = program_invocation_short_name;
	struct iovec iov[] = {
		{ (void *)program, strlen(program) },
		{ (void *)": ", 2 },
		{ (void *)log_level_name(record->level), strlen(log_level_name(record->level)) },
		{ (void *)": ", 2 },
		{ (void *)record->message, strlen(record->message) },
		{ (void *)"\n", 1 },
	};

	if (!record->place)
		iov[2].iov_len = iov[3].iov_len = 0;
	if (writev(STDERR_FILENO, iov, ARRAY_SIZE(iov)) < 0)
		return; /* nowhere left to say so */
}

static void emit(const struct record *record)
{
	if (sink.journal && write_journal(record) >= 0)
		return;
	write_stderr(record);
}

void log_write(const struct log_place *place, int level, const char *interface, int error,
	       const char *format, ...)
{
	int saved_errno = errno;
	char message[MESSAGE_BYTES], escaped[RECORD_BYTES];
	struct record record = {
		.place = place,
		.level = level,
		.interface = interface,
		.message = escaped,
	};
	va_list args;

	if (level <= sink.max_level) {
		if (error)
			errno = abs(error);
		va_start(args, format);
		if (vsnprintf(message, sizeof(message), format, args) >= (int)sizeof(message))
			memcpy(message + sizeof(message) - 4, "...", 4);
		va_end(args);
		log_escape(escaped, sizeof(escaped), message, false);
		emit(&record);
	}
	errno = saved_errno;
}

static void log_diag(struct diag *diag)
{
	bool is_error = diag->severity == SEVERITY_ERROR;
	struct diags one = { .items = diag, .n = 1, .n_errors = is_error, .n_warnings = !is_error };
	char escaped[RECORD_BYTES];
	struct record record = {
		.level = is_error ? LOG_ERR : LOG_WARNING,
		.diag = diag,
		.message = escaped,
	};
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *stream;

	if (record.level > sink.max_level)
		return;
	stream = open_memstream(&text, &length);
	if (stream) {
		diags_print(&one, stream, false);
		fclose(stream);
	}
	while (text && length && text[length - 1] == '\n')
		text[--length] = '\0';
	log_escape(escaped, sizeof(escaped), text && length ? text : diag->message, true);
	emit(&record);
}

void log_diags(const struct diags *diags)
{
	int saved_errno = errno;
	size_t total = diags->n_errors + diags->n_warnings;

	for (size_t i = 0; i < diags->n; i++)
		log_diag(&diags->items[i]);
	if (total > diags->n)
		log_full(diags->n_errors ? LOG_ERR : LOG_WARNING, NULL,
			 "%zu more errors and warnings are not shown", total - diags->n);
	errno = saved_errno;
}
