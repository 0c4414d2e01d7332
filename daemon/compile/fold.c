/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fold.c: the classes of the scalar fields that rules look at, folded pair by pair into classes
 * of their combinations, as far as that pays; and the arrays written down as the program reads
 * them. abi.h tells the order of the folds.
 *
 * A fold is done where its array has at most MAX_FOLD combinations and is worked out from a
 * bounded number of words. Where it is not, the right side becomes a vector and the left goes on
 * to be folded with what comes next. Where no policy has more than one word of rules nothing is
 * folded: a row is then one load away, and all fields' rows can be had at the same time.
 */
#include "classes.h"

#include <string.h>

#include "util.h"

#define MOST_FOLD_WORDS (1U << 24) /* combinations * words of a row: some 20 ms */
#define MOST_ROW_WORDS (1U << 18)  /* of the classes that come about: 2 MiB */
#define MOST_CLASSES 8192          /* that come about; all rows' numbers have 16 bits */

/* What stands in one of the places. */
struct node {
	bool alive;      /* fields are here */
	bool folded;     /* what is here came about by a fold, else it is a field's own */
	uint32_t source; /* the fold, or the field */
};

struct folder {
	struct compiler *compiler;
	bool several_words; /* some policy has more rules than fit one */
	struct classes fields[N_SCALAR_FIELDS], folds[N_FOLDS];
	struct node nodes[N_SCALAR_FIELDS];
	uint32_t scale[N_SCALAR_FIELDS], fold_scale[N_FOLDS]; /* of the elements, as a left side */
	uint32_t field_offset[N_SCALAR_FIELDS], fold_offset[N_FOLDS];
	uint32_t done, moves, vectors;       /* as in struct ruleset_config */
	uint32_t used;                       /* fields that some policy looks at */
	uint32_t fields_of[N_SCALAR_FIELDS]; /* by place: bits of the fields in what is there */
	uint32_t fields_in[N_FOLDS];         /* likewise, by fold */
};

const uint8_t fold_lefts[N_FOLDS] = {
#define X(i, left, right) left,
	FOLDS(X)
#undef X
};
const uint8_t fold_rights[N_FOLDS] = {
#define X(i, left, right) right,
	FOLDS(X)
#undef X
};

int classes_init(struct classes *classes, uint32_t row_words, size_t max_words, uint32_t n)
{
	classes->array = malloc(n * sizeof(*classes->array));
	classes->n_array = n;
	return classes->array ? rows_init(&classes->rows, row_words, max_words) : -ENOMEM;
}

void classes_done(struct classes *classes)
{
	rows_done(&classes->rows);
	free(classes->array);
	*classes = (struct classes){};
}

static void folder_done(struct folder *folder)
{
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		classes_done(&folder->fields[i]);
	for (size_t i = 0; i < N_FOLDS; i++)
		classes_done(&folder->folds[i]);
}

static struct classes *classes_at(struct folder *folder, uint32_t place)
{
	const struct node *at = &folder->nodes[place];

	return at->folded ? &folder->folds[at->source] : &folder->fields[at->source];
}

/* Is it worth an attempt? */
static bool worth_folding(const struct folder *folder, uint64_t left, uint64_t right)
{
	uint32_t row_words = folder->compiler->tables->row_words;

	return folder->several_words && left * right <= MAX_FOLD &&
	       left * right * row_words <= MOST_FOLD_WORDS;
}

/* The classes of all combinations. 0, -ENOMEM, or -E2BIG if they are too many. */
static int combine(struct compiler *compiler, const struct classes *left,
		   const struct classes *right, struct classes *ret)
{
	uint32_t row_words = compiler->tables->row_words;
	int r = classes_init(ret, row_words, MOST_ROW_WORDS, left->rows.n * right->rows.n);

	for (uint32_t a = 0; r >= 0 && a < left->rows.n; a++) {
		for (uint32_t b = 0; r >= 0 && b < right->rows.n; b++) {
			const uint64_t *x = rows_at(&left->rows, a), *y = rows_at(&right->rows, b);
			uint32_t class = 0;

			for (uint32_t word = 0; word < row_words; word++)
				compiler->scratch[word] = x[word] & y[word];
			r = rows_intern(&ret->rows, compiler->scratch, &class);
			if (r >= 0 && class >= MOST_CLASSES)
				r = -E2BIG;
			ret->array[a * right->rows.n + b] = class;
		}
	}
	return r;
}

static void scale_at(struct folder *folder, uint32_t place, uint32_t scale)
{
	const struct node *at = &folder->nodes[place];

	*(at->folded ? &folder->fold_scale[at->source] : &folder->scale[at->source]) = scale;
}

static int fold(struct folder *folder, uint32_t i)
{
	struct node *left = &folder->nodes[fold_lefts[i]], *right = &folder->nodes[fold_rights[i]];
	const struct classes *x, *y;
	int r;

	if (!right->alive)
		return 0;
	if (!left->alive) {
		*left = *right;
		folder->fields_of[fold_lefts[i]] = folder->fields_of[fold_rights[i]];
		right->alive = false;
		folder->moves |= 1U << i;
		return 0;
	}
	x = classes_at(folder, fold_lefts[i]);
	y = classes_at(folder, fold_rights[i]);
	if (!worth_folding(folder, x->rows.n, y->rows.n))
		return 0; /* the right side stays where it is */
	r = combine(folder->compiler, x, y, &folder->folds[i]);
	if (r < 0) {
		classes_done(&folder->folds[i]);
		return r == -E2BIG ? 0 : r;
	}
	scale_at(folder, fold_lefts[i], y->rows.n);
	*left = (struct node){ .alive = true, .folded = true, .source = i };
	folder->fields_of[fold_lefts[i]] |= folder->fields_of[fold_rights[i]];
	folder->fields_in[i] = folder->fields_of[fold_lefts[i]];
	right->alive = false;
	folder->done |= 1U << i;
	return 0;
}

/* What was folded no further: its classes lead to rows. */
static int make_vector(struct folder *folder, struct classes *classes)
{
	_cleanup_free_ uint32_t *rows = calloc(classes->rows.n + 1, sizeof(*rows));
	int r = rows ? 0 : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < classes->rows.n; i++) {
		r = rows_intern(&folder->compiler->rows, rows_at(&classes->rows, i), &rows[i]);
		if (r >= 0 && rows[i] >= MAX_SCALAR_ROWS)
			r = -E2BIG;
	}
	for (uint32_t i = 0; r >= 0 && i < classes->n_array; i++)
		classes->array[i] = rows[classes->array[i]];
	return r;
}

/* Room for n elements behind those that are there; *ret_offset is where. */
static int reserve(struct tables *tables, size_t n, uint32_t *ret_offset)
{
	uint16_t *grown = reallocarray(tables->scalars, tables->n_scalars + n, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	tables->scalars = grown;
	memset(grown + tables->n_scalars, 0, n * sizeof(*grown));
	*ret_offset = tables->n_scalars;
	tables->n_scalars += n;
	return 0;
}

static void write_elements(const struct classes *classes, size_t from, size_t n, uint32_t scale,
			   uint16_t *to)
{
	for (size_t i = 0; i < n && from + i < classes->n_array; i++)
		to[i] = classes->array[from + i] * scale;
}

static int append(struct tables *tables, const struct classes *classes, uint32_t scale,
		  uint32_t *ret_offset)
{
	int r = reserve(tables, classes->n_array, ret_offset);

	if (r >= 0)
		write_elements(classes, 0, classes->n_array, scale, tables->scalars + *ret_offset);
	return r;
}

/* The number of the page that equals this one, or of a new one. */
static uint32_t find_page(uint16_t *pages, uint32_t *n, const uint16_t *page)
{
	for (uint32_t i = 0; i < *n; i++)
		if (!memcmp(pages + i * SCALAR_PAGE, page, SCALAR_PAGE * sizeof(*page)))
			return i;
	memcpy(pages + *n * SCALAR_PAGE, page, SCALAR_PAGE * sizeof(*page));
	return (*n)++;
}

/* In pages; see abi.h. */
static int append_pages(struct tables *tables, const struct classes *classes, uint32_t scale,
			uint32_t *ret_offset)
{
	uint32_t n_pages = (classes->n_array + SCALAR_PAGE - 1) / SCALAR_PAGE, used = 0;
	int r = reserve(tables, n_pages + (size_t)n_pages * SCALAR_PAGE, ret_offset);
	uint16_t *numbers, *pages;

	if (r < 0)
		return r;
	numbers = tables->scalars + *ret_offset;
	pages = numbers + n_pages;
	for (uint32_t i = 0; i < n_pages; i++) {
		uint16_t page[SCALAR_PAGE] = {};

		write_elements(classes, (size_t)i * SCALAR_PAGE, SCALAR_PAGE, scale, page);
		numbers[i] = find_page(pages, &used, page);
	}
	tables->n_scalars = *ret_offset + n_pages + used * SCALAR_PAGE;
	return 0;
}

static int write_arrays(struct folder *folder)
{
	struct tables *tables = folder->compiler->tables;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < N_SCALAR_FIELDS; i++)
		if (folder->used & 1U << i)
			r = (scalar_field_domain(i) > SCALAR_DIRECT ? append_pages : append)(
				tables, &folder->fields[i], folder->scale[i],
				&folder->field_offset[i]);
	for (uint32_t i = 0; r >= 0 && i < N_FOLDS; i++)
		if (folder->done & 1U << i)
			r = append(tables, &folder->folds[i], folder->fold_scale[i],
				   &folder->fold_offset[i]);
	return r;
}

/* The element that stands for a field which the policy does not look at: one of a value that does
 * not matter to its rules. A rule without an ethertype wants IP. */
static uint16_t any_element(const struct folder *folder, enum scalar_field field)
{
	uint32_t index = field == FIELD_ETHERTYPE ? 1 + ETHERTYPE_IPV4 : 0;

	return folder->fields[field].array[index] * folder->scale[field];
}

/* What the settings of an interface say: no more than its policy needs. */
static void write_config(const struct folder *folder, struct ruleset_config *config)
{
	uint32_t needed = 0; /* fields that vectors which the policy needs are made of */

	memcpy(config->scalar_offset, folder->field_offset, sizeof(config->scalar_offset));
	memcpy(config->fold_offset, folder->fold_offset, sizeof(config->fold_offset));
	config->moves = folder->moves;
	for (uint32_t place = 0; place < N_SCALAR_FIELDS; place++)
		if (folder->vectors & 1U << place &&
		    folder->fields_of[place] & config->uses_scalars) {
			config->vectors |= 1U << place;
			needed |= folder->fields_of[place];
		}
	for (uint32_t i = 0; i < N_FOLDS; i++)
		if (folder->done & 1U << i && folder->fields_in[i] & needed)
			config->folds |= 1U << i;
	for (enum scalar_field field = 0; field < N_SCALAR_FIELDS; field++)
		if (needed & ~config->uses_scalars & 1U << field)
			config->scalar_element[field] = any_element(folder, field);
}

int compile_scalars(struct compiler *compiler, uint32_t used)
{
	_cleanup_(folder_done) struct folder folder = { .compiler = compiler, .used = used };
	int r = 0;

	for (size_t i = 0; i < compiler->policy->n_rulesets; i++)
		folder.several_words |= compiler->policy->rulesets[i].n_rules > ROW_WORD_BITS;
	for (uint32_t i = 0; r >= 0 && i < N_SCALAR_FIELDS; i++) {
		folder.scale[i] = 1;
		if (!(used & 1U << i))
			continue;
		r = scalar_classes(compiler, i, &folder.fields[i]);
		folder.nodes[i] = (struct node){ .alive = true, .source = i };
		folder.fields_of[i] = 1U << i;
	}
	for (uint32_t i = 0; r >= 0 && i < N_FOLDS; i++) {
		folder.fold_scale[i] = 1;
		r = fold(&folder, i);
	}
	for (uint32_t place = 0; r >= 0 && place < N_SCALAR_FIELDS; place++) {
		if (!folder.nodes[place].alive)
			continue;
		folder.vectors |= 1U << place;
		r = make_vector(&folder, classes_at(&folder, place));
	}
	if (r >= 0)
		r = write_arrays(&folder);
	for (size_t i = 0; r >= 0 && i < compiler->tables->n_configs; i++)
		write_config(&folder, &compiler->tables->configs[i]);
	return r;
}
