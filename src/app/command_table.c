/*
 * Tables for people, and the text of others in them.
 */
#include <stdlib.h>
#include <string.h>

#include "command_private.h"

/* Control characters, C1 among them, and what turns the direction of writing around would let a
 * room's name rewrite the screen. */
static bool is_tame(unsigned code)
{
	return !(code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x2028 ||
		 code == 0x2029 || (code >= 0x200b && code <= 0x200f) ||
		 (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
		 code == 0xfeff);
}

void peal_command_put_text(FILE *stream, const char *text, size_t length)
{
	const unsigned char *c = (const unsigned char *)text;

	for (size_t i = 0, size; i < length; i += size) {
		unsigned code = c[i];

		size = c[i] < 0x80 ? 1 : c[i] < 0xe0 ? 2 : c[i] < 0xf0 ? 3 : 4;
		if (i + size > length)
			size = length - i;
		if (size > 1)
			code &= 0xffu >> (size + 1);
		for (size_t j = 1; j < size; j++)
			code = code << 6 | (c[i + j] & 0x3f);
		if (is_tame(code))
			fwrite(text + i, 1, size, stream);
		else
			fprintf(stream, "\\u%04x", code);
	}
}

void peal_command_put_piece(FILE *stream, struct peal_piece piece)
{
	char *text = piece.length && *piece.at == '"' ? peal_piece_string(piece) : NULL;

	if (text)
		peal_command_put_text(stream, text, strlen(text));
	else
		peal_command_put_text(stream, piece.at, piece.length);
	free(text);
}

void peal_command_put_list(FILE *stream, struct peal_piece array)
{
	struct peal_piece item;
	const char *between = "";

	if (!array.length || *array.at != '[')
		return;
	for (struct peal_pieces walk = peal_piece_into(array); peal_piece_next(&walk, NULL, &item);
	     between = ", ") {
		fputs(between, stream);
		peal_command_put_piece(stream, item);
	}
}

static void take(struct peal_table *table, char *text)
{
	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 64;
		char **cells = realloc(table->cells, room * sizeof(*cells));

		if (!cells) {
			free(text);
			text = NULL;
		} else {
			table->cells = cells;
			table->room = room;
		}
	}
	if (!text) {
		table->failed = true;
		return;
	}
	table->cells[table->count++] = text;
}

void peal_table_add(struct peal_table *table, const char *text)
{
	take(table, strdup(text));
}

static void add_by(struct peal_table *table, struct peal_piece piece,
		   void (*put)(FILE *, struct peal_piece))
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream)
		put(stream, piece);
	if (!stream || fclose(stream) != 0) {
		free(text);
		text = NULL;
	}
	take(table, text);
}

void peal_table_add_piece(struct peal_table *table, struct peal_piece piece)
{
	add_by(table, piece, peal_command_put_piece);
}

void peal_table_add_list(struct peal_table *table, struct peal_piece array)
{
	add_by(table, array, peal_command_put_list);
}

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_rows(const struct peal_table *table)
{
	size_t widths[PEAL_TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < table->count; i++) {
		size_t width = width_of(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;

		fputs(table->cells[i], stdout);
		if (column + 1 == table->columns)
			fputc('\n', stdout);
		else
			printf("%*s", (int)(widths[column] - width_of(table->cells[i]) + 2), "");
	}
}

void peal_table_print(struct peal_table *table)
{
	if (table->failed)
		fputs("no memory\n", stderr);
	else
		print_rows(table);
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
}
