/*
 * Arguments: the first byte tells how many attachments there are, the rest is the text of an array.
 * Every accessor is asked about every argument, and what is read is emitted again.
 */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "protocol/args.h"
#include "protocol/json.h"
#include "protocol/text.h"

static const struct peal_bytes attachments[] = { { "zero", 4 }, { NULL, 0 }, { "2", 1 }, { "3", 1 },
						 { "4", 1 },	{ "5", 1 },  { "6", 1 }, { "7", 1 },
						 { "8", 1 },	{ "9", 1 },  { "10", 2 } };

static void check_valid(const struct peal_args *args)
{
	struct peal_buffer array = PEAL_BUFFER(args->length + 2);
	struct peal_json_facts facts;
	peal_buffer_append_char(&array, '[');
	peal_buffer_append(&array, args->text, args->length);
	peal_buffer_append_char(&array, ']');
	FUZZ_CHECK(peal_json_validate(array.bytes, array.length, &facts));
	FUZZ_CHECK(facts.type == PEAL_JSON_ARRAY && facts.items == args->count);
	peal_buffer_deinit(&array);
}

/* What was read as a string or tree is emitted, and read as the same. */
static void check_emitted(const char *string, const struct cJSON *tree)
{
	struct peal_bytes room[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = string ? peal_args_encode(&args, PEAL_VALUES(string, tree), room)
		       : peal_args_encode(&args, PEAL_VALUES(PEAL_NULL, tree), room);
	FUZZ_CHECK(!r);
	check_valid(&args);
	if (string)
		FUZZ_CHECK(!strcmp(peal_args_string(&args, 0), string));
	/* A number like 1e400 is infinite, and goes out as null. */
	const struct cJSON *again = peal_args_json(&args, 1);
	if (cJSON_IsNumber(tree) && !isfinite(tree->valuedouble))
		FUZZ_CHECK(cJSON_IsNull(again));
	else
		FUZZ_CHECK(again->type == tree->type && again->valuedouble == tree->valuedouble);
	peal_args_deinit(&args);
}

static void check_item(const struct peal_args *args, size_t index)
{
	size_t length;
	struct peal_bytes bytes;
	const char *item = peal_args_item(args, index, &length);
	FUZZ_CHECK(item && length);
	FUZZ_CHECK(item >= args->text && item + length <= args->text + args->length);
	enum peal_json_type type = peal_json_type_at(item, item + length);
	const char *string = peal_args_string(args, index);
	const struct cJSON *tree = peal_args_json(args, index);

	FUZZ_CHECK(type != PEAL_JSON_INVALID);
	FUZZ_CHECK(!string ||
		   (type == PEAL_JSON_STRING && peal_args_string(args, index) == string));
	FUZZ_CHECK(tree && peal_args_json(args, index) == tree);
	if (string)
		FUZZ_CHECK(!strcmp(string, tree->valuestring));
	double number = peal_args_number(args, index, 0.5);
	FUZZ_CHECK(type == PEAL_JSON_NUMBER ? number == tree->valuedouble : number == 0.5);
	FUZZ_CHECK(peal_args_bool(args, index, false) == (type == PEAL_JSON_TRUE));
	FUZZ_CHECK(peal_args_bool(args, index, true) == (type != PEAL_JSON_FALSE));
	if (peal_args_bytes(args, index, &bytes)) {
		FUZZ_CHECK(type == PEAL_JSON_OBJECT);
		FUZZ_CHECK(cJSON_HasObjectItem(tree, "_placeholder"));
	}
	check_emitted(string, tree);
}

static void check_args(const struct peal_args *args)
{
	size_t length, count = peal_args_count(args);
	struct peal_args *copy;
	FUZZ_CHECK(peal_args_text(args, &length) == args->text && length == args->length);
	check_valid(args);
	for (size_t i = 0; i < count && i < 64; i++)
		check_item(args, i);
	for (size_t i = count; i > 64 && i > count - 8; i--)
		check_item(args, i - 1);
	FUZZ_CHECK(!peal_args_item(args, count, &length));
	FUZZ_CHECK(!peal_args_string(args, count));
	FUZZ_CHECK(!peal_args_json(args, count));
	FUZZ_CHECK(!peal_args_copy(args, &copy));
	FUZZ_CHECK(copy->length == args->length && !memcmp(copy->text, args->text, copy->length));
	FUZZ_CHECK(peal_args_attachment_count(copy) == peal_args_attachment_count(args));
	for (size_t i = 0; i < copy->attachment_count; i++)
		FUZZ_CHECK(peal_args_attachment(copy, i).length == attachments[i].length);
	peal_args_free(copy);
}

/* The text as a C value, as a string and as JSON. */
static void check_values(const char *text, size_t size)
{
	struct peal_json_facts facts;
	struct peal_bytes room[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	struct peal_arg string = { .type = PEAL_ARG_STRING, .length = size };
	struct peal_arg json = { .type = PEAL_ARG_JSON, .length = size };
	string.value.string = text;
	json.value.json = text;

	int r = peal_args_encode(&args, PEAL_VALUES(string), room);
	FUZZ_CHECK(r == (peal_utf8_valid(text, size) ? 0 : PEAL_EMIT_E_INVALID));
	if (!r) {
		check_valid(&args);
		peal_args_deinit(&args);
	}
	bool valid = peal_json_validate(text, size, &facts) && facts.depth < PEAL_LIMIT_JSON_DEPTH;
	r = peal_args_encode(&args, PEAL_VALUES(json), room);
	FUZZ_CHECK(r == (valid ? 0 : PEAL_EMIT_E_INVALID));
	if (!r) {
		check_valid(&args);
		peal_args_deinit(&args);
	}
	r = peal_args_encode(&args, PEAL_VALUES(PEAL_BYTES(text, size), json), room);
	FUZZ_CHECK(r == (valid && !facts.placeholders ? 0 : PEAL_EMIT_E_INVALID));
	if (!r) {
		struct peal_bytes bytes;
		FUZZ_CHECK(peal_args_bytes(&args, 0, &bytes) && bytes.length == size);
		FUZZ_CHECK(!peal_args_bytes(&args, 1, &bytes));
		check_valid(&args);
		peal_args_deinit(&args);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_args *args;
	struct peal_json_facts facts;
	if (!size)
		return 0;
	size_t count = data[0] % 12;
	char *text = fuzz_exact(data + 1, size - 1);
	size--;
	int r = peal_args_new_from_json(text, size, attachments, count, &args);
	if (count > PEAL_LIMIT_ATTACHMENTS) {
		FUZZ_CHECK(r == PEAL_EMIT_E_TOO_LARGE);
	} else {
		bool valid = peal_json_validate(text, size, &facts) &&
			     facts.type == PEAL_JSON_ARRAY &&
			     (!facts.placeholders ||
			      (!facts.placeholder_invalid && facts.placeholder_max < count));
		FUZZ_CHECK(r == (valid ? 0 : PEAL_EMIT_E_INVALID));
	}
	if (!r) {
		check_args(args);
		peal_args_free(args);
	}
	check_values(text, size);
	free(text);
	return 0;
}
