/* SPDX-License-Identifier: BSD-2-Clause */
/* What an agent answers: the first byte says which document it is. Whatever it holds, the model
 * stays within its bounds, and what is printed of it is ASCII in lines of 80 columns. */
#include "text/json_text.h"
#include "top/layout.h"
#include "top/once.h"

#include "require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH  80
#define HEIGHT 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static UNGUIDED void check_screen(const struct screen *screen)
{
	for (int y = 0; y < screen->height; y++) {
		for (int x = 0; x < screen->width; x++) {
			if (screen->cells[y][x].character < ' ' ||
			    screen->cells[y][x].character > '~')
				abort();
		}
	}
}

static UNGUIDED void check_lists(const struct top_model *model)
{
	for (unsigned i = 0; i < TOP_LISTS; i++) {
		const struct top_table *table = &model->lists[i];

		if (table->n > TOP_TABLE_ROWS)
			abort();
		for (size_t k = 0; k < table->n; k++) {
			if (!memchr(table->rows[k].name, 0, TOP_NAME_BYTES) ||
			    !memchr(table->rows[k].note, 0, TOP_NOTE_BYTES))
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct top_model model, pieces;
	static struct layout layout;
	static struct screen screen;
	int whole, in_pieces = 0;
	json_t *document;

	if (!size)
		return 0;
	top_model_clear(&model);
	top_model_clear(&pieces);
	top_model_begin(&model, data[0] % TOP_DOCUMENTS);
	top_model_begin(&pieces, data[0] % TOP_DOCUMENTS);
	whole = top_model_feed(&model, (const char *)data + 1, size - 1);
	for (size_t i = 1; i < size && in_pieces == 0; i++)
		in_pieces = top_model_feed(&pieces, (const char *)data + i, 1);
	if (whole != in_pieces || model.queries != pieces.queries ||
	    strcmp(model.verdict, pieces.verdict) != 0)
		abort();
	check_lists(&model);
	if (whole == 0)
		whole = top_model_end(&model);
	if (whole < 0) /* nobody is shown what was refused */
		return 0;
	layout_init(&layout);
	layout.view = data[0] % VIEWS;
	top_rates_add(&layout.history, &model);
	screen_clear(&screen, WIDTH, HEIGHT, false);
	layout_draw(&layout, &model, &screen);
	check_screen(&screen);
	document = once_json(&model);
	json_decref(document);
	return 0;
}
